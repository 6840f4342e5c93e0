// What every transport must do, whatever its bus: one suite, run by each transport's own test over its own rig.
// Not for what only one bus does: that is tested in the plugin's folder.
//
//   class MyRig : public TransportRig { … };
//   INSTANTIATE_TEST_SUITE_P(Mine, TransportConformance,
//                            testing::Values(RigFactory([] { return std::make_unique<MyRig>(); })));
#ifndef TALLY_TESTS_SUPPORT_TRANSPORT_CONFORMANCE_H
#define TALLY_TESTS_SUPPORT_TRANSPORT_CONFORMANCE_H

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "plugin/roles.h"
#include "support/transport_rig.h"

namespace tally::plugin {

class TransportConformance : public testing::TestWithParam<RigFactory> {
 protected:
  static constexpr std::chrono::seconds kLimit{20};
  static constexpr std::chrono::milliseconds kQuiet{300};

  void SetUp() override {
    rig_ = GetParam()();
    ASSERT_NE(rig_, nullptr);
    events_.message = [this](Message message) { got_.push_back(std::move(message)); };
    events_.lane_lost = [](std::uint64_t, std::uint64_t) {};
    events_.lane_closing = [](std::uint64_t, std::uint64_t, std::int64_t) {};
    producer_ = rig_->make();
    ASSERT_NE(producer_, nullptr);
    begin(1000);
  }

  // A new consumer; the one before, if any, is dropped as it stands.
  void begin(std::uint32_t prefetch) {
    consumer_.reset();
    consumer_ = rig_->make();
    ASSERT_NE(consumer_, nullptr);
    const absl::Status status = consumer_->consume(prefetch);
    ASSERT_TRUE(status.ok()) << status;
  }

  static std::vector<Outgoing> messages(int first, int end) {
    std::vector<Outgoing> made;
    for (int i = first; i < end; ++i) made.push_back({"notifications.info", "", "{\"n\": " + std::to_string(i) + "}"});
    return made;
  }

  // Publishes while the consumer is serviced with room for nothing.
  std::vector<absl::Status> publish(const std::vector<Outgoing>& outgoing, std::uint32_t timeout_ms = 10000) {
    std::atomic<bool> done = false;
    absl::StatusOr<std::vector<absl::Status>> results;
    std::thread sender([&] {
      results = producer_->publish(outgoing, timeout_ms);
      done = true;
      if (consumer_) consumer_->wake();
    });
    while (consumer_ && !done) EXPECT_TRUE(is_well(consumer_->service(0, 50, events_)));
    sender.join();
    if (!results.ok()) return std::vector<absl::Status>(outgoing.size(), results.status());
    return *results;
  }

  void publish_all(const std::vector<Outgoing>& outgoing) {
    const auto results = publish(outgoing);
    ASSERT_EQ(results.size(), outgoing.size());
    for (const absl::Status& status : results) ASSERT_TRUE(status.ok()) << status;
  }

  // Services until `count` messages are there, or the limit is reached.
  void receive(std::size_t count, std::uint32_t max_messages = 100) {
    const auto deadline = std::chrono::steady_clock::now() + kLimit;
    while (got_.size() < count && std::chrono::steady_clock::now() < deadline) {
      const std::size_t before = got_.size();
      const absl::Status status = consumer_->service(max_messages, 100, events_);
      ASSERT_TRUE(is_well(status)) << status;
      ASSERT_LE(got_.size() - before, max_messages);
    }
    ASSERT_GE(got_.size(), count);
  }

  // Services for a while in which nothing must come.
  void expect_quiet(std::uint32_t max_messages = 100) {
    const std::size_t before = got_.size();
    const auto deadline = std::chrono::steady_clock::now() + kQuiet;
    while (std::chrono::steady_clock::now() < deadline) {
      ASSERT_TRUE(is_well(consumer_->service(max_messages, 50, events_)));
    }
    ASSERT_EQ(got_.size(), before);
  }

  void settle(const std::vector<Message>& deliveries, Settle action = Settle::acknowledge) {
    std::vector<Settlement> settlements;
    for (const Message& message : deliveries) settlements.push_back({message.delivery, action});
    const absl::Status status = consumer_->settle(settlements);
    ASSERT_TRUE(status.ok()) << status;
  }

  static std::multiset<std::string> bodies(const std::vector<Message>& deliveries) {
    std::multiset<std::string> found;
    for (const Message& message : deliveries) found.insert(message.body);
    return found;
  }

  static std::multiset<std::string> bodies(const std::vector<Outgoing>& outgoing) {
    std::multiset<std::string> found;
    for (const Outgoing& message : outgoing) found.insert(message.body);
    return found;
  }

