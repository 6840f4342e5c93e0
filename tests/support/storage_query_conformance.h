// What every storage driver must answer, as tests of plugin::StorageDriver: samples in order, statistics, listings.
// Not to be included by itself: storage_conformance.h brings it.
#ifndef TALLY_TESTS_SUPPORT_STORAGE_QUERY_CONFORMANCE_H
#define TALLY_TESTS_SUPPORT_STORAGE_QUERY_CONFORMANCE_H

#include <algorithm>

#include "support/storage_fixture.h"

namespace tally::test {

using ::testing::HasSubstr;
using ::testing::SizeIs;

// --- samples --------------------------------------------------------------------------------------------------------

TEST_P(StorageConformance, SamplesComeByTimeThenIdWhateverTheArrival) {
  write({make_sample(3, "cpu", "3", 200), make_sample(9, "memory", "1", 100)});
  write({make_sample(2, "cpu", "2", 200, "other"), make_sample(1, "cpu", "4", 300)});
  EXPECT_EQ(column("volume"), "1 2 3 4");
  EXPECT_EQ(column("volume", {.kind = QueryKind::samples, .descending = true}), "4 3 2 1");
  EXPECT_EQ(column("volume", {.kind = QueryKind::samples, .limit = 2}), "1 2");
  EXPECT_EQ(column("volume", {.kind = QueryKind::samples, .descending = true, .limit = 1}), "4");
  EXPECT_EQ(column("volume", {.kind = QueryKind::samples, .limit = 0}), "");
  EXPECT_EQ(column("volume", {.kind = QueryKind::samples, .meter = "cpu"}), "2 3 4");
}

TEST_P(StorageConformance, AShortListIsTheBeginningOfTheLongOne) {
  std::vector<Sample> samples;
  for (int i = 0; i < 200; ++i) {
    samples.push_back(
        make_sample(i, "meter" + std::to_string(i % 7), std::to_string(i), i * 37 % 50, "r" + std::to_string(i % 3)));
  }
  write(samples);
  for (const bool descending : {false, true}) {
    const std::string all = column("volume", {.kind = QueryKind::samples, .descending = descending}) + " ";
    for (const int limit : {1, 2, 3, 5, 8, 50, 199, 200, 1000}) {
      const Query few{.kind = QueryKind::samples, .descending = descending, .limit = limit};
      EXPECT_TRUE(all.starts_with(column("volume", few) + " ")) << limit;
      EXPECT_THAT(query(few), SizeIs(std::min(limit, 200)));
    }
  }
}

TEST_P(StorageConformance, TheReaderMayStop) {
  write({make_sample(1, "cpu", "1", 1), make_sample(2, "cpu", "2", 2), make_sample(3, "cpu", "3", 3)});
  int seen = 0;
  EXPECT_OK(store().query({.kind = QueryKind::samples}, [&](std::span<const Cell>) { return ++seen < 2; }));
  EXPECT_EQ(seen, 2);
  EXPECT_EQ(column("volume"), "1 2 3") << "and ask again";
}

TEST_P(StorageConformance, StartIsInAndEndIsOut) {
  write({make_sample(1, "cpu", "1", 1), make_sample(2, "cpu", "2", 2), make_sample(3, "cpu", "3", 3)});
  EXPECT_EQ(column("volume", {.kind = QueryKind::samples, .start = at(2)}), "2 3");
  EXPECT_EQ(column("volume", {.kind = QueryKind::samples, .end = at(2)}), "1");
  EXPECT_EQ(column("volume", {.kind = QueryKind::samples, .start = at(1), .end = at(3)}), "1 2");
  EXPECT_EQ(column("volume", {.kind = QueryKind::samples, .start = at(3), .end = at(1)}), "");
}

TEST_P(StorageConformance, MeterPatternsKnowOnlyTheStar) {
  write({make_sample(1, "disk.read", "1", 1), make_sample(2, "disk.write", "2", 2), make_sample(3, "disk", "3", 3),
         make_sample(4, "a?[b]%_", "4", 4), make_sample(5, "aXb", "5", 5)});
  EXPECT_EQ(column("volume", {.kind = QueryKind::samples, .meter = "disk.*"}), "1 2");
  EXPECT_EQ(column("volume", {.kind = QueryKind::samples, .meter = "*d*r*"}), "1 2");
  EXPECT_EQ(column("volume", {.kind = QueryKind::samples, .meter = "a?*"}), "4");
  EXPECT_EQ(column("volume", {.kind = QueryKind::samples, .meter = "*[b]%_"}), "4");
  EXPECT_EQ(column("volume", {.kind = QueryKind::samples, .meter = "*%*"}), "4");
  EXPECT_EQ(column("volume", {.kind = QueryKind::samples, .meter = "*"}), "1 2 3 4 5");
  EXPECT_EQ(column("volume", {.kind = QueryKind::samples, .meter = "Disk"}), "") << "case matters";
}

TEST_P(StorageConformance, FiltersMustAllHold) {
  std::vector<Sample> samples;
  for (int i = 0; i < 4; ++i) samples.push_back(make_sample(i, "cpu", std::to_string(i), i, i < 2 ? "r1" : "r2"));
  samples[0].project_id = "p";
  samples[1].user_id = "u";
  samples[2].type = SampleType::delta;
  samples[2].unit = "MiB";
  samples[3].source = "elsewhere";
  samples[3].resource_metadata = R"({"k": "v", "n": 1.50, "b": true, "a": {"b": "deep"}, "x.y": "flat", "z": null})";
  write(samples);
  const auto filtered = [this](std::vector<Filter> filters) {
    return column("volume", {.kind = QueryKind::samples, .filters = std::move(filters)});
  };
  EXPECT_EQ(filtered({{"resource_id", "r1"}}), "0 1");
  EXPECT_EQ(filtered({{"resource_id", "r1"}, {"user_id", "u"}}), "1");
  EXPECT_EQ(filtered({{"project_id", "p"}, {"user_id", "u"}}), "");
  EXPECT_EQ(filtered({{"type", "delta"}}), "2");
  EXPECT_EQ(filtered({{"unit", "MiB"}}), "2");
  EXPECT_EQ(filtered({{"source", "elsewhere"}}), "3");
  EXPECT_EQ(filtered({{"metadata.k", "v"}}), "3");
  EXPECT_EQ(filtered({{"metadata.b", "true"}}), "3");
  EXPECT_EQ(filtered({{"metadata.a.b", "deep"}}), "3");
  EXPECT_EQ(filtered({{"metadata.x.y", "flat"}}), "3");
  EXPECT_EQ(filtered({{"metadata.k", "w"}}), "");
  EXPECT_EQ(filtered({{"metadata.it's", "v"}}), "");
  EXPECT_EQ(filtered({{"metadata.z", "null"}}), "") << "null is not a value";
}

TEST_P(StorageConformance, FieldsThatAreNotKnownAreRefused) {
  write({make_sample(1, "cpu", "1", 1)});
  const auto ignore = [](std::span<const Cell>) { return true; };
  for (const Query& wrong : {Query{.kind = QueryKind::samples, .filters = {{"colour", "red"}}},
                             Query{.kind = QueryKind::statistics, .group_by = {"colour"}}}) {
    const absl::Status status = store().query(wrong, ignore);
    EXPECT_EQ(status.code(), kPermanent) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("colour"));
    EXPECT_THAT(std::string(status.message()), HasSubstr("resource_id")) << "it says what there is";
  }
}

