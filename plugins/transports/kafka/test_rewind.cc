// A group set back to a time, over a real Kafka ($TALLY_TEST_KAFKA): what was read since comes again, nothing is
// skipped. Not for the command line, nor for what a store makes of duplicates: tests/e2e.
#include <map>
#include <set>

#include "test_rig.h"

namespace tally::plugin {
namespace {

// Messages are written with times of their own, second `n` of an hour that is over. Not of long ago: a broker's
// retention goes by them.
std::int64_t second_ms(int n) {
  static const std::int64_t begin = Time::now().us / 3'600'000'000 * 3'600'000 - 3'600'000;
  return begin + n * 1000;
}

Time second(int n) { return {second_ms(n) * 1000}; }

class KafkaRewind : public KafkaTest {
 protected:
  void write(int partition, int at_second) {
    raw_.publish(topic(), partition, std::to_string(at_second), second_ms(at_second));
  }

  // Reads all there is, settles it, commits it and leaves the group; the bodies, each with whether it came again.
  std::multimap<std::string, bool> read(std::size_t count) {
    got_.clear();
    const auto consumer = rig_.make();
    EXPECT_TRUE(consumer->consume(1000).ok());
    pump(*consumer, [&] { return got_.size() >= count; });
    settle(*consumer, got_);
    std::multimap<std::string, bool> bodies;
    for (const Message& message : got_) bodies.emplace(message.body, message.redelivered);
    return bodies;
  }

  absl::Status rewind(Time to, bool dry_run = false) {
    rows_.clear();
    return rig_.make()->rewind(to, dry_run, 15000, [&](const Rewound& row) { rows_[row.name] = row; });
  }

  const Rewound& row(int partition) { return rows_[topic() + " [" + std::to_string(partition) + "]"]; }

