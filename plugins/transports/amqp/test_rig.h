// What the amqp transport's tests share: the transport under test, a raw client beside it, a proxy that cuts and
// stalls. Not for the tests themselves.
#ifndef TALLY_AMQP_TEST_RIG_H
#define TALLY_AMQP_TEST_RIG_H

#include <amqp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/status.h"
#include "support/transport_rig.h"

namespace tally::plugin {

using Options = std::vector<std::pair<std::string, std::string>>;

// $TALLY_TEST_AMQP with another host and port.
std::string broker_url(const std::string& hosts = {});
int broker_port();
// rabbitmqctl with these words; true: it succeeded.
bool broker_ctl(const std::string& words);

// A transport under test, its topics prefixed, so that queues and exchange are of one test alone.
class AmqpRig : public TransportRig {
 public:
  explicit AmqpRig(std::string url = broker_url());

  std::unique_ptr<TransportDriver> make() override { return make({}); }
  std::unique_ptr<TransportDriver> make(const Options& more);
  // As make, for a URL of its own; the status where it cannot be made.
  absl::StatusOr<std::unique_ptr<TransportDriver>> open(const std::string& url, const Options& more);
  bool takes_without_consumer() const override { return true; }
  std::string topic_of(const std::string& topic) const override { return prefix + topic; }

  std::string prefix;
  std::string exchange() const { return prefix + "exchange"; }

 private:
  std::string url_;
};

// The same over one queue of our own.
class OwnRig : public AmqpRig {
 public:
  std::unique_ptr<TransportDriver> make() override { return AmqpRig::make(own()); }
  Options own(const Options& more = {}) const {
    Options options = {{"queues", "own"}, {"exchanges", "[\"" + exchange() + "\"]"}, {"own_type", type}};
    options.insert(options.end(), more.begin(), more.end());
    return options;
  }
  std::string type = "classic";
};
// Another client of the same broker, that does one thing after the other.
class RawClient {
 public:
  RawClient();
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  void declare_queue(const std::string& name, bool durable = false, const std::string& type = {});
  void declare_exchange(const std::string& name);
  // False: it is not there.
  bool has_queue(const std::string& name, int* messages = nullptr);
  // So many consumers; -1: it is not there.
  int consumers(const std::string& name);
  void delete_queue(const std::string& name);
  // From then on, and nothing of what comes is acknowledged.
  void consume(const std::string& queue);
  void publish(const std::string& exchange, const std::string& key, const std::string& body);

 private:
  void check(const char* what);
  void open_channel();

  amqp_connection_state_t connection_;
};

// Stands between a client and the broker, on a port of its own.
class Proxy {
 public:
  Proxy();
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  std::string hosts() const { return "127.0.0.1:" + std::to_string(port_); }
  // Ends all connections that there are.
  void cut() { ++cuts_; }
  // Forwards nothing more, and reads nothing.
  void stall(bool stalled) { stalled_ = stalled; }
  std::uint64_t forwarded() const { return forwarded_; }

 private:
  void run();
  void accept_one();
  bool forward(int from, int to);
  void close_all();

  int listener_;
  int port_ = 0;
  std::map<int, int> peers_;  // the thread's own: each end to the other
  std::atomic<int> cuts_ = 0;
  std::atomic<bool> stalled_ = false;
  std::atomic<bool> ending_ = false;
  std::atomic<std::uint64_t> forwarded_ = 0;
  std::thread thread_;
};

class AmqpTest : public testing::Test {
 protected:
  AmqpTest() {
    events_.message = [this](Message got) { got_.push_back(std::move(got)); };
    events_.lane_lost = [this](std::uint64_t lane, std::uint64_t generation) { lost_.emplace_back(lane, generation); };
    events_.counted = [this](std::string_view what, std::uint64_t total) { counts_[std::string(what)] = total; };
    events_.queue = [this](const Queue& queue) { depths_[queue.name] = queue; };
  }

  template <class Done>
  void pump(TransportDriver& transport, Done&& done, std::uint32_t max_messages = 100) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done() && std::chrono::steady_clock::now() < deadline) {
      const absl::Status status = transport.service(max_messages, 20, events_);
      ASSERT_TRUE(is_well(status) || status.code() == kTransient || status.code() == kPermanent) << status;
    }
    ASSERT_TRUE(done());
  }

  std::string queue(const std::string& priority = "info") const { return rig_.prefix + "notifications." + priority; }

  static void settle(TransportDriver& transport, const std::vector<Message>& messages) {
    std::vector<Settlement> settlements;
    for (const Message& message : messages) settlements.push_back({message.delivery, Settle::acknowledge});
    ASSERT_TRUE(transport.settle(settlements).ok());
  }

  OwnRig rig_;
  RawClient raw_;
  ServiceEvents events_;
  std::vector<Message> got_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> lost_;
  std::map<std::string, std::uint64_t> counts_;
  std::map<std::string, Queue> depths_;  // as told last
};

}  // namespace tally::plugin

#endif
