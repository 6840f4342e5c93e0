// What goes wrong between the kafka transport, its group and its brokers, made to happen. Nothing may be lost.
// Not for faults of the whole road, a broker's death among them: tests/e2e.
#include <librdkafka/rdkafka.h>
// Needs the one above.
#include <librdkafka/rdkafka_mock.h>

#include <algorithm>
#include <array>
#include <set>

#include "test_rig.h"

namespace tally::plugin {
namespace {

using Clock = std::chrono::steady_clock;

class KafkaFaults : public KafkaTest {
 protected:
  // `count` messages, their number as the body, to one partition after the other.
  void fill(int count, int partitions) {
    for (int i = 0; i < count; ++i) raw_.publish(topic(), i % partitions, std::to_string(i));
  }

  static std::multiset<std::string> bodies(const std::vector<Message>& messages) {
    std::multiset<std::string> found;
    for (const Message& message : messages) found.insert(message.body);
    return found;
  }
};

TEST_F(KafkaFaults, NothingIsCommittedBeyondWhatIsNotStored) {
  raw_.create_topic(topic(), 1);
  fill(10, 1);
  auto consumer = rig_.make();
  ASSERT_TRUE(consumer->consume(100).ok());
  pump(*consumer, [&] { return got_.size() == 10; });
  settle(*consumer, {got_.begin() + 1, got_.end()});
  pump(*consumer, [&] { return raw_.committed(group(), topic(), 0) == 0; });
  consumer.reset();
  EXPECT_EQ(raw_.committed(group(), topic(), 0), 0);
  got_.clear();
  consumer = rig_.make();
  ASSERT_TRUE(consumer->consume(100).ok());
  pump(*consumer, [&] { return got_.size() == 10; });
  EXPECT_EQ(got_[0].body, "0");
  EXPECT_TRUE(got_[0].redelivered);
  settle(*consumer, got_);
  pump(*consumer, [&] { return raw_.committed(group(), topic(), 0) == 10; });
}

TEST_F(KafkaFaults, WhatIsGivenBackComesAgainAndHoldsUpTheCommitAlone) {
  raw_.create_topic(topic(), 2);
  fill(40, 2);
  const auto consumer = rig_.make();
  ASSERT_TRUE(consumer->consume(100).ok());
  pump(*consumer, [&] { return got_.size() == 40; });
  const std::vector<Message> all = std::exchange(got_, {});
  const auto is_bad = [](const Message& message) { return std::stoi(message.body) % 10 < 4; };
  std::vector<Message> good;
  std::vector<Message> bad;
  std::partition_copy(all.begin(), all.end(), std::back_inserter(bad), std::back_inserter(good), is_bad);
  settle(*consumer, bad, Settle::requeue);
  settle(*consumer, good);
  pump(*consumer, [&] { return got_.size() == bad.size(); });
  EXPECT_EQ(bodies(got_), bodies(bad));
  for (const Message& message : got_) EXPECT_TRUE(message.redelivered);
  settle(*consumer, got_);
  pump(*consumer,
       [&] { return raw_.committed(group(), topic(), 0) == 20 && raw_.committed(group(), topic(), 1) == 20; });
  EXPECT_EQ(got_.size(), bad.size());
}

TEST_F(KafkaFaults, APartitionThatMovesIsSettledFirstAndNothingComesTwice) {
  raw_.create_topic(topic(), 4);
  fill(100, 4);
  const auto first = rig_.make({{"revoke_wait", "20"}});
  auto second = rig_.make({{"revoke_wait", "20"}});
  ASSERT_TRUE(first->consume(1000).ok());
  pump(*first, [&] { return got_.size() == 100; });
  ASSERT_TRUE(second->consume(1000).ok());
  std::vector<Message> others;
  ServiceEvents theirs = events_;
  theirs.message = [&](Message got) { others.push_back(std::move(got)); };
  const auto both = [&](const auto& done) {
    pump(*first, [&] {
      EXPECT_TRUE(is_well(second->service(100, 20, theirs)));
      return done();
    });
  };
  both([&] { return closing_.size() == 2; });  // two of four are asked back, with messages under way
  EXPECT_TRUE(others.empty());
  EXPECT_TRUE(lost_.empty());
  settle(*first, std::exchange(got_, {}));
  both([&] { return lost_.size() == 2; });
  for (int i = 100; i < 200; ++i) raw_.publish(topic(), i % 4, std::to_string(i));
  both([&] { return got_.size() + others.size() >= 100; });
  EXPECT_EQ(got_.size(), 50U);
  EXPECT_EQ(others.size(), 50U);
  auto seen = bodies(got_);
  seen.merge(bodies(others));
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 100U);
  EXPECT_EQ(seen.count("100"), 1U);
  for (const Message& message : others) EXPECT_FALSE(message.redelivered);
  settle(*second, others);
  settle(*first, std::exchange(got_, {}));
  second.reset();  // all comes back to the first
  for (int partition = 0; partition < 4; ++partition) raw_.publish(topic(), partition, "after");
  pump(*first, [&] { return got_.size() == 4; });
  EXPECT_EQ(bodies(got_).count("after"), 4U);
}

TEST_F(KafkaFaults, WhatIsNotSettledInTimeComesAgainElsewhere) {
  raw_.create_topic(topic(), 2);
  fill(20, 2);
  const auto first = rig_.make({{"revoke_wait", "0.3"}});
  const auto second = rig_.make();
  ASSERT_TRUE(first->consume(40).ok());
  pump(*first, [&] { return got_.size() == 20; });
  ASSERT_TRUE(second->consume(40).ok());
  std::vector<Message> others;
  ServiceEvents theirs = events_;
  theirs.message = [&](Message got) { others.push_back(std::move(got)); };
  pump(*first, [&] {
    EXPECT_TRUE(is_well(second->service(100, 20, theirs)));
    return others.size() == 10;
  });
  ASSERT_EQ(lost_.size(), 1U);
  EXPECT_EQ(lost_[0], closing_.at(0));
  for (const Message& message : others) EXPECT_TRUE(message.redelivered);
  settle(*first, got_);  // those of the lost lane: no error, and no effect
  pump(*first, [&] {
    EXPECT_TRUE(is_well(second->service(100, 20, theirs)));
    return raw_.committed(group(), topic(), 0) + raw_.committed(group(), topic(), 1) == 10;
  });
}

TEST_F(KafkaFaults, AFullWindowCostsNoPartitionHoweverLong) {
  raw_.create_topic(topic(), 1);
  fill(10, 1);
  const auto consumer = rig_.make({{"settings", R"(["max.poll.interval.ms=6000", "session.timeout.ms=6000"])"}});
  ASSERT_TRUE(consumer->consume(5).ok());
  pump(*consumer, [&] { return got_.size() == 5; });
  const auto rebalances = counts_["rebalances"];
  const auto until = Clock::now() + std::chrono::seconds(9);
  while (Clock::now() < until) ASSERT_TRUE(is_well(consumer->service(0, 1000, events_)));
  EXPECT_TRUE(lost_.empty());
  EXPECT_EQ(counts_["rebalances"], rebalances);
  settle(*consumer, got_);
  pump(*consumer, [&] { return got_.size() == 10; });
}

TEST_F(KafkaFaults, AnOffsetThatIsGoneIsSeenAndNotSkipped) {
  raw_.create_topic(topic(), 2);
  fill(20, 2);
  auto consumer = rig_.make();
  ASSERT_TRUE(consumer->consume(6).ok());
  pump(*consumer, [&] { return got_.size() == 6; });
  settle(*consumer, got_);
  consumer.reset();
  raw_.delete_before(topic(), 0, 8);
  got_.clear();
  raw_.publish(topic(), 1, "last");
  consumer = rig_.make();
  ASSERT_TRUE(consumer->consume(100).ok());
  const auto in_first = [&] {
    return std::count_if(got_.begin(), got_.end(), [](const Message& message) {
      return message.body != "last" && std::stoi(message.body) % 2 == 0;
    });
  };
  pump(*consumer, [&] { return counts_["offsets_lost"] == 1 && bodies(got_).count("last") == 1; });
  EXPECT_EQ(last_.code(), kPermanent);
  EXPECT_NE(std::string(last_.message()).find(topic() + " [0]"), std::string::npos) << last_;
  EXPECT_EQ(in_first(), 0);
  consumer.reset();
  got_.clear();
  counts_.clear();
  consumer = rig_.make({{"lost_offset", "earliest"}});
  ASSERT_TRUE(consumer->consume(100).ok());
  pump(*consumer, [&] { return in_first() == 2; });
  EXPECT_EQ(bodies(got_).count("16") + bodies(got_).count("18"), 2U);
  EXPECT_EQ(counts_["offsets_lost"], 1U);
  settle(*consumer, got_);
  pump(*consumer, [&] { return last_.ok() && raw_.committed(group(), topic(), 0) == 10; });
}

// A cluster of librdkafka's own, which can be taken down while others use the real one.
class MockCluster {
 public:
  explicit MockCluster(const std::string& topic) {
    std::array<char, 512> why{};
    owner_ = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why.data(), why.size());
    cluster_ = rd_kafka_mock_cluster_new(owner_, 1);
    rd_kafka_mock_topic_create(cluster_, topic.c_str(), 1, 1);
  }
  ~MockCluster() {
    rd_kafka_mock_cluster_destroy(cluster_);
    rd_kafka_destroy(owner_);
  }
  MockCluster(const MockCluster&) = delete;
  MockCluster& operator=(const MockCluster&) = delete;

