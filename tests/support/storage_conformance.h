// What every storage driver must do, as tests of plugin::StorageDriver: duplicates, conflicts, dead letters, books,
// expiry. Not for what one driver alone promises: its own test has that. Include it in one file of a test program, and
// say
//   INSTANTIATE_TEST_SUITE_P(Sqlite, StorageConformance, ::testing::Values(&make_place));
//   INSTANTIATE_TEST_SUITE_P(Sqlite, StorageRecords, ::testing::Values(&make_place));
#ifndef TALLY_TESTS_SUPPORT_STORAGE_CONFORMANCE_H
#define TALLY_TESTS_SUPPORT_STORAGE_CONFORMANCE_H

#include "support/storage_fixture.h"
#include "support/storage_query_conformance.h"
#include "support/storage_records_conformance.h"

namespace tally::test {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// --- writing --------------------------------------------------------------------------------------------------------

TEST_P(StorageConformance, GivesBackEveryColumnInOrder) {
  Sample sample = make_sample(1, "cpu", "12.5", 100);
  sample.type = SampleType::cumulative;
  sample.unit = "ns";
  sample.project_id = "p";
  sample.project_name = "Project \"P\"";
  sample.user_id = "u";
  sample.user_name = "Ü";
  sample.resource_metadata = R"({"a": 1})";
  sample.monotonic_time = 0.25;
  EXPECT_THAT(write({sample}), ElementsAre(RowStatus::stored));
  const Rows rows = query({.kind = QueryKind::samples});
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(names(rows[0]),
            "id name type unit volume resource_id project_id project_name user_id user_name timestamp "
            "resource_metadata source monotonic_time received_at batch");
  EXPECT_EQ(line(rows[0]),
            "00000000000000000000000000000001 cpu cumulative ns 12.5 r p Project \"P\" u Ü 1970-01-01T00:01:40+00:00 "
            "{\"a\": 1} test 0.25 2026-01-02T03:04:05.000006+00:00 1");
  EXPECT_EQ(kind(rows[0], "volume"), CellKind::number);
  EXPECT_EQ(kind(rows[0], "resource_metadata"), CellKind::json);
}

TEST_P(StorageConformance, WhatIsAbsentIsNull) {
  write({make_sample(1, "cpu", "1", 100)});
  const Rows rows = query({.kind = QueryKind::samples});
  ASSERT_THAT(rows, SizeIs(1));
  for (const char* name : {"project_id", "project_name", "user_id", "user_name", "monotonic_time"}) {
    EXPECT_EQ(kind(rows[0], name), CellKind::null) << name;
  }
  EXPECT_EQ(value(rows[0], "resource_metadata"), "{}");
}

TEST_P(StorageConformance, TheSameIdAgainIsADuplicateWhateverItsMetadata) {
  Sample sample = make_sample(1, "cpu", "1", 100);
  sample.resource_metadata = R"({"v":1})";
  EXPECT_THAT(write({sample}), ElementsAre(RowStatus::stored));
  sample.resource_metadata = R"({"v":2})";
  sample.project_name = "another name";
  sample.monotonic_time = 7;
  EXPECT_THAT(write({sample, sample}), ElementsAre(RowStatus::duplicate, RowStatus::duplicate));
  const Rows rows = query({.kind = QueryKind::samples});
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(value(rows[0], "resource_metadata"), R"({"v":1})") << "the first is kept";
}

TEST_P(StorageConformance, TheSameIdWithAnotherContentIsAConflict) {
  Sample sample = make_sample(1, "cpu", "1", 100);
  sample.project_id = "p";
  sample.user_id = "u";
  write({sample});
  std::vector<Sample> others(5, sample);
  others[0].type = SampleType::delta;
  others[1].unit = "MiB";
  others[2].volume = *Decimal::parse("1.000000000000000001");
  others[3].project_id = std::nullopt;
  others[4].user_id = "another";
  for (const Sample& other : others) EXPECT_THAT(write({other}), ElementsAre(RowStatus::conflict));
  EXPECT_THAT(last_results_[0].reason, HasSubstr("another")) << "it says what differs";
  EXPECT_EQ(column("volume"), "1") << "the first is kept, alone";
}

TEST_P(StorageConformance, TheSameIdAtAnotherTimeIsAnotherSample) {
  const Sample first = make_sample(1, "cpu", "1", 100);
  Sample soon = first, later = first;  // in the same partition, and in another one, where there are any
  soon.timestamp->us += 1;
  later.timestamp->us += 3 * 365 * std::int64_t{86'400'000'000};
  EXPECT_THAT(write({first, soon}), ElementsAre(RowStatus::stored, RowStatus::stored));
  EXPECT_THAT(write({later}), ElementsAre(RowStatus::stored));
  EXPECT_THAT(write({later, first, soon}),
              ElementsAre(RowStatus::duplicate, RowStatus::duplicate, RowStatus::duplicate));
  Sample other = soon;
  other.volume = 2;
  EXPECT_THAT(write({first, other, later}),
              ElementsAre(RowStatus::duplicate, RowStatus::conflict, RowStatus::duplicate));
  EXPECT_THAT(query({.kind = QueryKind::samples}), SizeIs(3));
}

TEST_P(StorageConformance, DuplicatesAndConflictsAreSeenWithinABatch) {
  const Sample first = make_sample(1, "cpu", "1", 100);
  Sample other = first;
  other.volume = 2;
  EXPECT_THAT(write({first, first, other, make_sample(2, "cpu", "1", 100)}),
              ElementsAre(RowStatus::stored, RowStatus::duplicate, RowStatus::conflict, RowStatus::stored));
}

TEST_P(StorageConformance, ForeignIdsAreKeptAsTheyAre) {
  std::vector<std::string> ids = {"0F000000000000000000000000000000", "0f000000000000000000000000000000",
                                  "8f2d1f6e-1111-4222-8333-123456789abc", "x"};
  for (const std::string& id : ids) {
    Sample sample = make_sample(0, "cpu", "1", 100);
    sample.id = id;
    EXPECT_THAT(write({sample}), ElementsAre(RowStatus::stored)) << id;
    EXPECT_THAT(write({sample}), ElementsAre(RowStatus::duplicate)) << id;
  }
  EXPECT_EQ(column("id"), ids[0] + " " + ids[1] + " " + ids[2] + " " + ids[3]) << "in the order of their bytes";
}

TEST_P(StorageConformance, VolumesKeepEveryDigit) {
  const std::vector<std::string> volumes = {"0",
                                            "-1",
                                            "0.1",
                                            "9223372036854775807",
                                            "-9223372036854775808",
                                            "9223372036854775808",
                                            "0.000000000000000001",
                                            "-0.5",
                                            "99999999999999999999999999999999999999",
                                            "12345678901234567890.123456789012345678",
                                            "100000000000000000000000000000000000000"};
  std::string wanted;
  for (std::size_t i = 0; i < volumes.size(); ++i) {
    write({make_sample(static_cast<int>(i), "cpu", volumes[i], static_cast<int>(i))});
    wanted += (i == 0 ? "" : " ") + volumes[i];
  }
  EXPECT_EQ(column("volume"), wanted);
}

TEST_P(StorageConformance, AnEmptyBatchStillConcludes) {
  bool concluded = false;
  ASSERT_OK(store().write({}, [&](std::span<const RowResult> results) {
    concluded = results.empty();
    return Conclusion{.entries = {{20000, "bus", "messages", "filtered", 3}}};
  }));
  EXPECT_TRUE(concluded);
  EXPECT_THAT(query({.kind = QueryKind::books}), SizeIs(1));
}

// --- the conclusion -------------------------------------------------------------------------------------------------

TEST_P(StorageConformance, BooksAddUp) {
  const Conclusion first{.entries = {{20000, "bus", "messages", "stored", 2}, {20000, "bus", "samples", "stored", 5}}};
  const Conclusion second{
      .entries = {{20000, "bus", "messages", "stored", 3}, {20001, "bus", "messages", "stored", 1}}};
  write({make_sample(1, "cpu", "1", 1)}, first);
  write({make_sample(2, "cpu", "1", 1)}, second);
  const Rows rows = query({.kind = QueryKind::books});
  ASSERT_THAT(rows, SizeIs(3));
  EXPECT_EQ(names(rows[0]), "bus day unit outcome count");
  EXPECT_EQ(lines(rows), "bus 20000 messages stored 5|bus 20000 samples stored 5|bus 20001 messages stored 1");
}

TEST_P(StorageConformance, DeadLettersAreKeptOnceAndSettled) {
  const DeadLetter letter = make_letter(1, "first");
  write({}, {.dead_letters = {letter, make_letter(2, "other")}});
  write({}, {.dead_letters = {make_letter(1, "again")}});
  Rows rows = query({.kind = QueryKind::dead_letters});
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_EQ(value(rows[0], "detail"), "first") << "one that is there is left alone";
  EXPECT_EQ(names(rows[0]), "digest kind reason detail bus event_type message_id handler received_at");
  EXPECT_EQ(kind(rows[0], "message_id"), CellKind::null);

  rows = query({.kind = QueryKind::dead_letters, .digest = letter.digest});
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(value(rows[0], "body"), "body \xff of 1") << "bytes as they came";

  write({}, {.settled_dead_letters = {letter.digest, "no such digest"}});
  EXPECT_THAT(query({.kind = QueryKind::dead_letters}), SizeIs(1));
}

TEST_P(StorageConformance, DeadLettersArePurged) {
  write({}, {.dead_letters = {make_letter(1, "a"), make_letter(2, "b"), make_letter(3, "c")}});
  const std::vector<std::string> some = {make_letter(2, "").digest, "no such digest"};
  EXPECT_EQ(*store().purge_dead_letters(some), 1U);
  EXPECT_EQ(*store().purge_dead_letters({}), 2U);
  EXPECT_THAT(query({.kind = QueryKind::dead_letters}), IsEmpty());
}

// --- a batch that is repeated, since its answer was lost -------------------------------------------------------------

inline const std::string kWriter = "0123456789abcdef0123456789abcdef";

TEST_P(StorageConformance, ARepeatedBatchChangesNothingAndIsAnsweredAsBefore) {
  write({make_sample(1, "cpu", "1", 1)});
  const std::vector<Sample> samples = {make_sample(1, "cpu", "1", 1), make_sample(1, "cpu", "2", 1),
                                       make_sample(2, "cpu", "1", 2)};
  const Conclusion first{.dead_letters = {make_letter(1, "first")}, .entries = {{20000, "bus", "messages", "dead", 3}}};
  const Conclusion second{.dead_letters = {make_letter(2, "second")},
                          .entries = {{20000, "bus", "messages", "dead", 3}},
                          .settled_dead_letters = {make_letter(1, "").digest}};
  const std::vector<RowStatus> answer = {RowStatus::duplicate, RowStatus::conflict, RowStatus::stored};
  EXPECT_EQ(write_to(store(), samples, first, {kWriter, 7}), answer);
  EXPECT_EQ(write_to(store(), samples, second, {kWriter, 7}), answer);
  EXPECT_EQ(write_to(*place_->open(), samples, second, {kWriter, 7}), answer) << "by a connection made again too";
  EXPECT_EQ(lines(query({.kind = QueryKind::books})), "bus 20000 messages dead 3");
  EXPECT_EQ(column("detail", {.kind = QueryKind::dead_letters}), "first");
  EXPECT_EQ(column("batch"), "1 2");
}

TEST_P(StorageConformance, AnotherBatchOrAnotherWriterIsNoRepetition) {
  const std::vector<Sample> samples = {make_sample(1, "cpu", "1", 1), make_sample(2, "cpu", "1", 2)};
  const Conclusion conclusion{.entries = {{20000, "bus", "messages", "stored", 1}}};
  const std::string other = "fedcba9876543210fedcba9876543210";
  write_to(store(), samples, conclusion, {kWriter, 1});
  const auto duplicates = ElementsAre(RowStatus::duplicate, RowStatus::duplicate);
  EXPECT_THAT(write_to(store(), samples, conclusion, {kWriter, 2}), duplicates);
  EXPECT_THAT(write_to(store(), samples, conclusion, {other, 2}), duplicates);
  EXPECT_THAT(write_to(store(), samples, conclusion), duplicates);
  EXPECT_THAT(write_to(store(), samples, conclusion), duplicates) << "without a token nothing is remembered";
  EXPECT_THAT(write_to(store(), samples, conclusion, {kWriter, 2}), duplicates) << "this one is";
  EXPECT_EQ(lines(query({.kind = QueryKind::books})), "bus 20000 messages stored 5");
}

TEST_P(StorageConformance, ABatchWithoutRowsIsRepeatedOnceToo) {
  const Conclusion conclusion{.entries = {{20000, "bus", "messages", "filtered", 2}}};
  write_to(store(), {}, conclusion, {kWriter, 1});
  EXPECT_THAT(write_to(store(), {}, conclusion, {kWriter, 1}), IsEmpty());
  EXPECT_EQ(lines(query({.kind = QueryKind::books})), "bus 20000 messages filtered 2");
}

// --- upkeep ---------------------------------------------------------------------------------------------------------

TEST_P(StorageConformance, ExpiresByTimeAndMeter) {
  std::vector<Sample> samples;
  for (int i = 0; i < 10; ++i) samples.push_back(make_sample(i, i % 2 == 0 ? "disk.a" : "cpu", std::to_string(i), i));
  write(samples);
  EXPECT_EQ(*store().expire(at(4), "disk.*"), 2U);
  EXPECT_EQ(column("volume"), "1 3 4 5 6 7 8 9");
  EXPECT_EQ(*store().expire(at(9), ""), 7U);
  EXPECT_EQ(column("volume"), "9");
  EXPECT_EQ(*store().expire(at(9), ""), 0U);
}

TEST_P(StorageConformance, AnotherInstancesExpiryConfusesNobody) {
  const std::unique_ptr<StorageDriver> other = place_->open();
  Sample sample = make_sample(1, "cpu", "1", 1, "a");
  sample.resource_metadata = R"({"k":"a"})";
  write({sample});
  ASSERT_EQ(*other->expire(at(5), ""), 1U);
  Sample next = make_sample(2, "memory", "1", 6, "b");
  next.resource_metadata = R"({"k":"b"})";
  ASSERT_OK(other->write(as_rows({next}).view(), [](std::span<const RowResult>) { return Conclusion(); }));
  sample.timestamp = at(7);
  sample.id = make_sample(3, "", "1", 0).id;
  write({sample});
  EXPECT_EQ(column("name"), "memory cpu");
  EXPECT_EQ(column("resource_metadata"), R"({"k":"b"} {"k":"a"})");
}

TEST_P(StorageConformance, TwoInstancesShareOneStore) {
  const std::unique_ptr<StorageDriver> other = place_->open();
  for (int i = 0; i < 20; ++i) {
    write({make_sample(i, "cpu", "1", i)});
    const auto statuses = write_to(*other, {make_sample(i, "cpu", "1", i), make_sample(100 + i, "cpu", "1", i)}, {});
    EXPECT_THAT(statuses, ElementsAre(RowStatus::duplicate, RowStatus::stored));
  }
  EXPECT_EQ(column("count", {.kind = QueryKind::statistics}), "40");
}

TEST_P(StorageConformance, IsPreparedAndChecked) {
  std::vector<std::string> said;
  const auto report = [&](std::span<const Cell> cells) {
    for (const Cell& cell : cells) said.emplace_back(cell.value);
    return true;
  };
  EXPECT_OK(store().prepare(Prepare::init, report));
  EXPECT_OK(store().prepare(Prepare::init, report)) << "again is not an error";
  EXPECT_OK(store().prepare(Prepare::upgrade, report));
  EXPECT_OK(store().prepare(Prepare::check, report));
  EXPECT_FALSE(said.empty());
  write({make_sample(1, "cpu", "1", 1)});
  EXPECT_EQ(column("volume"), "1");
}

}  // namespace tally::test

#endif
