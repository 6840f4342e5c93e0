// Several instances on one schema: the same rows at once, numbers in the order of commits, expiry, upgrading.
// Not for servers that fail: see test_faults.cc.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <future>
#include <random>
#include <thread>

#include "test_store.h"

namespace tally::postgresql {
namespace {

using ::testing::HasSubstr;

std::vector<Given> some(int first, int count) {
  std::vector<Given> given;
  for (int i = first; i < first + count; ++i) {
    given.push_back({.id = hex_id(i),
                     .timestamp_us = kStart_us + i % 7 * kDay_us,
                     .volume = std::to_string(i),
                     .resource = "r" + std::to_string(i % 50),
                     .meter = "m" + std::to_string(i % 3),
                     .metadata = "{\"k\":" + std::to_string(i % 11) + "}"});
  }
  return given;
}

std::int64_t deadlocks(const Options& options) {
  return Connection(options).integer("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()");
}

TEST_F(PostgresqlStore, ManyWritersOfTheSameRowsStoreEachOnceAndNeverWaitInARing) {
  constexpr int kWriters = 4, kBatches = 25, kRows = 200, kPool = 2'000;
  prepare(store(), Prepare::init);
  const std::int64_t before = deadlocks(options_);
  std::atomic<int> stored_rows{0};
  std::vector<std::thread> threads;
  for (int writer = 0; writer < kWriters; ++writer) {
    threads.emplace_back([&, writer] {
      Store own(options_);
      std::mt19937 random(static_cast<unsigned>(writer));
      for (int i = 0; i < kBatches; ++i) {
        std::vector<Given> given = some(static_cast<int>(random() % (kPool - kRows)), kRows);
        std::ranges::shuffle(given, random);
        const std::string why = message([&] {
          const std::string letters = write(own, given);
          stored_rows += static_cast<int>(std::ranges::count(letters, 's'));
          EXPECT_EQ(letters.find_first_not_of("sd"), std::string::npos) << letters;
        });
        EXPECT_EQ(why, "(no error)");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(stored(), std::to_string(stored_rows));
  EXPECT_EQ(booked(), std::to_string(stored_rows));
  EXPECT_EQ(number("SELECT count(DISTINCT id) FROM sample"), stored_rows);
  EXPECT_EQ(deadlocks(options_), before);
}

TEST_F(PostgresqlStore, CollectorsMayAllBeginOnAnEmptyDatabase) {
  constexpr int kWriters = 4;
  std::vector<std::thread> threads;
  for (int writer = 0; writer < kWriters; ++writer) {
    threads.emplace_back([&, writer] {
      Store own(options_);
      for (int week = 0; week < 12; ++week) {
        const int which = writer % 2 == 0 ? week : 11 - week;
        EXPECT_EQ(message([&] {
                    write(own, {{.id = hex_id(writer * 100 + which), .timestamp_us = kStart_us + which * 7 * kDay_us}});
                  }),
                  "(no error)");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(stored(), std::to_string(kWriters * 12));
}

TEST_F(PostgresqlStore, WhoCommitsLaterHasTheGreaterNumberWhoeverBegan) {
  Store other(options_), asking(options_);
  write(store(), {{.id = hex_id(1)}});
  GivenBatch first({{.id = hex_id(2)}});
  const QueryView then{.kind = QueryKind::meters, .as_of = 3};
  std::string seen;
  first.in_transaction = [&] {
    write(other, {{.id = hex_id(3)}});
    EXPECT_TRUE(ask(asking, {.kind = QueryKind::samples, .filters = {{"resource_id", "r"}}}).ends_with(" 3"));
    seen = ask(asking, then);
    EXPECT_THAT(seen, HasSubstr("cpu gauge % 1 2 "));
  };
  first.write(store());
  EXPECT_EQ(ask(asking, then), seen) << "as of a batch, whatever commits later";
  EXPECT_THAT(ask(asking, {.kind = QueryKind::meters, .as_of = 4}), HasSubstr("cpu gauge % 1 3 "));
  const std::string samples = ask(asking, {.kind = QueryKind::samples});
  EXPECT_THAT(samples, HasSubstr(hex_id(2)));
  EXPECT_THAT(samples, HasSubstr(" 4")) << "the one that was overtaken";
}

TEST_F(PostgresqlStore, AConclusionThatThrowsUndoesTheBatch) {
  GivenBatch batch({{.id = "a"}});
  batch.in_transaction = [] { throw std::runtime_error("no"); };
  EXPECT_THROW(batch.write(store()), std::runtime_error);
  EXPECT_EQ(stored(), "0");
  EXPECT_EQ(number("SELECT count(*) FROM series"), 0);
  batch.in_transaction = nullptr;
  EXPECT_EQ(batch.write(store()), "s") << "what was undone is not remembered";
  EXPECT_EQ(number("SELECT count(*) FROM sample JOIN series s ON s.key = series"), 1);
}

TEST_F(PostgresqlStore, RejectsWhatCanNeverBeKeptAndKeepsTheRest) {
  const std::string nul("a\0b", 3), broken("\xC3\x28");
  GivenBatch batch({{.id = "many", .volume = "many"},
                    {.id = "early", .timestamp_us = Time::kFirst.us - 1},
                    {.id = "late", .timestamp_us = Time::kEnd.us},
                    {.id = "nul", .resource = nul},
                    {.id = "text", .meter = broken},
                    {.id = "metadata", .metadata = nul},
                    {.id = nul},
                    {.id = std::string(2'001, 'x')},
                    {.id = "good", .volume = "99999999999999999999.000000000000000001"},
                    {.id = std::string(2'000, 'x')},
                    {.id = "long", .resource = std::string(10'000, 'r'), .meter = std::string(5'000, 'm')},
                    {.id = "first", .timestamp_us = Time::kFirst.us},
                    {.id = "last", .timestamp_us = Time::kEnd.us - 10}});
  EXPECT_EQ(batch.write(store()), "rrrrrrrrsssss");
  EXPECT_THAT(batch.reason(), HasSubstr("2000 bytes"));
  EXPECT_EQ(batch.write(store()), "rrrrrrrrddddd") << "the checked way answers the same";
  EXPECT_THAT(ask(store(), {.kind = QueryKind::samples, .filters = {{"resource_id", std::string(10'000, 'r')}}}),
              HasSubstr("long"));
  EXPECT_EQ(booked(), "5");
}

TEST_F(PostgresqlStore, WhatRepeatsAConflictIsHeldAgainstWhatIsThere) {
  EXPECT_EQ(write(store(), {{.id = "a", .volume = "1"}}), "s");
  EXPECT_EQ(write(store(), {{.id = "a", .volume = "2"}, {.id = "a", .volume = "2"}, {.id = "a", .volume = "1"}}),
            "ccd");
  EXPECT_EQ(write(store(), {{.id = "b", .volume = "2"}, {.id = "b", .volume = "2"}, {.id = "b", .volume = "1"}}),
            "sdc");
}

TEST_F(PostgresqlStore, OldPartitionsAreDroppedWithTheTextsThatTheyAloneNamed) {
  Store other(options_);
  const Given old{.id = "old", .resource = "gone", .meter = "gone", .metadata = R"({"gone":1})"};
  const Given fresh{.id = "new", .timestamp_us = kStart_us + 20 * kDay_us, .resource = "stays"};
  EXPECT_EQ(write(store(), {old, fresh}), "ss");
  const std::int64_t partitions = number("SELECT count(*) FROM partition");
  EXPECT_EQ(other.expire(Time{kStart_us + 7 * kDay_us}, std::nullopt), 1U);
  EXPECT_EQ(number("SELECT count(*) FROM partition"), partitions - 1);
  EXPECT_EQ(number("SELECT count(*) FROM pg_class WHERE relname LIKE 'expired_%' AND relnamespace = '" +
                   options_.schema + "'::regnamespace"),
            0);
  EXPECT_EQ(number("SELECT count(*) FROM series"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM resource"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM meter"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM metadata"), 0);
  EXPECT_EQ(write(store(), {old}), "s") << "who remembers them, and the partition, makes them again";
  EXPECT_THAT(ask(store(), {.kind = QueryKind::resources}), HasSubstr("gone"));
}

TEST_F(PostgresqlStore, ALateRowsPartitionStaysWhenOnlyItsMetersExpire) {
  write(store(), {{.id = "a", .meter = "a"}, {.id = "b", .meter = "b"}});
  EXPECT_EQ(store().expire(Time{kStart_us + 7 * kDay_us}, "a"), 1U);
  EXPECT_EQ(stored(), "1");
  EXPECT_EQ(store().expire(Time{kStart_us + 7 * kDay_us}, "*"), 1U);
  EXPECT_EQ(stored(), "0");
  EXPECT_EQ(number("SELECT count(*) FROM partition WHERE starts <= '2026-01-05' AND ends > '2026-01-05'"), 0);
}

TEST_F(PostgresqlStore, APartitionThatIsReadIsEmptiedInsteadOfDropped) {
  write(store(), {{.id = "a"}, {.id = "b", .timestamp_us = kStart_us + 20 * kDay_us}});
  Connection reader(options_);
  reader.run("BEGIN; SELECT count(*) FROM sample");
  EXPECT_EQ(store().expire(Time{kStart_us + 7 * kDay_us}, std::nullopt), 1U);
  EXPECT_EQ(reader.integer("SELECT count(*) FROM partition WHERE starts = '2026-01-05'"), 1);
  reader.run("COMMIT");
  EXPECT_EQ(stored(), "1");
  EXPECT_EQ(store().expire(Time{kStart_us + 7 * kDay_us}, std::nullopt), 0U);
  EXPECT_EQ(number("SELECT count(*) FROM partition WHERE starts = '2026-01-05'"), 0);
}

// --- upgrading ------------------------------------------------------------------------------------------------------

// This version's steps, and one more.
std::vector<Step> and_then(Step next) {
  std::vector<Step> steps(schema_steps().begin(), schema_steps().end());
  steps.push_back(next);
  return steps;
}

constexpr const char* kColumn = "ALTER TABLE resource ADD COLUMN extra text";

TEST_F(PostgresqlStore, AnOlderCollectorGoesOnBesideACompatibleSchema) {
  const std::vector<Step> steps = and_then({kColumn, 1});
  write(store(), {{.id = "a"}});
  Store newer(options_, steps);
  EXPECT_THAT(message([&] { write(newer, {{.id = "b"}}); }),
              HasSubstr("transient: postgresql: " + Connection(options_).place() + " schema " + options_.schema +
                        " has schema version 2, this plugin needs 3"));
  EXPECT_THAT(message([&] { prepare(newer, Prepare::check); }), HasSubstr("permanent: "));
  EXPECT_THAT(prepare(newer, Prepare::upgrade), HasSubstr("upgraded from schema version 2 to 3"));
  EXPECT_THAT(prepare(newer, Prepare::upgrade), HasSubstr("nothing to do"));
  EXPECT_EQ(write(newer, {{.id = "b"}}), "s");
  EXPECT_EQ(write(store(), {{.id = "c"}}), "s") << "connected before";
  Store again(options_);
  EXPECT_EQ(write(again, {{.id = "d"}, {.id = "b"}}), "sd") << "connected after";
  EXPECT_THAT(prepare(again, Prepare::check), HasSubstr("version 3, newer than this plugin's"));
  EXPECT_THAT(prepare(again, Prepare::init), HasSubstr("nothing to do, schema version 3"));
}

TEST_F(PostgresqlStore, ACollectorOfTheFirstVersionGoesOnBesideRecords) {
  Store older(options_, schema_steps().first(1));
  EXPECT_EQ(write(older, {{.id = "a"}}), "s");
  EXPECT_THAT(prepare(store(), Prepare::upgrade), HasSubstr("upgraded from schema version 1 to 2"));
  EXPECT_EQ(write(older, {{.id = "b"}}), "s");
  EXPECT_EQ(write(store(), {{.id = "b"}, {.id = "c"}}), "ds");
  Store again(options_, schema_steps().first(1));
  EXPECT_EQ(write(again, {{.id = "c"}, {.id = "d"}}), "ds") << "connected after";
  EXPECT_EQ(number("SELECT count(*) FROM record WHERE kind = 'store' AND key = 'id' AND length(value) = 32"), 1);
}

TEST_F(PostgresqlStore, AnIncompatibleSchemaIsRefusedWithBothVersions) {
  const std::vector<Step> steps = and_then({kColumn, 3});
  Store newer(options_, steps);
  prepare(newer, Prepare::init);
  EXPECT_THAT(message([&] { write(store(), {{.id = "a"}}); }), HasSubstr("transient: "));
  EXPECT_THAT(message([&] { prepare(store(), Prepare::check); }),
              ::testing::AllOf(HasSubstr("permanent: "), HasSubstr("schema version 3"), HasSubstr("knows up to 2")));
}

TEST_F(PostgresqlStore, WhoIsConnectedFeelsAnIncompatibleUpgradeAtTheNextBatch) {
  EXPECT_EQ(write(store(), {{.id = "a"}}), "s");
  const std::vector<Step> steps = and_then({kColumn, 3});
  Store newer(options_, steps);
  prepare(newer, Prepare::upgrade);
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(message([&] { write(store(), {{.id = "b"}}); }),
                ::testing::AllOf(HasSubstr("transient: "), HasSubstr("schema version 3"), HasSubstr("knows up to 2")));
  }
  EXPECT_EQ(write(newer, {{.id = "a"}, {.id = "b"}}), "ds");
}

TEST_F(PostgresqlStore, AnUpgradeWaitsForBatchesUnderWayAndBatchesForIt) {
  write(store(), {{.id = "a"}});
  const std::string texts = std::to_string(static_cast<int>(Lock::texts));
  Connection upgrading(options_);
  upgrading.run("BEGIN; SELECT pg_advisory_xact_lock(" + texts + ", hashtext('" + options_.schema + "'))");
  auto writing = std::async(std::launch::async, [&] { return message([&] { write(store(), {{.id = "b"}}); }); });
  const std::string waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND classid = " + texts +
                              " AND objid::bigint = hashtext('" + options_.schema + "')::bigint & 4294967295";
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (number(waiting) == 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(number(waiting), 1);
  upgrading.run("UPDATE tally_schema SET version = 3, compatible_from = 3; COMMIT");
  EXPECT_THAT(writing.get(), HasSubstr("schema version 3")) << "it saw what was done while it waited";
  EXPECT_EQ(number("SELECT count(*) FROM sample"), 1);
}

TEST_F(PostgresqlStore, AnUpgradeThatFailsChangesNothing) {
  const std::vector<Step> steps = and_then({"CREATE TABLE added (key int); CREATE TABLE meter (key int)", 3});
  prepare(store(), Prepare::init);
  Store newer(options_, steps);
  EXPECT_THAT(message([&] { prepare(newer, Prepare::upgrade); }), HasSubstr("already exists"));
  EXPECT_THAT(prepare(store(), Prepare::check), HasSubstr("intact"));
  EXPECT_EQ(number("SELECT count(*) FROM pg_tables WHERE tablename = 'added' AND schemaname = current_schema()"), 0);
}

TEST_F(PostgresqlStore, AnotherProgramsTablesAreLeftAlone) {
  sql("CREATE SCHEMA " + options_.schema + "; CREATE TABLE " + options_.schema + ".theirs (key int)");
  EXPECT_THAT(message([&] { write(store(), {{.id = "a"}}); }), HasSubstr("transient: "));
  EXPECT_THAT(message([&] { prepare(store(), Prepare::init); }), HasSubstr("another program's tables"));
}

TEST_F(PostgresqlStore, WritersOfLongAgoAreForgotten) {
  for (int i = 0; i < 150; ++i) GivenBatch({}, std::to_string(i), 1).write(store());
  EXPECT_GE(number("SELECT count(*) FROM writer"), 100);
  EXPECT_LE(number("SELECT count(*) FROM writer"), 101) << "the newest is kept in any case";
  EXPECT_EQ(number("SELECT count(*) FROM writer WHERE id = '149'"), 1);
  EXPECT_EQ(store().last_batch("149").last, 1U);
  EXPECT_EQ(store().last_batch("0").last, 0U);
  EXPECT_TRUE(store().last_batch("0").since.has_value()) << "it may have been forgotten";
}

}  // namespace
}  // namespace tally::postgresql