TEST_P(StorageConformance, AsOfABatchGivesTheSameAnswerForEver) {
  write({make_sample(1, "cpu", "1", 100)});
  const std::string batch = column("batch");
  Query query{.kind = QueryKind::samples, .as_of = std::stoll(batch)};
  write({make_sample(2, "cpu", "2", 50), make_sample(1, "cpu", "1", 100)});
  EXPECT_EQ(column("volume", query), "1");
  EXPECT_EQ(column("volume"), "2 1");
  query.kind = QueryKind::statistics;
  EXPECT_EQ(column("count", query), "1");
  query.kind = QueryKind::meters;
  EXPECT_EQ(column("samples", query), "1");
  query.kind = QueryKind::resources;
  EXPECT_EQ(column("first", query), "1970-01-01T00:01:40+00:00");
  query.as_of = 0;
  EXPECT_EQ(column("samples", query), "");
}

TEST_P(StorageConformance, BatchNumbersGrowWithWhatIsStored) {
  write({make_sample(1, "cpu", "1", 1)});
  write({make_sample(1, "cpu", "1", 1)});
  write({make_sample(2, "cpu", "1", 2), make_sample(3, "cpu", "1", 3)});
  const Rows rows = query({.kind = QueryKind::samples});
  ASSERT_THAT(rows, SizeIs(3));
  EXPECT_LT(std::stoll(value(rows[0], "batch")), std::stoll(value(rows[1], "batch")));
  EXPECT_EQ(value(rows[1], "batch"), value(rows[2], "batch"));
}

// --- statistics -----------------------------------------------------------------------------------------------------