  std::unique_ptr<TransportRig> rig_;
  std::unique_ptr<TransportDriver> producer_;
  std::unique_ptr<TransportDriver> consumer_;
  ServiceEvents events_;
  std::vector<Message> got_;
};

TEST_P(TransportConformance, DeliversBytesAndTopicAsTheyWerePublished) {
  std::string binary = "\x00\xff{not json\n";
  binary.resize(200000, '\x80');
  const std::vector<Outgoing> sent = {{"notifications.info", "", "{\"a\": 1}"}, {"notifications.sample", "k", binary}};
  publish_all(sent);
  receive(2);
  ASSERT_EQ(bodies(got_), bodies(sent));
  for (const Message& message : got_) {
    const std::string wanted = message.body == binary ? "notifications.sample" : "notifications.info";
    EXPECT_EQ(message.topic, rig_->topic_of(wanted));
    EXPECT_FALSE(message.redelivered);
  }
}

TEST_P(TransportConformance, SettledInAnyOrderIsNotGivenAgain) {
  publish_all(messages(0, 50));
  receive(50);
  auto shuffled = got_;
  std::reverse(shuffled.begin(), shuffled.end());
  std::swap(shuffled[3], shuffled[40]);
  settle({shuffled.begin(), shuffled.begin() + 20});
  settle({shuffled.begin() + 20, shuffled.end()});
  ASSERT_TRUE(is_well(consumer_->service(0, 50, events_)));
  ASSERT_TRUE(consumer_->stop().ok());
  begin(1000);
  expect_quiet();
}

TEST_P(TransportConformance, WhatIsNotSettledComesAgainAfterADrop) {
  publish_all(messages(0, 20));
  receive(20);
  const std::vector<Message> kept(got_.begin() + 10, got_.end());
  settle({got_.begin(), got_.begin() + 10});
  ASSERT_TRUE(is_well(consumer_->service(0, 50, events_)));
  ASSERT_TRUE(consumer_->stop().ok());
  got_.clear();
  begin(1000);
  receive(10);
  EXPECT_EQ(bodies(got_), bodies(kept));
  for (const Message& message : got_) EXPECT_TRUE(message.redelivered);
  settle(kept);  // of an ended generation: no error, and no effect
  settle(got_);
  expect_quiet();
}

TEST_P(TransportConformance, WhatIsConfirmedOutlivesAConsumerThatDiesAtOnce) {
  publish_all(messages(0, 30));
  got_.clear();
  begin(1000);
  receive(30);
  EXPECT_EQ(bodies(got_), bodies(messages(0, 30)));
}

TEST_P(TransportConformance, APoisonedMessageDoesNotHoldUpTheOthers) {
  publish_all(messages(0, 10));
  std::set<std::string> done;
  int poison = 0;
  const auto deadline = std::chrono::steady_clock::now() + kLimit;
  while ((done.size() < 9 || poison < 2) && std::chrono::steady_clock::now() < deadline) {
    got_.clear();
    ASSERT_TRUE(is_well(consumer_->service(3, 100, events_)));
    for (const Message& message : got_) {
      const bool bad = message.body == "{\"n\": 0}";
      if (bad) ++poison;
      if (!bad) done.insert(message.body);
      settle({message}, bad ? Settle::requeue : Settle::acknowledge);
      EXPECT_TRUE(!bad || poison == 1 || message.redelivered);
    }
  }
  EXPECT_EQ(done.size(), 9U);
  EXPECT_GE(poison, 2);
}

TEST_P(TransportConformance, NoMoreThanTheWindowIsUnsettled) {
  begin(5);
  publish_all(messages(0, 20));
  receive(5);
  expect_quiet();
  EXPECT_EQ(got_.size(), 5U);
  settle({got_.begin(), got_.begin() + 2});
  receive(7, 1);  // one at a time
  expect_quiet();
  settle({got_.begin() + 2, got_.end()});
  expect_quiet(0);  // the host is full
  receive(12);
  settle({got_.begin() + 7, got_.end()});
  while (got_.size() < 20 && !HasFatalFailure()) {
    const auto before = static_cast<long>(got_.size());
    receive(got_.size() + 1);
    settle({got_.begin() + before, got_.end()});
  }
  EXPECT_EQ(bodies(got_), bodies(messages(0, 20)));
}

TEST_P(TransportConformance, ASenderComesBackAfterTheConsumerWasAway) {
  publish_all(messages(0, 5));
  receive(5);
  settle(got_);
  ASSERT_TRUE(consumer_->stop().ok());
  consumer_.reset();
  for (const absl::Status& status : publish(messages(5, 8), 300)) {
    if (rig_->takes_without_consumer()) {
      EXPECT_TRUE(status.ok()) << status;
    } else {
      EXPECT_EQ(status.code(), kTransient) << status;
    }
  }
  got_.clear();
  begin(1000);
  publish_all(messages(8, 12));
  const std::size_t wanted = rig_->takes_without_consumer() ? 7 : 4;
  receive(wanted);
  EXPECT_EQ(bodies(got_), bodies(messages(rig_->takes_without_consumer() ? 5 : 8, 12)));
}

TEST_P(TransportConformance, ManyMessagesArriveOnceEach) {
  std::vector<Outgoing> sent = messages(0, 3000);
  for (Outgoing& message : sent) message.body.resize(1600, ' ');
  publish_all(sent);
  begin(100);
  std::vector<Message> all;
  const auto deadline = std::chrono::steady_clock::now() + kLimit;
  while (all.size() < sent.size() && std::chrono::steady_clock::now() < deadline) {
    got_.clear();
    ASSERT_TRUE(is_well(consumer_->service(64, 100, events_)));
    settle(got_);
    all.insert(all.end(), got_.begin(), got_.end());
  }
  EXPECT_EQ(bodies(all), bodies(sent));
}

TEST_P(TransportConformance, WakeEndsAWait) {
  const auto start = std::chrono::steady_clock::now();
  consumer_->wake();
  ASSERT_TRUE(is_well(consumer_->service(10, 15000, events_)));
  std::thread waker([this] { consumer_->wake(); });
  ASSERT_TRUE(is_well(consumer_->service(10, 15000, events_)));
  waker.join();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

TEST_P(TransportConformance, StoppedItDeliversNothingAndStillSettles) {
  publish_all(messages(0, 10));
  receive(4, 4);
  ASSERT_TRUE(consumer_->stop().ok());
  expect_quiet();
  settle(got_);
  const auto settled = bodies(got_);
  got_.clear();
  begin(1000);
  receive(10 - settled.size());
  for (const Message& message : got_) EXPECT_EQ(settled.count(message.body), 0U);
}

}  // namespace tally::plugin

#endif
