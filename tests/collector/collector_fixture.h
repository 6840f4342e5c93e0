// A collector between one bus of memory and a store of memory, started by each test as it needs it.
// Not the tests: see collector_test.cc and faults_test.cc.
#ifndef TALLY_TESTS_COLLECTOR_COLLECTOR_FIXTURE_H
#define TALLY_TESTS_COLLECTOR_COLLECTOR_FIXTURE_H

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "collector/collector.h"
#include "collector/fakes.h"
#include "plugin/managers/dispatcher.h"

namespace tally::collector {

inline constexpr Milliseconds kLong{20'000};

inline void expect_balanced(const CollectorStatus& status) {
  EXPECT_TRUE(status.messages.balanced()) << status_json(status, {});
  EXPECT_TRUE(status.samples.balanced()) << status_json(status, {});
  for (const BusStatus& bus : status.buses) {
    EXPECT_TRUE(bus.books.messages.balanced()) << bus.name;
    EXPECT_TRUE(bus.books.samples.balanced()) << bus.name;
  }
}

class CollectorTest : public testing::Test {
 protected:
  CollectorTest() {
    options_.buses = {bus("fake://one", bus_)};
    options_.store = {"fake://store", "1", [end = store_] { return std::make_unique<fakes::Storage>(end); }};
    options_.batch_age = Milliseconds(5);
    options_.retry_first = options_.again_first = Milliseconds(1);
    options_.retry_most = Milliseconds(5);
    use([](const Notification& notification, wire::SampleList& samples) {
      samples.push_back(fakes::sample(std::string(notification.event_type)));
      return absl::OkStatus();
    });
  }
  static BusOptions bus(const std::string& name, const std::shared_ptr<fakes::BusEnd>& end) {
    return {name, name, [end] { return std::make_unique<fakes::Transport>(end); }};
  }
  // One handler that takes "made.*", "rejected" and "refused".
  void use(fakes::Handler::Function function, PipelineRules rules = {}) {
    options_.pipeline = [function, rules]() -> absl::StatusOr<Pipeline> {
      auto handlers = std::make_unique<plugin::Dispatcher>();
      const absl::Status status = handlers->add(
          "notification:fake",
          std::make_unique<fakes::Handler>(std::vector<std::string>{"made.*", "rejected", "refused"}, function));
      if (!status.ok()) return status;
      handlers->park("notification:gone", "its file is broken", {"gone.*"});
      return Pipeline(rules, std::move(handlers));
    };
  }
  void start() {
    auto opened = Collector::open(options_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    collector_ = *std::move(opened);
    collector_->start();
  }
  void send(int first, int last) {
    for (int i = first; i < last; ++i) bus_->send(fakes::message(std::to_string(i), "made.one"));
  }
  void settled(std::uint64_t received) { ASSERT_TRUE(collector_->wait_settled(received, kLong)); }

  std::shared_ptr<fakes::BusEnd> bus_ = std::make_shared<fakes::BusEnd>();
  std::shared_ptr<fakes::StoreEnd> store_ = std::make_shared<fakes::StoreEnd>();
  CollectorOptions options_;
  std::unique_ptr<Collector> collector_;
};

}  // namespace tally::collector

#endif
