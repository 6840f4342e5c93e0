// When a collector is ready, what it says while it is not, and which of its reasons are logged.
// Not for what becomes of messages meanwhile: collector_test.cc and faults_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/status.h"
#include "collector/collector_fixture.h"

namespace tally::collector {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class ReadinessTest : public CollectorTest {
 protected:
  ReadinessTest() {
    log::Options options;
    options.sink = [this](std::string_view line) {
      const std::lock_guard lock(mutex_);
      lines_.emplace_back(line);
    };
    log::flush();  // what was said in another test would only be counted here
    log::configure(options);
  }
  ~ReadinessTest() override {
    collector_ = nullptr;
    log::flush();
    log::configure({});
  }

  template <class Condition>
  static bool wait(Condition condition) {
    const auto until = std::chrono::steady_clock::now() + kLong;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > until) return false;
      std::this_thread::yield();
    }
    return true;
  }
  bool wait_bus(const std::string& state, const std::string& reason) {
    return wait([&] {
      const BusStatus bus = collector_->status().buses.at(0);
      return bus.state == state && bus.reason == reason;
    });
  }
  bool wait_ready() {
    return wait([&] { return collector_->status().not_ready.empty(); });
  }
  // A line is written a moment after the state has changed.
  bool wait_logged(const std::string& words, long times) {
    return wait([&] { return logged(words) >= times; }) && logged(words) == times;
  }
  long logged(const std::string& words) {
    const std::lock_guard lock(mutex_);
    return std::count_if(lines_.begin(), lines_.end(),
                         [&](const std::string& line) { return line.find(words) != std::string::npos; });
  }

  std::mutex mutex_;
  std::vector<std::string> lines_;
};

TEST_F(ReadinessTest, ABusThatHasNotAnsweredIsNotReadyAndNoFault) {
  bus_->set_serviced(absl::Status(kUnclaimed, "connecting"));
  start();
  ASSERT_TRUE(wait_bus("waiting", "connecting"));
  EXPECT_THAT(collector_->status().not_ready, Contains("bus fake://one: connecting"));
  bus_->set_serviced(absl::OkStatus());
  ASSERT_TRUE(wait_ready()) << "a quiet bus is ready";
  EXPECT_EQ(logged("connecting"), 0);
  EXPECT_TRUE(wait_logged("bus fake://one is connected", 1));
}

TEST_F(ReadinessTest, AFaultFromTheStartIsLoggedAtOnceAndAgainWhenItsReasonChanges) {
  bus_->set_serviced(transient("login was refused"));
  start();
  ASSERT_TRUE(wait_bus("away", "login was refused"));
  EXPECT_THAT(collector_->status().not_ready, Contains("bus fake://one is away: login was refused"));
  EXPECT_TRUE(wait_logged("bus fake://one is away: login was refused", 1));
  bus_->set_serviced(transient("no such virtual host"));
  ASSERT_TRUE(wait_bus("away", "no such virtual host"));
  EXPECT_TRUE(wait_logged("bus fake://one is away: no such virtual host", 1));
  bus_->set_serviced(absl::OkStatus());
  ASSERT_TRUE(wait_ready());
  EXPECT_TRUE(wait_logged("is away", 2));
  bus_->set_serviced(transient("no such virtual host"));
  ASSERT_TRUE(wait_bus("away", "no such virtual host"));
  EXPECT_THAT(collector_->status().not_ready, Not(IsEmpty()));
}

TEST_F(ReadinessTest, WhatABusRefusesIsSaidAndTheRestGoesOn) {
  bus_->set_serviced(permanent("queue one may not be consumed"));
  start();
  ASSERT_TRUE(wait_bus("degraded", "queue one may not be consumed"));
  EXPECT_THAT(collector_->status().not_ready, Contains("bus fake://one: queue one may not be consumed"));
  EXPECT_TRUE(wait_logged("bus fake://one: queue one may not be consumed", 1));
  bus_->send(fakes::message("1", "made.a"));
  settled(1);
  EXPECT_EQ(collector_->status().messages.stored, 1U);
}

TEST_F(ReadinessTest, ABusThatCannotBeOpenedIsLogged) {
  options_.buses[0].open = []() -> absl::StatusOr<std::unique_ptr<plugin::TransportDriver>> {
    return permanent("the URL is wrong");
  };
  start();
  ASSERT_TRUE(wait_bus("away", "the URL is wrong"));
  EXPECT_TRUE(wait_logged("bus fake://one is away: the URL is wrong", 1));
}

TEST_F(ReadinessTest, AStoreThatCannotBeOpenedIsLoggedOnceHoweverManyWritersTry) {
  std::atomic<int> attempts{0};
  options_.store.writers = 2;
  options_.store.open = [&attempts]() -> absl::StatusOr<std::unique_ptr<plugin::StorageDriver>> {
    ++attempts;
    return transient("password authentication failed");
  };
  start();
  ASSERT_TRUE(wait([&] { return attempts > 8; }));
  const CollectorStatus status = collector_->status();
  EXPECT_THAT(status.not_ready, Contains(HasSubstr("store fake://store is away: password authentication failed")));
  EXPECT_EQ(status.store.state, "away");
  EXPECT_TRUE(wait_logged("password authentication failed", 1));
}

TEST_F(ReadinessTest, WithoutABusThereIsNothingToBeReadyFor) {
  options_.buses.clear();
  start();
  EXPECT_THAT(collector_->status().not_ready, Contains(HasSubstr("no bus is configured")));
}

TEST_F(ReadinessTest, LagLastMessageAndWarningsAreShown) {
  {
    const std::lock_guard lock(bus_->mutex);
    bus_->queues = {{"info", "present", 7, 2, false, "somebody else consumes it"},
                    {"error", "present", 5, 1, false, ""}};
  }
  start();
  bus_->send(fakes::message("1", "made.a"));
  settled(1);
  const CollectorStatus status = collector_->status();
  EXPECT_THAT(status.buses.at(0).warnings, ElementsAre("queue info: somebody else consumes it"));
  EXPECT_TRUE(status.buses.at(0).last_message.has_value());
  EXPECT_THAT(status_json(status, {"tally-collector", "1"}),
              HasSubstr(R"("waiting":12,"last_message":")" + status.buses.at(0).last_message->to_string() +
                        R"(","warnings":["queue info: somebody else consumes it"])"));
  {
    const std::lock_guard lock(bus_->mutex);
    bus_->queues = {{"info", "present", 7, 1, false, ""}};
  }
  ASSERT_TRUE(wait([&] { return collector_->status().buses.at(0).warnings.empty(); }));
}

}  // namespace
}  // namespace tally::collector