TEST_P(StorageConformance, SumsAreExact) {
  std::vector<Sample> samples;
  for (int i = 0; i < 10; ++i) samples.push_back(make_sample(i, "cpu", "0.1", 60 * i));
  write(samples);
  const Rows rows = query({.kind = QueryKind::statistics, .meter = "cpu"});
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(names(rows[0]), "period_start period_end count sum min max avg unit duration duration_start duration_end");
  EXPECT_EQ(line(rows[0]),
            "1970-01-01T00:00:00+00:00 1970-01-01T00:09:00+00:00 10 1 0.1 0.1 0.1 % 540 1970-01-01T00:00:00+00:00 "
            "1970-01-01T00:09:00+00:00");
  EXPECT_EQ(kind(rows[0], "sum"), CellKind::number);
}

TEST_P(StorageConformance, AveragesRoundHalfToEven) {
  write({make_sample(1, "third", "1", 1), make_sample(2, "third", "0", 2), make_sample(3, "third", "0", 3),
         make_sample(4, "half", "0.000000000000000001", 1), make_sample(5, "half", "0.000000000000000002", 2),
         make_sample(6, "low", "0.000000000000000001", 1), make_sample(7, "low", "0", 2),
         make_sample(8, "minus", "-2", 1), make_sample(9, "minus", "0", 2), make_sample(10, "minus", "0", 3)});
  const auto average = [this](const char* meter) {
    return column("avg", {.kind = QueryKind::statistics, .meter = meter});
  };
  EXPECT_EQ(average("third"), "0.333333333333333333");
  EXPECT_EQ(average("half"), "0.000000000000000002");
  EXPECT_EQ(average("low"), "0");
  EXPECT_EQ(average("minus"), "-0.666666666666666667");
}

TEST_P(StorageConformance, ExtremesAndSumsMixIntegersAndDecimals) {
  write({make_sample(1, "cpu", "9223372036854775807", 1), make_sample(2, "cpu", "9223372036854775807", 2),
         make_sample(3, "cpu", "-9223372036854775808", 3), make_sample(4, "cpu", "0.5", 4),
         make_sample(5, "cpu", "99999999999999999999999999999999999999", 5), make_sample(6, "cpu", "-10.5", 6)});
  const Rows rows = query({.kind = QueryKind::statistics});
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(value(rows[0], "sum"), "100000000000000000009223372036854775795");
  EXPECT_EQ(value(rows[0], "min"), "-9223372036854775808");
  EXPECT_EQ(value(rows[0], "max"), "99999999999999999999999999999999999999");
}

TEST_P(StorageConformance, PeriodsAreAlignedToTheStartOrTo1970) {
  write({make_sample(1, "cpu", "1", -1), make_sample(2, "cpu", "2", 0), make_sample(3, "cpu", "4", 59),
         make_sample(4, "cpu", "8", 60), make_sample(5, "cpu", "16", 200)});
  Query query{.kind = QueryKind::statistics, .period_us = 60 * Time::kSecond};
  EXPECT_EQ(column("sum", query), "1 6 8 16") << "windows without samples are left out";
  EXPECT_EQ(column("period_start", query),
            "1969-12-31T23:59:00+00:00 1970-01-01T00:00:00+00:00 1970-01-01T00:01:00+00:00 1970-01-01T00:03:00+00:00");
  query.start = at(59);
  query.end = at(200);
  EXPECT_EQ(column("sum", query), "12");
  EXPECT_EQ(column("period_start", query), "1970-01-01T00:00:59+00:00");
  EXPECT_EQ(column("period_end", query), "1970-01-01T00:01:59+00:00");
  EXPECT_EQ(column("duration", query), "1");
  query.period_us = 0;
  EXPECT_EQ(column("period_end", query), "1970-01-01T00:03:20+00:00");
}