  std::string url() const { return "kafka://" + std::string(rd_kafka_mock_cluster_bootstraps(cluster_)) + "/"; }
  void down() { rd_kafka_mock_broker_set_down(cluster_, 1); }
  void up() { rd_kafka_mock_broker_set_up(cluster_, 1); }

 private:
  rd_kafka_t* owner_ = nullptr;
  rd_kafka_mock_cluster_t* cluster_ = nullptr;
};

TEST_F(KafkaFaults, WhatWasFetchedBeforeTheBrokerDiedIsNoSignOfLife) {
  MockCluster cluster(topic());
  const auto made = rig_.open(cluster.url(), {});
  ASSERT_TRUE(made.ok()) << made.status();
  std::vector<Outgoing> sent;
  for (int i = 0; i < 300; ++i) sent.push_back({"notifications.info", "", std::string(100, 'x')});
  ASSERT_TRUE((*made)->publish(sent, 15000).ok());
  ASSERT_TRUE((*made)->consume(1000).ok());
  pump(
      **made, [&] { return !got_.empty(); }, 1);
  pump(
      **made, [&] { return last_.ok(); }, 1);
  cluster.down();
  const std::size_t before = got_.size();
  pump(
      **made, [&] { return last_.code() == kTransient; }, 1);
  const std::string why(last_.message());
  for (int i = 0; i < 20; ++i) {  // each hands over what is here already
    EXPECT_EQ((*made)->service(1, 0, events_).code(), kTransient) << i << ", " << why;
  }
  EXPECT_GT(got_.size(), before);
  cluster.up();
  pump(
      **made, [&] { return last_.ok(); }, 1);
}