  std::map<std::string, Rewound> rows_;
};

TEST_F(KafkaRewind, WhatWasReadSinceATimeComesAgainAndNothingElse) {
  raw_.create_topic(topic(), 3);
  for (int at = 0; at < 10; ++at) write(0, at);
  write(1, 2);  // all before the time; the third partition has nothing
  read(11);
  ASSERT_TRUE(rewind(second(7)).ok());
  EXPECT_EQ(rows_.size(), 3U + 6U);  // six topics are absent
  EXPECT_EQ(row(0).state, "rewound");
  EXPECT_EQ(row(0).from, 10);
  EXPECT_EQ(row(0).to, 7);
  EXPECT_EQ(row(0).messages, 3U);
  EXPECT_EQ(row(0).warning, "");
  EXPECT_EQ(row(1).state, "unchanged");
  EXPECT_EQ(row(1).to, 1);
  EXPECT_EQ(row(2).state, "unchanged");
  EXPECT_EQ(row(2).messages, 0U);
  EXPECT_EQ(rows_[topic("sample")].state, "absent");
  write(0, 20);
  const auto again = read(4);
  ASSERT_EQ(again.size(), 4U);
  for (const char* body : {"7", "8", "9"})
    EXPECT_TRUE(again.find(body)->second) << body << " is not told as redelivered";
  EXPECT_FALSE(again.find("20")->second);
  EXPECT_EQ(raw_.committed(group(), topic(), 0), 11);
}

TEST_F(KafkaRewind, ADryRunTellsTheSameAndChangesNothing) {
  raw_.create_topic(topic(), 1);
  for (int at = 0; at < 5; ++at) write(0, at);
  read(5);
  ASSERT_TRUE(rewind(second(1), true).ok());
  EXPECT_EQ(row(0).state, "would rewind");
  EXPECT_EQ(row(0).to, 1);
  EXPECT_EQ(row(0).messages, 4U);
  EXPECT_EQ(raw_.committed(group(), topic(), 0), 5);
}

TEST_F(KafkaRewind, NothingThatWasNotReadIsSkipped) {
  raw_.create_topic(topic(), 2);
  for (int at = 0; at < 5; ++at) write(0, at);
  read(5);
  for (int at = 5; at < 10; ++at) write(0, at);
  for (int at = 0; at < 10; ++at) write(1, at);
  raw_.commit(group(), topic(), 0, 3);
  ASSERT_TRUE(rewind(second(8)).ok());  // later than what comes next in both
  EXPECT_EQ(row(0).state, "unchanged");
  EXPECT_EQ(row(0).to, 3);
  EXPECT_EQ(raw_.committed(group(), topic(), 0), 3);
  ASSERT_TRUE(rewind(Time::now()).ok());
  EXPECT_EQ(raw_.committed(group(), topic(), 0), 3);
  EXPECT_EQ(read(17).size(), 17U);
}

TEST_F(KafkaRewind, APlaceThatIsNotThereIsLeftForSomebodyToDecide) {
  raw_.create_topic(topic(), 2);
  for (int at = 0; at < 5; ++at) write(0, at);
  for (int at = 0; at < 5; ++at) write(1, at);
  raw_.commit(group(), topic(), 0, 9);  // as where the topic was made again
  raw_.commit(group(), topic(), 1, 2);
  raw_.delete_before(topic(), 1, 4);
  ASSERT_TRUE(rewind(second(1)).ok());
  for (int partition = 0; partition < 2; ++partition) {
    EXPECT_EQ(row(partition).state, "unchanged");
    EXPECT_NE(row(partition).warning.find("lost_offset"), std::string::npos) << row(partition).warning;
  }
  EXPECT_EQ(raw_.committed(group(), topic(), 0), 9);
  EXPECT_EQ(raw_.committed(group(), topic(), 1), 2);
}

TEST_F(KafkaRewind, AGroupThatNeverReadIsLeftToItsOldestMessage) {
  raw_.create_topic(topic(), 1);
  for (int at = 0; at < 5; ++at) write(0, at);
  ASSERT_TRUE(rewind(second(3)).ok());
  EXPECT_EQ(row(0).state, "unchanged");
  EXPECT_FALSE(row(0).from);
  EXPECT_EQ(row(0).to, 0);
  EXPECT_EQ(raw_.committed(group(), topic(), 0), -1);
  EXPECT_EQ(read(5).size(), 5U);
}

TEST_F(KafkaRewind, WhileSomebodyReadsItIsRefusedWithHisName) {
  raw_.create_topic(topic(), 1);
  for (int at = 0; at < 5; ++at) write(0, at);
  auto consumer = rig_.make();
  ASSERT_TRUE(consumer->consume(10).ok());
  pump(*consumer, [&] { return got_.size() == 5; });
  settle(*consumer, got_);
  pump(*consumer, [&] { return raw_.committed(group(), topic(), 0) == 5; });
  const absl::Status refused = rewind(second(2));
  EXPECT_EQ(refused.code(), kPermanent) << refused;
  for (const char* part : {"in use by tally-", "127.0.0.1", "Stop these collectors"}) {
    EXPECT_NE(std::string(refused.message()).find(part), std::string::npos) << refused;
  }
  EXPECT_TRUE(rows_.empty());
  EXPECT_EQ(raw_.committed(group(), topic(), 0), 5);
  ASSERT_TRUE(rewind(second(2), true).ok());  // a dry run may look
  EXPECT_EQ(row(0).messages, 3U);
  consumer.reset();
  const absl::Status done = rewind(second(2));
  ASSERT_TRUE(done.ok()) << done;
  EXPECT_EQ(raw_.committed(group(), topic(), 0), 2);
}

TEST_F(KafkaRewind, ATimeBeyondRetentionIsSaidWithTheOldestThatIsLeft) {
  raw_.create_topic(topic(), 2);
  for (int at = 0; at < 10; ++at) write(0, at);
  for (int at = 0; at < 4; ++at) write(1, at);
  read(14);
  raw_.delete_before(topic(), 0, 6);
  raw_.delete_before(topic(), 1, 4);  // nothing is left
  ASSERT_TRUE(rewind(second(3)).ok());
  EXPECT_EQ(row(0).to, 6);
  EXPECT_EQ(row(0).messages, 4U);
  EXPECT_NE(row(0).warning.find("beyond retention"), std::string::npos) << row(0).warning;
  EXPECT_NE(row(0).warning.find("offset 6"), std::string::npos) << row(0).warning;
  EXPECT_NE(row(0).warning.find(second(6).to_string()), std::string::npos) << row(0).warning;
  EXPECT_EQ(row(1).state, "unchanged");
  EXPECT_NE(row(1).warning.find("beyond retention"), std::string::npos) << row(1).warning;
  ASSERT_TRUE(rewind(second(8)).ok());
  EXPECT_EQ(row(0).warning, "");
  EXPECT_EQ(read(4).size(), 4U);
}

TEST_F(KafkaRewind, WithoutABrokerTheReasonIsTold) {
  const auto made = rig_.open("kafka://127.0.0.1:1/", {});
  ASSERT_TRUE(made.ok()) << made.status();
  const absl::Status status = (*made)->rewind(second(0), false, 3000, [](const Rewound&) { FAIL(); });
  EXPECT_EQ(status.code(), kTransient);
  EXPECT_NE(std::string(status.message()).find("refused"), std::string::npos) << status;
}

}  // namespace
}  // namespace tally::plugin