TEST_P(StorageConformance, GroupsByAnyField) {
  std::vector<Sample> samples;
  for (int i = 0; i < 6; ++i) {
    samples.push_back(make_sample(i, i < 3 ? "cpu" : "memory", "1", i, i % 2 == 0 ? "a" : "b"));
  }
  samples[0].project_id = "p";
  samples[0].resource_metadata = R"({"flavor": {"name": "big"}, "n": 1.5})";
  samples[1].resource_metadata = R"({"flavor.name": "big"})";
  write(samples);
  const auto grouped = [this](std::vector<std::string> by) {
    std::string text;
    const std::size_t keys = by.size();
    for (const AnswerRow& row : query({.kind = QueryKind::statistics, .group_by = std::move(by)})) {
      for (std::size_t i = 0; i < keys; ++i) text += (row[i].kind == CellKind::null ? "-" : row[i].value) + " ";
      text += value(row, "count") + "|";
    }
    return text;
  };
  EXPECT_EQ(grouped({"resource_id"}), "a 3|b 3|");
  EXPECT_EQ(grouped({"meter", "resource_id"}), "cpu a 2|cpu b 1|memory a 1|memory b 2|");
  EXPECT_EQ(grouped({"project_id"}), "- 5|p 1|");
  EXPECT_EQ(grouped({"user_id"}), "- 6|");
  EXPECT_EQ(grouped({"source"}), "test 6|");
  EXPECT_EQ(grouped({"metadata.flavor.name"}), "- 4|big 2|");
  EXPECT_EQ(grouped({"metadata.n"}), "- 5|1.5 1|");
  EXPECT_EQ(names(query({.kind = QueryKind::statistics, .group_by = {"metadata.n"}})[0]).substr(0, 10), "metadata.n");
}

TEST_P(StorageConformance, DifferentUnitsAreNeverAddedUp) {
  Sample other = make_sample(2, "cpu", "2", 2);
  other.unit = "MiB";
  write({make_sample(1, "cpu", "1", 1), other});
  EXPECT_EQ(column("sum", {.kind = QueryKind::statistics}), "1 2");
  EXPECT_EQ(column("unit", {.kind = QueryKind::statistics}), "% MiB");
}

// --- meters, resources, size ----------------------------------------------------------------------------------------

TEST_P(StorageConformance, ListsMeters) {
  Sample renamed = make_sample(4, "cpu", "1", 4, "a");
  renamed.project_name = "renamed";
  write({make_sample(1, "memory", "1", 1, "a"), make_sample(2, "cpu", "1", 2, "a"), make_sample(3, "cpu", "1", 3, "b"),
         renamed});
  const Rows rows = query({.kind = QueryKind::meters});
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_EQ(names(rows[0]), "name type unit resources samples first last");
  EXPECT_EQ(lines(rows),
            "cpu gauge % 2 3 1970-01-01T00:00:02+00:00 1970-01-01T00:00:04+00:00|"
            "memory gauge % 1 1 1970-01-01T00:00:01+00:00 1970-01-01T00:00:01+00:00");
  EXPECT_EQ(column("name", {.kind = QueryKind::meters, .filters = {{"resource_id", "b"}}}), "cpu");
  EXPECT_EQ(column("name", {.kind = QueryKind::meters, .limit = 1}), "cpu");
  EXPECT_EQ(column("name", {.kind = QueryKind::meters, .start = at(9)}), "");
}

TEST_P(StorageConformance, ListsResourcesWithTheirLatestMetadata) {
  std::vector<Sample> samples;
  for (int i = 0; i < 4; ++i) samples.push_back(make_sample(i, i < 2 ? "cpu" : "memory", "1", i, "a"));
  samples[3].timestamp = at(2);  // the same time as 2, a greater id
  for (int i = 0; i < 4; ++i)
    samples[static_cast<std::size_t>(i)].resource_metadata = "{\"i\":" + std::to_string(i) + "}";
  write({samples[3]});
  write({samples[2], samples[1], samples[0]});
  const Rows rows = query({.kind = QueryKind::resources});
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(names(rows[0]), "resource_id project_id user_id source meters samples first last metadata");
  EXPECT_EQ(line(rows[0]), "a - - test 2 4 1970-01-01T00:00:00+00:00 1970-01-01T00:00:02+00:00 {\"i\":3}");
  EXPECT_EQ(column("metadata", {.kind = QueryKind::resources, .meter = "cpu"}), "{\"i\":1}");
  EXPECT_EQ(column("metadata", {.kind = QueryKind::resources, .end = at(1)}), "{\"i\":0}");
}

TEST_P(StorageConformance, TellsBytesByMeter) {
  std::vector<Sample> samples;
  for (int i = 0; i < 300; ++i) samples.push_back(make_sample(i, i % 3 == 0 ? "a" : "b", "1", i));
  write(samples);
  const Rows rows = query({.kind = QueryKind::size});
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_EQ(names(rows[0]), "meter samples bytes");
  EXPECT_EQ(value(rows[0], "samples") + " " + value(rows[1], "samples"), "100 200");
  EXPECT_GT(std::stoll(value(rows[0], "bytes")), 100);
  EXPECT_GT(std::stoll(value(rows[1], "bytes")), std::stoll(value(rows[0], "bytes")));
}

}  // namespace tally::test

#endif
