// Transport "local": messages over a Unix socket on one host, durable in a spool; consumer, sender, or both.
// Not for other hosts: a bus does that.
#include <sys/eventfd.h>
#include <unistd.h>

#include <poll.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include <tally/plugin.h>

#include "client.h"
#include "consumer.h"

namespace tally::local {
namespace {

constexpr std::string_view kScheme = "local://";

std::filesystem::path socket_of(const std::string& url) {
  if (!url.starts_with(kScheme) || url.size() <= kScheme.size() + 1 || url[kScheme.size()] != '/' ||
      url.find_first_of("?#%") != std::string::npos || url.back() == '/') {
    throw Error::permanent("\"" + url + "\": write local:///absolute/path/of/the.sock, without ?, # and %");
  }
  return url.substr(kScheme.size());
}

class Local : public Transport {
 public:
  explicit Local(const Config& config) : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!wake_) throw Error::transient("cannot make an event descriptor: " + system_error_text(errno));
    const auto warn = [](const std::string& text) { log(Level::warning, text); };
    server_.socket = socket_of(config.url());
    server_.max_message = static_cast<std::uint32_t>(std::min<std::uint64_t>(config.bytes("max_message"), 512U << 20));
    server_.most_peers = static_cast<std::size_t>(config.integer("senders"));
    server_.access = Access::parse(config.list("allow"));
    server_.warn = warn;
    spool_.capacity_bytes = config.bytes("spool_bytes");
    spool_.max_record_bytes = server_.max_message + kMostTopic + 2;
    client_.emplace(server_.socket, warn);
  }

  void consume(std::uint32_t prefetch) override {
    if (!consumer_) consumer_ = std::make_unique<Consumer>(server_, spool_, prefetch);
  }

  void service(std::uint32_t max_messages, std::uint32_t timeout_ms, const TransportEvents& events) override {
    if (consumer_) {
      consumer_->service(max_messages, timeout_ms, wake_.get(), events);
    } else {
      pollfd watched{wake_.get(), POLLIN, 0};
      static_cast<void>(::poll(&watched, 1, static_cast<int>(std::min<std::uint32_t>(timeout_ms, 60'000))));
    }
    std::uint64_t count = 0;
    static_cast<void>(::read(wake_.get(), &count, sizeof count));
  }

  void settle(std::span<const Settlement> settlements) override {
    if (consumer_) consumer_->settle(settlements);
  }

  void publish(std::span<const OutgoingView> messages, std::uint32_t timeout_ms, std::span<Outcome> results) override {
    if (consumer_) {
      consumer_->publish(messages, results);
    } else {
      client_->publish(messages, timeout_ms, results);
    }
  }

  void wake() override {
    const std::uint64_t one = 1;
    static_cast<void>(::write(wake_.get(), &one, sizeof one) > 0);
  }

  void stop() override {
    if (consumer_) consumer_->stop();
  }

  void rewind(std::int64_t, bool, std::uint32_t, const RewindSink&) override {
    throw Error::permanent(
        "the spool keeps nothing that was stored, so there is nothing to read again (doc/restore.md)");
  }

 private:
  Fd wake_;
  ServerOptions server_;
  spool::SpoolOptions spool_;
  std::unique_ptr<Consumer> consumer_;
  std::optional<Client> client_;
};

}  // namespace
}  // namespace tally::local

// clang-format off
TALLY_PLUGIN(tally::local::Local, {
  "name": "local", "version": "0.1.0",
  "summary": "Messages over a Unix socket on one host, durable on its disk",
  "roles": [{"role": "transport", "name": "local", "schemes": ["local"], "query": [],
             "summary": "A Unix socket with a durable spool beside it",
             "config": [
               {"key": "max_message", "type": "bytes", "default": "16MiB", "min": 1, "max": 536870912,
                "help": "longest message that the consumer takes; a longer one is refused for good"},
               {"key": "spool_bytes", "type": "bytes", "default": "1GiB", "min": 65536,
                "help": "room for messages not yet settled; when it is full, senders are told to come again"},
               {"key": "senders", "type": "integer", "default": 256, "min": 1, "max": 4096,
                "help": "most connections at once"},
               {"key": "allow", "type": "list", "default": [],
                "help": "who may send, beside root and the consumer's user: a user, or group:NAME; the first group owns the socket"}]}]})
