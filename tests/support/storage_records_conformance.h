// What a storage driver must do that keeps records and remembers writers; one that does not is skipped by name.
// Not for use by itself: storage_conformance.h includes it.
#ifndef TALLY_TESTS_SUPPORT_STORAGE_RECORDS_CONFORMANCE_H
#define TALLY_TESTS_SUPPORT_STORAGE_RECORDS_CONFORMANCE_H

#include "support/storage_fixture.h"

namespace tally::test {

class StorageRecords : public StorageConformance {
 protected:
  void SetUp() override {
    StorageConformance::SetUp();
    if (HasFatalFailure()) return;
    write({});
    if (store().last_batch(kWriter).status().code() == kAbsent) GTEST_SKIP() << "records are not offered";
  }

  bool put(const std::vector<Record>& records) {
    const absl::StatusOr<bool> done = store().put_records(records);
    EXPECT_TRUE(done.ok()) << done.status();
    return done.ok() && *done;
  }

  // "KEY VERSION VALUE|…"
  std::string list(const std::string& kind, const std::string& prefix = "") {
    const absl::StatusOr<std::vector<Record>> records = records_of(store(), kind, prefix);
    EXPECT_TRUE(records.ok()) << records.status();
    std::string text;
    for (const Record& record : records.value_or(std::vector<Record>())) {
      text += (text.empty() ? "" : "|") + record.key + " " + std::to_string(record.version) + " " + record.value;
    }
    return text;
  }

  WriterState last_batch(StorageDriver& storage, const std::string& writer) {
    const absl::StatusOr<WriterState> state = storage.last_batch(writer);
    EXPECT_TRUE(state.ok()) << state.status();
    return state.value_or(WriterState());
  }

  inline static const std::string kWriter = "0123456789abcdef0123456789abcdef";
};

TEST_P(StorageRecords, AStoreHasAnIdFromItsBirth) {
  const std::string id = list("store", "id");
  EXPECT_THAT(id, ::testing::MatchesRegex("id 1 [0-9a-f]*"));
  EXPECT_EQ(id.size(), 5U + 32U);
  const std::unique_ptr<StoragePlace> another = GetParam()();
  const std::unique_ptr<StorageDriver> other = another->open();
  ASSERT_OK(other->write({}, [](std::span<const RowResult>) { return Conclusion(); }));
  const auto theirs = records_of(*other, "store", "id");
  ASSERT_OK(theirs.status());
  ASSERT_THAT(*theirs, ::testing::SizeIs(1));
  EXPECT_NE("id 1 " + (*theirs)[0].value, id);
}

TEST_P(StorageRecords, ARecordIsPutWhereNoneIsOrTheVersionIsRight) {
  EXPECT_TRUE(put({{"note", "a", "first", 0}}));
  EXPECT_FALSE(put({{"note", "a", "again", 0}}));
  EXPECT_FALSE(put({{"note", "a", "again", 2}}));
  EXPECT_TRUE(put({{"note", "a", "second \"ü\"\n", 1}}));
  EXPECT_FALSE(put({{"note", "a", "too late", 1}}));
  EXPECT_FALSE(put({{"note", "b", "of none", 1}}));
  EXPECT_TRUE(put({{"other", "a", "", 0}})) << "of another kind";
  EXPECT_EQ(list("note"), "a 2 second \"ü\"\n");
  EXPECT_EQ(list("other"), "a 1 ");
  EXPECT_EQ(list("none"), "");
}

TEST_P(StorageRecords, SeveralArePutTogetherOrNoneIs) {
  EXPECT_TRUE(put({{"note", "a", "1", 0}, {"note", "b", "1", 0}}));
  EXPECT_FALSE(put({{"note", "c", "1", 0}, {"note", "b", "2", 0}, {"note", "d", "1", 0}}));
  EXPECT_TRUE(put({{"note", "c", "1", 0}, {"note", "b", "2", 1}, {"note", "b", "3", 2}}));
  EXPECT_TRUE(put({}));
  EXPECT_EQ(list("note"), "a 1 1|b 3 3|c 1 1");
}

TEST_P(StorageRecords, AreListedByTheBytesOfTheirKeys) {
  EXPECT_TRUE(put({{"note", "b/1", "", 0},
                   {"note", "B", "", 0},
                   {"note", "b%", "", 0},
                   {"note", "é", "", 0},
                   {"note", "b/10", "", 0},
                   {"note", "b0", "", 0}}));
  EXPECT_EQ(list("note"), "B 1 |b% 1 |b/1 1 |b/10 1 |b0 1 |é 1 ");
  EXPECT_EQ(list("note", "b/"), "b/1 1 |b/10 1 ");
  EXPECT_EQ(list("note", "b%"), "b% 1 ") << "no pattern";
  EXPECT_EQ(list("note", "c"), "");
}

TEST_P(StorageRecords, AnotherInstanceSeesThemAndOneWins) {
  const std::unique_ptr<StorageDriver> other = place_->open();
  EXPECT_TRUE(put({{"note", "a", "1", 0}}));
  const std::vector<Record> theirs = {{"note", "a", "theirs", 1}};
  EXPECT_TRUE(*other->put_records(theirs));
  EXPECT_FALSE(put({{"note", "a", "ours", 1}}));
  EXPECT_EQ(list("note"), "a 2 theirs");
}

TEST_P(StorageRecords, AWritersLastBatchIsRememberedWithItsTime) {
  EXPECT_EQ(last_batch(store(), kWriter).last, 0U);
  EXPECT_FALSE(last_batch(store(), kWriter).used.has_value());
  const Time before = Time::now();
  write_to(store(), {make_sample(1, "cpu", "1", 1)}, {}, {kWriter, 7});
  const std::unique_ptr<StorageDriver> other = place_->open();
  const WriterState state = last_batch(*other, kWriter);
  EXPECT_EQ(state.last, 7U);
  ASSERT_TRUE(state.used.has_value());
  EXPECT_GE(state.used->us, before.us - 2 * Time::kSecond) << "the server of the test has this host's clock";
  EXPECT_LE(state.used->us, Time::now().us + 2 * Time::kSecond);
  EXPECT_FALSE(state.since.has_value()) << "nobody was forgotten yet";
}

TEST_P(StorageRecords, ABatchIsToldWhichOneWasThereBefore) {
  std::vector<std::uint64_t> found;
  const auto token = [&](std::uint64_t sequence) {
    return BatchToken{kWriter, sequence, [&](std::uint64_t last) { found.push_back(last); }};
  };
  const std::vector<Sample> samples = {make_sample(1, "cpu", "1", 1)};
  write_to(store(), samples, {}, token(4));
  write_to(store(), samples, {}, token(9));
  write_to(store(), samples, {}, token(9));
  write_to(*place_->open(), {}, {}, token(10));
  write_to(store(), {}, {}, {"fedcba9876543210fedcba9876543210", 3});
  write_to(store(), {}, {}, token(11));
  EXPECT_THAT(found, ::testing::ElementsAre(0, 4, 9, 9, 10)) << "the third is a repetition";
}

TEST_P(StorageRecords, WhatWasFoundIsToldBeforeTheConclusion) {
  bool told = false;
  const BatchToken token{kWriter, 1, [&](std::uint64_t) { told = true; }};
  ASSERT_OK(store().write(
      {},
      [&](std::span<const RowResult>) {
        EXPECT_TRUE(told);
        return Conclusion();
      },
      token));
  EXPECT_TRUE(told);
}

}  // namespace tally::test

#endif
