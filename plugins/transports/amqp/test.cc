// The amqp transport as the host runs it: loaded from its module, over a real RabbitMQ ($TALLY_TEST_AMQP).
// Not for its inner parts: test_internals.cc.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "plugin/adapters.h"
#include "plugin/catalog.h"
#include "support/transport_conformance.h"

namespace tally::host {
namespace {

namespace fs = std::filesystem;

using Options = std::vector<std::pair<std::string, std::string>>;

// Puts a prefix before the topics that it publishes.
class Prefixed : public Transport {
 public:
  Prefixed(std::unique_ptr<Transport> inner, std::string prefix)
      : inner_(std::move(inner)), prefix_(std::move(prefix)) {}

  absl::Status consume(std::uint32_t prefetch) override { return inner_->consume(prefetch); }
  absl::Status service(std::uint32_t max_messages, std::uint32_t timeout_ms, const TransportEvents& events) override {
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

 private:
  std::unique_ptr<Transport> inner_;
  std::string prefix_;
};

// Queues and an exchange that no other test uses.
class AmqpRig : public TransportRig {
 public:
  explicit AmqpRig(std::string url = std::getenv("TALLY_TEST_AMQP")) : url_(std::move(url)) {
    static std::atomic<int> made = 0;
    prefix = "t" + std::to_string(::getpid()) + "x" + std::to_string(++made) + ".";
  }

  std::unique_ptr<Transport> make() override { return make({}); }

  std::unique_ptr<Transport> make(const Options& more) {
    static Catalog catalog = [] {
      const std::vector<fs::path> folders = {std::getenv("TALLY_TEST_PLUGINS")};
      return Catalog::scan(folders);
    }();
    Entry* entry = catalog.find_scheme(Role::transport, "amqp");
    if (entry == nullptr) {
      ADD_FAILURE() << "no module for amqp:// in $TALLY_TEST_PLUGINS";
      return nullptr;
    }
    Options options = {
        {"look_again", "0.1"}, {"exchange", prefix + "exchange"}, {"topics", "[\"" + prefix + "notifications\"]"}};
    options.insert(options.end(), more.begin(), more.end());
    auto made = make_transport(*entry, {options, url_, "testhost"});
    EXPECT_TRUE(made.ok()) << made.status();
    if (!made.ok()) return nullptr;
    return std::make_unique<Prefixed>(*std::move(made), prefix);
  }

  bool takes_without_consumer() const override { return true; }

  std::string topic_of(const std::string& topic) const override { return prefix + topic; }

  std::string prefix;

 private:
  std::string url_;
};

INSTANTIATE_TEST_SUITE_P(Amqp, TransportConformance,
                         testing::Values(RigFactory([] { return std::make_unique<AmqpRig>(); })));

}  // namespace
}  // namespace tally::host
