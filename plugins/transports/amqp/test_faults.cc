// What goes wrong between the amqp transport and its broker, made to happen. Nothing may be lost, nothing may hang.
// Not for faults of the whole road: tests/e2e.
#include <unistd.h>

#include <functional>

#include "test_rig.h"

namespace tally::plugin {
namespace {

using Clock = std::chrono::steady_clock;

std::string hosts_of_broker() { return "127.0.0.1:" + std::to_string(broker_port()); }

class AmqpFaults : public AmqpTest {
 protected:
  // Publishes until each is confirmed; returns how often it had to be said again.
  static int publish_all(TransportDriver& producer, std::vector<Outgoing> left,
                         const std::function<void()>& before_each = {}) {
    int again = -1;
    const auto deadline = Clock::now() + std::chrono::seconds(60);
    while (!left.empty() && Clock::now() < deadline) {
      ++again;
      if (before_each) before_each();
      const auto results = producer.publish(left, 3000);
      if (!results.ok()) {
        EXPECT_EQ(results.status().code(), kTransient) << results.status();
        continue;
      }
      std::vector<Outgoing> rest;
      for (std::size_t i = 0; i < left.size(); ++i) {
        if (!results->at(i).ok()) rest.push_back(left[i]);
      }
      left = std::move(rest);
    }
    EXPECT_TRUE(left.empty());
    return again;
  }

  static std::vector<Outgoing> large(int count) {
    std::string body;
    body.resize(10'000'000, 'x');
    return std::vector<Outgoing>(static_cast<std::size_t>(count), {"notifications.info", "", body});
  }

  static std::vector<Outgoing> numbered(int count) {
    std::vector<Outgoing> made;
    for (int i = 0; i < count; ++i) made.push_back({"notifications.info", "", std::to_string(i)});
    return made;
  }

  int waiting() {
    int messages = -1;
    raw_.has_queue(queue(), &messages);
    return messages;
  }

  // Takes and settles until as many different bodies have come.
  void take(TransportDriver& consumer, std::set<std::string>& seen, std::size_t wanted) {
    pump(consumer, [&] {
      for (const Message& message : got_) seen.insert(message.body);
      settle(consumer, got_);
      got_.clear();
      return seen.size() >= wanted;
    });
  }

