// The collector between a bus, handlers and a store of memory: what is settled when, and that the books balance.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "collector/collector_fixture.h"
#include "plugin/managers/dispatcher.h"

namespace tally::collector {
namespace {

using ::testing::Contains;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(CollectorTest, EveryOutcomeIsCountedHereAndInTheStore) {
  start();
  const std::string stored = fakes::message("1", "made.a");
  bus_->send(stored);
  settled(1);
  bus_->send(stored);                                // duplicate
  bus_->send(fakes::message("2", "nobody.claims"));  // filtered
  bus_->send("rubbish");                             // dead
  bus_->send(fakes::message("3", "rejected"));       // dead: the store's word
  bus_->send(fakes::message("4", "gone.away"));      // dead: parked
  settled(6);
  ASSERT_TRUE(bus_->wait_acknowledged(6));
  const CollectorStatus status = collector_->status();
  expect_balanced(status);
  EXPECT_EQ(status.messages.received, 6U);
  EXPECT_EQ(status.messages.stored, 1U);
  EXPECT_EQ(status.messages.duplicate, 1U);
  EXPECT_EQ(status.messages.filtered, 1U);
  EXPECT_EQ(status.messages.dead, 3U);
  EXPECT_EQ(status.samples.made, 3U);
  EXPECT_EQ(status.samples.stored, 1U);
  EXPECT_EQ(status.samples.duplicate, 1U);
  EXPECT_EQ(status.samples.dead, 1U);
  EXPECT_EQ(store_->book("messages", "stored"), 1U);
  EXPECT_EQ(store_->book("messages", "duplicate"), 1U);
  EXPECT_EQ(store_->book("messages", "filtered"), 1U);
  EXPECT_EQ(store_->book("messages", "dead"), 3U);
  EXPECT_EQ(store_->book("samples", "dead"), 1U);
  EXPECT_THAT(store_->letters(), SizeIs(3));
  EXPECT_THAT(status.not_ready, Contains(HasSubstr("notification:gone")));
  EXPECT_EQ(status.batch_messages, 6U);
  EXPECT_EQ(status.batch_samples, 3U);
  EXPECT_GT(status.write_time.count(), 0);
  std::uint64_t letters = 0;
  for (const auto& [reason, count] : status.dead_letters) letters += count;
  EXPECT_EQ(letters, 3U);
  EXPECT_EQ(status.dead_letters.at("unreadable"), 1U);
  EXPECT_EQ(status.buses.at(0).oldest.count(), 0) << "nothing waits";
  const std::string json = status_json(status, {"tally-collector", "1.2.3", {"/etc/tally/collector.yaml"}});
  EXPECT_THAT(json, HasSubstr(R"("program":"tally-collector","pid":)"));
  EXPECT_THAT(json, HasSubstr(R"("version":"1.2.3","configuration":["/etc/tally/collector.yaml"],"started":")"));
  EXPECT_THAT(json, HasSubstr(R"("state":"running","ready":false,"not_ready":["messages are parked)"));
  EXPECT_THAT(json,
              HasSubstr(R"("messages":{"received":6,"stored":1,"duplicate":1,"dead":3,"filtered":1,)"
                        R"("returned":0,"in_flight":0},"samples":{"made":3,"stored":1,"duplicate":1,"conflict":0,)"
                        R"("dead":1,"filtered":0,"returned":0,"in_flight":0},"buses":[{"name":"fake://one",)"
                        R"("use":"listen","state":"connected","reason":"","waiting":null,"last_message":"20)"));
  EXPECT_THAT(json, HasSubstr(R"("store":{"name":"fake://store","state":"connected","reason":""},"dead_letters":{)"));
  EXPECT_THAT(json, HasSubstr(R"("unreadable":1)"));
  EXPECT_THAT(json, EndsWith(R"("plugins":[]})"));
}

TEST_F(CollectorTest, AConflictIsCountedAndKeptAsADeadLetter) {
  std::atomic<int> volume{1};
  use([&volume](const Notification&, wire::SampleList& samples) {
    samples.push_back(fakes::sample("m", volume.load()));
    return absl::OkStatus();
  });
  start();
  const std::string body = fakes::message("1", "made.a");
  bus_->send(body);
  settled(1);
  volume = 2;
  bus_->send(body);
  settled(2);
  const CollectorStatus status = collector_->status();
  expect_balanced(status);
  EXPECT_EQ(status.samples.conflict, 1U);
  EXPECT_EQ(status.messages.dead, 1U);
  const auto letters = store_->letters();
  ASSERT_THAT(letters, SizeIs(1));
  EXPECT_EQ(letters[0].reason, "conflict");
  EXPECT_THAT(letters[0].body, HasSubstr(R"("volume":2)"));
  EXPECT_EQ(store_->book("samples", "conflict"), 1U);
}

TEST_F(CollectorTest, WhileTheStoreIsAwayNothingIsAcknowledgedAndReadinessSaysSo) {
  store_->set_away(true);
  start();
  bus_->send(fakes::message("1", "made.a"));
  bus_->send("rubbish");
  ASSERT_TRUE(store_->wait_attempts(3));
  CollectorStatus status = collector_->status();
  expect_balanced(status);
  EXPECT_THAT(status.not_ready, Contains(HasSubstr("the fake store is away")));
  EXPECT_GT(status.buses.at(0).oldest.count(), 0);
  EXPECT_EQ(status.batch_messages, 0U) << "none is committed";
  EXPECT_EQ(bus_->acknowledged_count(), 0U);
  EXPECT_THAT(store_->letters(), IsEmpty());
  store_->set_away(false);
  settled(2);
  status = collector_->status();
  expect_balanced(status);
  EXPECT_EQ(status.messages.stored, 1U);
  EXPECT_EQ(status.messages.dead, 1U);
  EXPECT_GE(status.store_failures, 2U);
  EXPECT_THAT(status.not_ready, IsEmpty());
}

TEST_F(CollectorTest, ACommitWhoseAnswerIsLostIsRepeatedAndStoresNothingTwice) {
  store_->lose_answer = true;
  start();
  bus_->send(fakes::message("1", "made.a"));
  settled(1);
  const CollectorStatus status = collector_->status();
  EXPECT_EQ(status.store_failures, 1U);
  EXPECT_EQ(status.messages.stored, 1U) << "what the lost answer said";
  EXPECT_EQ(status.messages.duplicate, 0U);
  EXPECT_EQ(store_->book("messages", "stored"), 1U) << "once, as here";
  EXPECT_EQ(store_->book("messages", "duplicate"), 0U);
  EXPECT_THAT(store_->samples, SizeIs(1));
}

TEST_F(CollectorTest, TheWindowBoundsWhatIsUnsettled) {
  options_.window = 3;
  store_->set_away(true);
  start();
  for (int i = 0; i < 20; ++i) bus_->send(fakes::message(std::to_string(i), "made.a"));
  ASSERT_TRUE(store_->wait_attempts(2));
  store_->set_away(false);
  settled(20);
  ASSERT_TRUE(bus_->wait_acknowledged(20));
  EXPECT_LE(bus_->most_unsettled, 3U);
  EXPECT_EQ(collector_->status().messages.stored, 20U);
}

TEST_F(CollectorTest, ABusWithASmallerWindowThanABatchIsNotHeldUpByTheBatchsAge) {
  bus_->own_window = 3;
  options_.batch_age = Milliseconds(4'000);  // seven batches of three that each grow old would take longer than kLong
  start();
  for (int i = 0; i < 20; ++i) bus_->send(fakes::message(std::to_string(i), "made.a"));
  settled(20);
  EXPECT_LE(bus_->most_unsettled, 3U);
  EXPECT_EQ(collector_->status().messages.stored, 20U);
}

TEST_F(CollectorTest, AgainIsTriedUntilItWorks) {
  std::atomic<int> calls{0};
  use([&calls](const Notification&, wire::SampleList& samples) {
    if (++calls < 4) return transient("not yet");
    samples.push_back(fakes::sample("m"));
    return absl::OkStatus();
  });
  start();
  bus_->send(fakes::message("1", "made.a"));
  settled(1);
  EXPECT_EQ(calls, 4);
  EXPECT_EQ(collector_->status().messages.stored, 1U);
  expect_balanced(collector_->status());
}

TEST_F(CollectorTest, AgainHasALimitAndOneMessageAloneDies) {
  options_.again_tries = 3;
  std::atomic<int> calls{0};
  use([&calls](const Notification& notification, wire::SampleList& samples) {
    if (notification.event_type == "made.bad") {
      ++calls;
      return transient("never");
    }
    samples.push_back(fakes::sample("m"));
    return absl::OkStatus();
  });
  start();
  bus_->send(fakes::message("1", "made.bad"));
  bus_->send(fakes::message("2", "made.good"));
  settled(2);
  EXPECT_EQ(calls, 3);
  const CollectorStatus status = collector_->status();
  expect_balanced(status);
  EXPECT_EQ(status.messages.dead, 1U);
  EXPECT_EQ(status.messages.stored, 1U);
  const auto letters = store_->letters();
  ASSERT_THAT(letters, SizeIs(1));
  EXPECT_EQ(letters[0].reason, "again limit");
  EXPECT_EQ(letters[0].handler, "notification:fake");
}

TEST_F(CollectorTest, WhatALostLaneHeldIsReturnedAndNotSettled) {
  options_.batch_age = std::chrono::hours(1);  // it stays pending
  std::atomic<int> handled{0};
  use([&handled](const Notification&, wire::SampleList& samples) {
    samples.push_back(fakes::sample("m"));
    ++handled;
    return absl::OkStatus();
  });
  start();
  bus_->send(fakes::message("1", "made.a"));
  bus_->send(fakes::message("2", "made.a"));
  while (collector_->status().messages.received < 2) std::this_thread::yield();
  bus_->lose();
  settled(2);
  const CollectorStatus status = collector_->status();
  expect_balanced(status);
  EXPECT_EQ(status.messages.returned, 2U);
  EXPECT_EQ(status.samples.returned, status.samples.made);
  EXPECT_EQ(bus_->acknowledged_count() + bus_->requeued_count(), 0U);
  EXPECT_THAT(store_->samples, IsEmpty());
}

TEST_F(CollectorTest, StoppingFinishesWhatIsInFlight) {
  options_.batch_age = std::chrono::hours(1);
  start();
  for (int i = 0; i < 50; ++i) bus_->send(fakes::message(std::to_string(i), "made.a"));
  while (collector_->status().messages.received < 50) std::this_thread::yield();
  collector_->stop(kLong);
  const CollectorStatus status = collector_->status();
  expect_balanced(status);
  EXPECT_EQ(status.messages.stored, 50U);
  EXPECT_EQ(status.messages.in_flight, 0U);
  EXPECT_EQ(bus_->acknowledged_count(), 50U);
  EXPECT_EQ(bus_->stopped, 1);
  EXPECT_EQ(status.state, "stopped");
}

TEST_F(CollectorTest, WhatCannotBeFinishedInTimeGoesBackToTheBus) {
  store_->set_away(true);
  start();
  for (int i = 0; i < 5; ++i) bus_->send(fakes::message(std::to_string(i), "made.a"));
  while (collector_->status().messages.received < 5) std::this_thread::yield();
  collector_->stop(Milliseconds(20));
  const CollectorStatus status = collector_->status();
  expect_balanced(status);
  EXPECT_EQ(status.messages.returned, 5U);
  EXPECT_EQ(status.messages.in_flight, 0U);
  EXPECT_EQ(bus_->requeued_count(), 5U);
  EXPECT_EQ(bus_->acknowledged_count(), 0U);
}

TEST_F(CollectorTest, AReloadAppliesNewHandlersAndKeepsBusAndStore) {
  start();
  bus_->send(fakes::message("1", "made.a"));
  settled(1);
  PipelineRules rules;
  rules.disabled_meters = {"made.*"};
  use(
      [](const Notification& notification, wire::SampleList& samples) {
        samples.push_back(fakes::sample(std::string(notification.event_type)));
        samples.push_back(fakes::sample("new.meter"));
        return absl::OkStatus();
      },
      rules);
  ASSERT_TRUE(collector_->reload(options_).ok());
  bus_->send(fakes::message("2", "made.b"));
  settled(2);
  CollectorStatus status = collector_->status();
  EXPECT_EQ(status.samples.filtered, 1U);
  EXPECT_EQ(status.messages.stored, 2U);
  EXPECT_EQ(bus_->opened, 1);
  EXPECT_EQ(store_->opened, 1);
}

TEST_F(CollectorTest, AStoreThatTakesTwoBatchesAtOnceHasTwoWriters) {
  options_.store.writers = 2;
  options_.batch_samples = 1;
  store_->together = 2;
  start();
  send(0, 20);
  settled(20);
  EXPECT_EQ(store_->most_writing, 2);
  EXPECT_EQ(store_->samples.size(), 20U);
  EXPECT_EQ(store_->book("messages", "stored"), 20U);
  EXPECT_EQ(collector_->status().samples.stored, 20U);
  expect_balanced(collector_->status());
}

TEST_F(CollectorTest, AWriterTooManyClosesTheStoreAndRestsUntilItIsWanted) {
  options_.store.writers = 2;
  options_.batch_samples = 1;
  start();
  ASSERT_TRUE(store_->wait_open(2));
  CollectorOptions one = options_;
  auto other = std::make_shared<fakes::StoreEnd>();
  one.store = {"fake://other", "2", [other] { return std::make_unique<fakes::Storage>(other); }};
  ASSERT_TRUE(collector_->reload(one).ok());
  send(0, 20);
  settled(20);
  EXPECT_TRUE(store_->wait_open(0));
  EXPECT_EQ(other->open, 1);
  EXPECT_EQ(other->most_writing, 1);
  EXPECT_EQ(other->samples.size(), 20U);
  store_->together = 2;
  ASSERT_TRUE(collector_->reload(options_).ok());
  send(20, 40);
  settled(40);
  EXPECT_EQ(store_->most_writing, 2);
  EXPECT_EQ(store_->samples.size(), 20U);
}

TEST_F(CollectorTest, AReloadThatFailsChangesNothing) {
  start();
  CollectorOptions broken = options_;
  broken.pipeline = []() -> absl::StatusOr<Pipeline> { return permanent("no"); };
  broken.buses.clear();
  EXPECT_FALSE(collector_->reload(broken).ok());
  bus_->send(fakes::message("1", "made.a"));
  settled(1);
  EXPECT_EQ(collector_->status().messages.stored, 1U);
}

TEST_F(CollectorTest, AReloadChangesBusesAndTheStoreAndLosesNothing) {
  start();
  for (int i = 0; i < 100; ++i) bus_->send(fakes::message(std::to_string(i), "made.a"));
  while (collector_->status().messages.received < 100) std::this_thread::yield();
  auto other_bus = std::make_shared<fakes::BusEnd>();
  auto other_store = std::make_shared<fakes::StoreEnd>();
  options_.buses = {bus("fake://two", other_bus)};
  options_.store = {"fake://other", "2", [other_store] { return std::make_unique<fakes::Storage>(other_store); }};
  ASSERT_TRUE(collector_->reload(options_).ok());
  other_bus->send(fakes::message("x", "made.a"));
  settled(101);
  ASSERT_TRUE(bus_->wait_acknowledged(100));
  ASSERT_TRUE(other_bus->wait_acknowledged(1));
  const CollectorStatus status = collector_->status();
  expect_balanced(status);
  EXPECT_EQ(status.messages.stored, 101U);
  EXPECT_EQ(store_->samples.size() + other_store->samples.size(), 101U);
  EXPECT_THAT(other_store->samples, testing::Not(IsEmpty()));
}

TEST_F(CollectorTest, EverySnapshotBalancesWhileMessagesFlow) {
  options_.workers = 2;
  options_.batch_samples = 50;
  start();
  std::atomic<bool> end{false};
  std::uint64_t snapshots = 0, unbalanced = 0;
  std::thread reader([&] {
    while (!end) {
      const CollectorStatus status = collector_->status();
      ++snapshots;
      if (!status.messages.balanced() || !status.samples.balanced()) ++unbalanced;
    }
  });
  for (int i = 0; i < 2000; ++i) {
    bus_->send(fakes::message(std::to_string(i), i % 3 == 0 ? "nobody" : "made.a"));
    if (i % 500 == 250) store_->set_away(true);
    if (i % 500 == 400) store_->set_away(false);
  }
  store_->set_away(false);
  const bool done = collector_->wait_settled(2000, kLong);
  end = true;
  reader.join();
  ASSERT_TRUE(done);
  EXPECT_GT(snapshots, 0U);
  EXPECT_EQ(unbalanced, 0U);
  EXPECT_EQ(collector_->status().messages.stored, 1333U);
  EXPECT_EQ(collector_->status().messages.filtered, 667U);
}

TEST_F(CollectorTest, ABusThatIsNotThereIsWaitedFor) {
  std::atomic<int> attempts{0};
  options_.buses[0].open = [&attempts, end = bus_]() -> absl::StatusOr<std::unique_ptr<plugin::TransportDriver>> {
    if (++attempts < 2) return transient("nobody listens there");
    return std::make_unique<fakes::Transport>(end);
  };
  start();
  bus_->send(fakes::message("1", "made.a"));
  settled(1);
  EXPECT_EQ(attempts, 2);
  EXPECT_EQ(collector_->status().messages.stored, 1U);
}

}  // namespace
}  // namespace tally::collector