TEST_F(KafkaFaults, ItSaysWhatItWaitsFor) {
  const auto consumer = rig_.make();
  ASSERT_TRUE(consumer->consume(10).ok());
  EXPECT_FALSE(consumer->service(10, 0, events_).ok()) << "no broker can have answered";
  pump(*consumer, [&] { return std::string(last_.message()).find("topics that are not there") != std::string::npos; });
  EXPECT_EQ(last_.code(), kUnclaimed);
  EXPECT_NE(std::string(last_.message()).find(topic()), std::string::npos) << last_;
  raw_.create_topic(topic(), 1);
  pump(*consumer, [&] { return last_.ok(); });
  const auto second = rig_.make();  // for which no partition is left
  ASSERT_TRUE(second->consume(10).ok());
  pump(*consumer, [&] { return second->service(10, 20, events_).ok(); });
}

TEST_F(KafkaFaults, AProducerSaysWithoutAMessageWhetherABrokerIsThere) {
  const auto here = rig_.make();
  EXPECT_TRUE(here->publish({}, 15000).ok());
  const auto nobody = rig_.open("kafka://127.0.0.1:1/", {});
  ASSERT_TRUE(nobody.ok());
  const auto answer = (*nobody)->publish({}, 5000);
  EXPECT_EQ(answer.status().code(), kTransient);
  EXPECT_NE(std::string(answer.status().message()).find("refused"), std::string::npos) << answer.status();
}

TEST_F(KafkaFaults, WithoutABrokerTheReasonIsTold) {
  const auto made = rig_.open("kafka://u:hidden@127.0.0.1:1/", {});
  ASSERT_TRUE(made.ok()) << made.status();
  ASSERT_TRUE((*made)->consume(10).ok());
  pump(**made, [&] { return last_.code() == kTransient; });
  EXPECT_NE(std::string(last_.message()).find("refused"), std::string::npos) << last_;
  const auto start = Clock::now();
  const auto results = (*made)->publish(std::vector<Outgoing>{{"notifications.info", "", "x"}}, 15000);
  EXPECT_EQ(results.status().code(), kTransient);
  EXPECT_NE(std::string(results.status().message()).find("refused"), std::string::npos) << results.status();
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(10));
}

}  // namespace
}  // namespace tally::plugin