  Proxy proxy_;
};

TEST_F(AmqpFaults, ACutConnectionLosesNothing) {
  raw_.declare_queue(queue());
  const auto direct = rig_.AmqpRig::make({});
  publish_all(*direct, numbered(4000));
  auto consumer = rig_.open(broker_url(proxy_.hosts()), {});
  ASSERT_TRUE(consumer.ok() && (*consumer)->consume(500).ok());
  std::set<std::string> seen;
  for (std::size_t at = 500; at <= 3500; at += 500) {
    take(**consumer, seen, at);
    proxy_.cut();
  }
  take(**consumer, seen, 4000);
  pump(**consumer, [&] { return counts_["connections_lost"] >= 3; });
  EXPECT_FALSE(lost_.empty());
  pump(**consumer, [&] {
    settle(**consumer, got_);
    got_.clear();
    return waiting() == 0;
  });
  EXPECT_EQ(seen.size(), 4000U);
  consumer->reset();
  EXPECT_EQ(waiting(), 0) << "what was settled is not given again";
}

TEST_F(AmqpFaults, WhatIsConfirmedWhileConnectionsAreCutIsThere) {
  auto producer = rig_.open(broker_url(proxy_.hosts()), {});
  ASSERT_TRUE(producer.ok());
  int round = 0;
  std::atomic<bool> done = false;
  std::thread cutter([&] {
    std::uint64_t last = 0;
    while (!done) {
      if (proxy_.forwarded() - last > 60'000 && ++round <= 6) proxy_.cut();
      if (proxy_.forwarded() - last > 60'000) last = proxy_.forwarded();
      std::this_thread::yield();
    }
  });
  std::vector<Outgoing> sent = numbered(3000);
  for (Outgoing& one : sent) one.body.resize(400, ' ');
  EXPECT_GT(publish_all(**producer, sent), 0);
  done = true;
  cutter.join();
  const auto consumer = rig_.AmqpRig::make({});
  ASSERT_TRUE(consumer->consume(1000).ok());
  std::set<std::string> seen;
  take(*consumer, seen, 3000);
}

TEST_F(AmqpFaults, ALinkThatIsCutWhileNobodyPublishesIsMadeAgainUnnoticed) {
  auto producer = rig_.open(broker_url(proxy_.hosts()), {});
  ASSERT_TRUE(producer.ok());
  ASSERT_EQ(publish_all(**producer, numbered(1)), 0);
  proxy_.cut();
  const auto deadline = Clock::now() + std::chrono::seconds(20);
  counts_.clear();
  while (counts_["connections_lost"] == 0 && Clock::now() < deadline) {
    ASSERT_TRUE((*producer)->service(0, 10, events_).ok());
  }
  EXPECT_EQ(publish_all(**producer, numbered(1)), 0);
}

TEST_F(AmqpFaults, ItStartsBeforeTheBrokerDoes) {
  raw_.declare_queue(queue());
  raw_.publish("", queue(), "x");
  int port = 0;
  { port = std::stoi(Proxy().hosts().substr(10)); }  // nobody listens there any more
  const std::string nobody = "127.0.0.1:" + std::to_string(port);
  auto consumer = rig_.open(broker_url(nobody), {});
  ASSERT_TRUE(consumer.ok() && (*consumer)->consume(10).ok());
  absl::Status status;
  const auto deadline = Clock::now() + std::chrono::seconds(20);
  while (is_well(status) && Clock::now() < deadline) status = (*consumer)->service(10, 10, events_);
  EXPECT_EQ(status.code(), kTransient);
  EXPECT_NE(std::string(status.message()).find(nobody), std::string::npos) << status;
  const auto refused = (*consumer)->publish(numbered(2), 300);
  EXPECT_EQ(refused.status().code(), kTransient) << refused.status();

  consumer = rig_.open(broker_url(nobody + "," + hosts_of_broker()), {});  // the next host
  ASSERT_TRUE(consumer.ok() && (*consumer)->consume(10).ok());
  pump(**consumer, [&] { return got_.size() == 1; });
  EXPECT_EQ(publish_all(**consumer, numbered(2)), 0);
}

TEST_F(AmqpFaults, AWrongPasswordIsSaidWithoutIt) {
  auto consumer = rig_.open("amqp://guest:wrong-secret@" + hosts_of_broker() + "/", {});
  ASSERT_TRUE(consumer.ok() && (*consumer)->consume(10).ok());
  absl::Status status;
  const auto deadline = Clock::now() + std::chrono::seconds(20);
  while (is_well(status) && Clock::now() < deadline) status = (*consumer)->service(10, 10, events_);
  EXPECT_NE(std::string(status.message()).find("log in as \"guest\""), std::string::npos) << status;
  EXPECT_EQ(std::string(status.message()).find("wrong-secret"), std::string::npos) << status;
  consumer = rig_.open("amqp://guest:guest@" + hosts_of_broker() + "/nowhere", {});
  ASSERT_TRUE(consumer.ok() && (*consumer)->consume(10).ok());
  status = absl::OkStatus();
  while (is_well(status) && Clock::now() < deadline) status = (*consumer)->service(10, 10, events_);
  EXPECT_NE(std::string(status.message()).find("nowhere"), std::string::npos) << status;
}

TEST_F(AmqpFaults, ADeletedQueueIsLookedForAgain) {
  raw_.declare_queue(queue());
  const auto consumer = rig_.AmqpRig::make({});
  ASSERT_TRUE(consumer->consume(10).ok());
  raw_.publish("", queue(), "one");
  pump(*consumer, [&] { return got_.size() == 1; });
  const Message old = got_[0];
  raw_.delete_queue(queue());
  pump(*consumer, [&] { return counts_["consumers_cancelled"] == 1 && !lost_.empty(); });
  settle(*consumer, {old});  // of an ended generation: no effect
  raw_.declare_queue(queue());
  raw_.publish("", queue(), "two");
  pump(*consumer, [&] { return got_.size() == 2; });
  EXPECT_GT(got_[1].delivery.generation, old.delivery.generation);
  settle(*consumer, got_);
  pump(*consumer, [&] { return waiting() == 0; });
}

TEST_F(AmqpFaults, AChannelClosedByConsumerTimeoutLosesNothing) {
  ASSERT_TRUE(
      broker_ctl("eval 'application:set_env(rabbit, consumer_timeout, 500), "
                 "application:set_env(rabbit, channel_tick_interval, 200).'"));
  raw_.declare_queue(queue());
  raw_.declare_queue(queue("error"));
  const auto consumer = rig_.AmqpRig::make({});
  ASSERT_TRUE(consumer->consume(10).ok());
  for (int i = 0; i < 5; ++i) raw_.publish("", queue(), std::to_string(i));
  pump(*consumer, [&] { return got_.size() == 5; });
  const std::vector<Message> old = got_;
  got_.clear();
  pump(
      *consumer, [&] { return !lost_.empty(); }, 0);
  EXPECT_TRUE(
      broker_ctl("eval 'application:set_env(rabbit, consumer_timeout, 1800000), "
                 "application:set_env(rabbit, channel_tick_interval, 60000).'"));
  EXPECT_EQ(lost_[0], std::make_pair(old[0].delivery.lane, old[0].delivery.generation));
  settle(*consumer, old);
  std::set<std::string> seen;
  take(*consumer, seen, 5);
  raw_.publish("", queue("error"), "the other queue");
  take(*consumer, seen, 6);
  EXPECT_GE(counts_["channels_lost"], 1U);
  EXPECT_EQ(counts_["connections_lost"], 0U);
}

TEST_F(AmqpFaults, ABrokerThatHoldsUpPublishersDoesNotHoldUsUp) {
  raw_.declare_queue(queue());
  const auto both = rig_.AmqpRig::make({});
  ASSERT_TRUE(both->consume(10).ok());
  ASSERT_EQ(publish_all(*both, numbered(3)), 0);
  ASSERT_TRUE(broker_ctl("set_vm_memory_high_watermark 0.000001"));
  absl::Status status;
  const auto deadline = Clock::now() + std::chrono::seconds(20);
  while (status.ok() && Clock::now() < deadline) {  // until the alarm is raised
    const auto results = both->publish(numbered(1), 700);
    status = results.status();
  }
  EXPECT_EQ(status.code(), kTransient);
  EXPECT_NE(std::string(status.message()).find("takes no messages for now"), std::string::npos) << status;
  const auto begin = Clock::now();
  EXPECT_FALSE(both->publish(numbered(1), 300).ok());
  const auto another = rig_.AmqpRig::make({});
  const auto stuck = another->publish(large(4), 1500);
  EXPECT_EQ(stuck.status().code(), kTransient) << stuck.status();
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(7));
  std::set<std::string> seen;
  take(*both, seen, 3);  // consuming goes on
  EXPECT_TRUE(broker_ctl("set_vm_memory_high_watermark 0.4"));
  publish_all(*both, numbered(1));
}

TEST_F(AmqpFaults, ANetworkThatStallsDoesNotHoldUsUp) {
  auto both = rig_.open(broker_url(proxy_.hosts()), {});
  ASSERT_TRUE(both.ok() && (*both)->consume(10).ok());
  publish_all(**both, numbered(1));
  pump(**both, [&] { return got_.size() == 1; });
  proxy_.stall(true);
  auto begin = Clock::now();
  const auto results = (*both)->publish(large(4), 500);
  EXPECT_EQ(results.status().code(), kTransient) << results.status();
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(8));
  begin = Clock::now();
  EXPECT_TRUE(is_well((*both)->service(10, 100, events_)));
  settle(**both, got_);
  EXPECT_TRUE(is_well((*both)->service(10, 100, events_)));
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(4));
  proxy_.stall(false);
  publish_all(**both, numbered(2));
  pump(**both, [&] { return got_.size() >= 2; });
}

TEST_F(AmqpFaults, HeartbeatsGoOnWhileTheHostIsFull) {
  raw_.declare_queue(queue());
  const auto consumer = rig_.AmqpRig::make({{"heartbeat", "1"}, {"buffer", "65536"}});
  ASSERT_TRUE(consumer->consume(100).ok());
  for (int i = 0; i < 20; ++i) raw_.publish("", queue(), std::string(20'000, 'x'));  // more than is buffered
  pump(
      *consumer, [&] { return got_.size() == 1; }, 1);
  const auto until = Clock::now() + std::chrono::seconds(5);
  while (Clock::now() < until) ASSERT_TRUE(is_well(consumer->service(0, 500, events_)));
  pump(*consumer, [&] { return got_.size() == 20; });
  EXPECT_EQ(counts_["connections"], 1U);
  EXPECT_EQ(counts_["connections_lost"], 0U);
}

TEST_F(AmqpFaults, ABrokerThatFallsSilentIsGivenUp) {
  raw_.declare_queue(queue());
  raw_.publish("", queue(), "x");
  auto consumer = rig_.open(broker_url(proxy_.hosts()), {{"heartbeat", "1"}});
  ASSERT_TRUE(consumer.ok() && (*consumer)->consume(10).ok());
  pump(**consumer, [&] { return got_.size() == 1; });
  proxy_.stall(true);
  pump(**consumer, [&] { return !lost_.empty(); });
  proxy_.stall(false);
  pump(**consumer, [&] { return got_.size() == 2; });
  EXPECT_TRUE(got_[1].redelivered);
}

}  // namespace
}  // namespace tally::plugin
