#include "test_rig.h"

#include <amqp_tcp_socket.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>

#include "plugin/call/adapters.h"
#include "plugin/catalog/catalog.h"

namespace tally::plugin {
namespace {

namespace fs = std::filesystem;

amqp_bytes_t bytes(const std::string& text) { return {text.size(), const_cast<char*>(text.data())}; }

sockaddr_in local(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// Puts a prefix before the topics that it publishes.
class Prefixed : public TransportDriver {
 public:
  Prefixed(std::unique_ptr<TransportDriver> inner, std::string prefix)
      : inner_(std::move(inner)), prefix_(std::move(prefix)) {}

  absl::Status consume(std::uint32_t prefetch) override { return inner_->consume(prefetch); }
  absl::Status service(std::uint32_t max_messages, std::uint32_t timeout_ms, const ServiceEvents& events) override {
    return inner_->service(max_messages, timeout_ms, events);
  }
  absl::Status settle(std::span<const Settlement> settlements) override { return inner_->settle(settlements); }
  absl::StatusOr<std::vector<absl::Status>> publish(std::span<const Outgoing> messages,
                                                    std::uint32_t timeout_ms) override {
    std::vector<Outgoing> renamed(messages.begin(), messages.end());
    for (Outgoing& message : renamed) message.topic = prefix_ + message.topic;
    return inner_->publish(renamed, timeout_ms);
  }
  void wake() override { inner_->wake(); }
  absl::Status stop() override { return inner_->stop(); }
  absl::Status inspect(std::uint32_t timeout_ms, const TakeQueue& queues) override {
    return inner_->inspect(timeout_ms, queues);
  }
  absl::Status unsubscribe(std::uint32_t timeout_ms, const TakeQueue& queues) override {
    return inner_->unsubscribe(timeout_ms, queues);
  }

 private:
  std::unique_ptr<TransportDriver> inner_;
  std::string prefix_;
};

}  // namespace

std::string broker_url(const std::string& hosts) {
  const char* url = std::getenv("TALLY_TEST_AMQP");
  if (url == nullptr) return "amqp://no-broker-in-TALLY_TEST_AMQP";
  std::string text = url;
  if (hosts.empty()) return text;
  const std::size_t at = text.find('@') + 1;
  return text.substr(0, at) + hosts + text.substr(text.find('/', at));
}

int broker_port() {
  const std::string url = broker_url();
  return std::atoi(url.c_str() + url.rfind(':') + 1);
}

bool broker_ctl(const std::string& words) {
  const char* command = std::getenv("TALLY_TEST_RABBITMQCTL");
  return command != nullptr && std::system((std::string(command) + " " + words + " > /dev/null").c_str()) == 0;
}

AmqpRig::AmqpRig(std::string url) : url_(std::move(url)) {
  static std::atomic<int> made = 0;
  prefix = "t" + std::to_string(::getpid()) + "x" + std::to_string(++made) + ".";
}

std::unique_ptr<TransportDriver> AmqpRig::make(const Options& more) {
  auto made = open(url_, more);
  EXPECT_TRUE(made.ok()) << made.status();
  return made.ok() ? *std::move(made) : nullptr;
}

absl::StatusOr<std::unique_ptr<TransportDriver>> AmqpRig::open(const std::string& url, const Options& more) {
  const std::vector<fs::path> folders = {std::getenv("TALLY_TEST_PLUGINS")};
  Catalog catalog = Catalog::scan(folders);  // each time: an entry that failed once stays so
  Entry* entry = catalog.find_scheme(Role::transport, "amqp");
  if (entry == nullptr) return absl::NotFoundError("no module for amqp:// in $TALLY_TEST_PLUGINS");
  Options options = {{"look_again", "0.1"},
                     {"retry_first", "0.02"},
                     {"retry_last", "0.2"},
                     {"exchange", exchange()},
                     {"topics", "[\"" + prefix + "notifications\"]"}};
  options.insert(options.end(), more.begin(), more.end());
  auto made = make_transport(*entry, {options, url, "testhost"});
  if (!made.ok()) return made.status();
  return std::make_unique<Prefixed>(*std::move(made), prefix);
}

// --- a raw client --------------------------------------------------------------------------------------------------

RawClient::RawClient() : connection_(amqp_new_connection()) {
  amqp_socket_t* socket = amqp_tcp_socket_new(connection_);
  EXPECT_EQ(amqp_socket_open(socket, "127.0.0.1", broker_port()), AMQP_STATUS_OK);
  const auto reply = amqp_login(connection_, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest");
  EXPECT_EQ(reply.reply_type, AMQP_RESPONSE_NORMAL);
  open_channel();
}

RawClient::~RawClient() {
  amqp_connection_close(connection_, AMQP_REPLY_SUCCESS);
  amqp_destroy_connection(connection_);
}

void RawClient::open_channel() {
  amqp_channel_open(connection_, 1);
  check("open a channel");
  amqp_confirm_select(connection_, 1);
  check("ask for confirmations");
}

void RawClient::check(const char* what) {
  EXPECT_EQ(amqp_get_rpc_reply(connection_).reply_type, AMQP_RESPONSE_NORMAL) << what;
}

void RawClient::declare_queue(const std::string& name, bool durable, const std::string& type) {
  amqp_table_entry_t entry{};
  entry.key = amqp_cstring_bytes("x-queue-type");
  entry.value.kind = AMQP_FIELD_KIND_UTF8;
  entry.value.value.bytes = bytes(type);
  const amqp_table_t arguments = {type.empty() ? 0 : 1, &entry};
  amqp_queue_declare(connection_, 1, bytes(name), 0, durable ? 1 : 0, 0, 0, arguments);
  check("declare a queue");
}

void RawClient::declare_exchange(const std::string& name) {
  amqp_exchange_declare(connection_, 1, bytes(name), amqp_cstring_bytes("topic"), 0, 0, 0, 0, amqp_empty_table);
  check("declare an exchange");
}

bool RawClient::has_queue(const std::string& name, int* messages) {
  const auto* found = amqp_queue_declare(connection_, 1, bytes(name), 1, 0, 0, 0, amqp_empty_table);
  if (found == nullptr) {
    amqp_channel_close_ok_t ok{};
    amqp_send_method(connection_, 1, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok);
    open_channel();
    return false;
  }
  if (messages != nullptr) *messages = static_cast<int>(found->message_count);
  return true;
}

void RawClient::delete_queue(const std::string& name) {
  amqp_queue_delete(connection_, 1, bytes(name), 0, 0);
  check("delete a queue");
}

int RawClient::consumers(const std::string& name) {
  if (!has_queue(name)) return -1;
  return static_cast<int>(
      amqp_queue_declare(connection_, 1, bytes(name), 1, 0, 0, 0, amqp_empty_table)->consumer_count);
}

void RawClient::consume(const std::string& queue) {
  amqp_basic_consume(connection_, 1, bytes(queue), amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
  check("consume a queue");
}

void RawClient::publish(const std::string& exchange, const std::string& key, const std::string& body) {
  ASSERT_EQ(amqp_basic_publish(connection_, 1, bytes(exchange), bytes(key), 0, 0, nullptr, bytes(body)),
            AMQP_STATUS_OK);
  amqp_frame_t frame{};
  ASSERT_EQ(amqp_simple_wait_frame(connection_, &frame), AMQP_STATUS_OK);
  ASSERT_EQ(frame.payload.method.id, AMQP_BASIC_ACK_METHOD);
}

// --- a proxy -------------------------------------------------------------------------------------------------------

Proxy::Proxy() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = local(0);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::listen(listener_, 16), 0);
  EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

Proxy::~Proxy() {
  ending_ = true;
  thread_.join();
  close_all();
  ::close(listener_);
}

void Proxy::close_all() {
  for (const auto& [fd, other] : peers_) ::close(fd);
  peers_.clear();
}

void Proxy::accept_one() {
  const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  const int broker = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = local(broker_port());
  if (client < 0 || ::connect(broker, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    ::close(client);
    ::close(broker);
    return;
  }
  peers_[client] = broker;
  peers_[broker] = client;
}

bool Proxy::forward(int from, int to) {
  std::array<char, 65536> block;
  const ssize_t got = ::recv(from, block.data(), block.size(), 0);
  if (got > 0) forwarded_ += static_cast<std::uint64_t>(got);
  return got > 0 && ::send(to, block.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL) == got;
}

void Proxy::run() {
  int cuts = 0;
  while (!ending_) {
    if (const int wanted = cuts_; wanted != cuts) {
      cuts = wanted;
      close_all();
    }
    std::vector<pollfd> watched = {{listener_, POLLIN, 0}};
    if (!stalled_) {
      for (const auto& [fd, other] : peers_) watched.push_back({fd, POLLIN, 0});
    }
    ::poll(watched.data(), watched.size(), 10);
    if ((watched[0].revents & POLLIN) != 0) accept_one();
    for (std::size_t i = 1; i < watched.size(); ++i) {
      const auto found = peers_.find(watched[i].fd);
      if (watched[i].revents == 0 || found == peers_.end()) continue;
      const auto [from, to] = *found;
      if (forward(from, to)) continue;
      peers_.erase(from);
      peers_.erase(to);
      ::close(from);
      ::close(to);
    }
  }
}

}  // namespace tally::plugin
