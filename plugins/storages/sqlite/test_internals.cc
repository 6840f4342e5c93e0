// Inner parts of the SQLite driver: upgrading, a conclusion that throws, URLs, how small a sample is.
// Not for what a collector sees: see test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "store.h"
#include "support/scratch_folder.h"

namespace tally::sqlite {
namespace {

using ::testing::HasSubstr;

// Takes an answer's rows as "a b|c d".
class Reader {
 public:
  const tally_rows& rows() const { return rows_; }
  const std::string& text() const { return text_; }

 private:
  static std::int32_t row(void* context, const tally_cell* cells, std::size_t count) {
    std::string& text = static_cast<Reader*>(context)->text_;
    if (!text.empty()) text += '|';
    for (std::size_t i = 0; i < count; ++i) {
      text += (i == 0 ? "" : " ") + std::string(from_c(cells[i].value));
    }
    return TALLY_OK;
  }

  std::string text_;
  tally_rows rows_{sizeof(tally_rows), this, row};
};

tally_str str(const char* text) { return {text, std::strlen(text)}; }

tally_sample sample_of(const char* id) {
  tally_sample sample{};
  sample.size = sizeof sample;
  sample.type = TALLY_GAUGE;
  sample.timestamp_us = 5;
  sample.name = str("cpu");
  sample.unit = str("%");
  sample.volume = str("1");
  sample.resource_id = str("r");
  sample.source = str("test");
  sample.id = str(id);
  return sample;
}

class SqliteStore : public ::testing::Test {
 protected:
  std::string file() const { return (folder_.path() / "t.db").string(); }

  static std::string ask(Storage& store, QueryKind kind) {
    Reader reader;
    RowSink sink(reader.rows());
    store.query({.kind = kind}, sink);
    return reader.text();
  }

  static std::string prepare(Storage& store, Prepare how) {
    Reader reader;
    RowSink sink(reader.rows());
    store.prepare(how, sink);
    return reader.text();
  }

 private:
  test::ScratchFolder folder_;
};

std::string message(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "(no error)";
}

TEST_F(SqliteStore, AConclusionThatThrowsUndoesTheBatch) {
  Store store(file(), Options());
  tally_sample sample = sample_of("a");
  const tally_row row{sizeof row, &sample, 6};
  tally_batch batch{sizeof batch, &row, 1, nullptr, nullptr, {}, 0};
  batch.conclude = [](void*, const tally_row_result* results, tally_conclusion*) {
    EXPECT_EQ(results[0].status, TALLY_STORED);
    throw std::runtime_error("no");
  };
  EXPECT_THROW(store.write(Batch(batch)), std::runtime_error);
  EXPECT_EQ(ask(store, QueryKind::samples), "");
  batch.conclude = nullptr;
  store.write(Batch(batch));
  EXPECT_THAT(ask(store, QueryKind::samples), HasSubstr("a cpu gauge % 1 r"));
  EXPECT_TRUE(ask(store, QueryKind::samples).ends_with(" 1")) << "no batch number was used up";
}

TEST_F(SqliteStore, RejectsWhatCanNeverBeKeptAndKeepsTheRest) {
  Store store(file(), Options());
  std::array<tally_sample, 4> samples = {sample_of("a"), sample_of("b"), sample_of("c"), sample_of("")};
  samples[0].volume = str("many");
  samples[1].type = 9;
  std::array<tally_row, 4> rows{};
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = {sizeof(tally_row), &samples[i], 6};
  std::vector<std::int32_t> statuses;
  const tally_batch batch{sizeof batch,
                          rows.data(),
                          rows.size(),
                          &statuses,
                          [](void* context, const tally_row_result* results, tally_conclusion*) {
                            for (int i = 0; i < 4; ++i) {
                              static_cast<std::vector<std::int32_t>*>(context)->push_back(results[i].status);
                              EXPECT_EQ(results[i].reason.size == 0, results[i].status == TALLY_STORED);
                            }
                          },
                          {},
                          0};
  store.write(Batch(batch));
  EXPECT_THAT(statuses, ::testing::ElementsAre(TALLY_REJECTED, TALLY_REJECTED, TALLY_STORED, TALLY_REJECTED));
}

// This version's steps, and one more.
std::vector<Step> and_then(Step next) {
  std::vector<Step> steps(schema_steps().begin(), schema_steps().end());
  steps.push_back(next);
  return steps;
}

constexpr const char* kNextStep = "ALTER TABLE sample ADD COLUMN extra TEXT; CREATE TABLE added (key INTEGER)";
constexpr const char* kBrokenStep = "CREATE TABLE added (key INTEGER); CREATE TABLE meter (key INTEGER)";

TEST_F(SqliteStore, AnOlderFileIsUpgradedOnRequestAlone) {
  const std::vector<Step> steps = and_then({kNextStep, 5});
  tally_sample sample = sample_of("a");
  const tally_row row{sizeof row, &sample, 6};
  const tally_batch batch{sizeof batch, &row, 1, nullptr, nullptr, {}, 0};
  Store old(file(), Options());
  old.write(Batch(batch));

  Store newer(file(), Options(), steps);
  EXPECT_THAT(message([&] { newer.write(Batch(batch)); }), HasSubstr("schema version 4, this plugin needs 5"));
  EXPECT_THAT(message([&] { prepare(newer, Prepare::check); }), HasSubstr("tally storage upgrade"));
  EXPECT_THAT(prepare(newer, Prepare::upgrade), HasSubstr("upgraded from schema version 4 to 5"));
  EXPECT_THAT(prepare(newer, Prepare::upgrade), HasSubstr("nothing to do"));
  EXPECT_THAT(ask(newer, QueryKind::samples), HasSubstr("a cpu")) << "what was there still is";
  Store again(file(), Options());
  EXPECT_THAT(message([&] { again.write(Batch(batch)); }), HasSubstr("has schema version 5"));
}

TEST_F(SqliteStore, AFileOfTheFirstVersionIsUpgradedAndRemembersWritersFromThenOn) {
  tally_sample sample = sample_of("a");
  const tally_row row{sizeof row, &sample, 6};
  tally_batch batch{sizeof batch, &row, 1, nullptr, nullptr, {}, 0};
  Store(file(), Options(), schema_steps().first(1)).write(Batch(batch));
  Store store(file(), Options());
  EXPECT_THAT(message([&] { store.write(Batch(batch)); }), HasSubstr("tally storage upgrade"));
  EXPECT_THAT(prepare(store, Prepare::upgrade), HasSubstr("upgraded from schema version 1 to 4"));
  batch.writer = str("w");
  std::vector<std::int32_t> statuses;
  batch.context = &statuses;
  batch.conclude = [](void* context, const tally_row_result* results, tally_conclusion*) {
    static_cast<std::vector<std::int32_t>*>(context)->push_back(results[0].status);
  };
  sample.id = str("b");
  store.write(Batch(batch));
  store.write(Batch(batch));
  EXPECT_THAT(statuses, ::testing::ElementsAre(TALLY_STORED, TALLY_STORED)) << "the second is the first's answer";
}

TEST_F(SqliteStore, AFileThatKnewIdsAloneTakesAnotherTimeOnceItIsUpgraded) {
  tally_sample sample = sample_of("a");
  const tally_row row{sizeof row, &sample, 6};
  const tally_batch batch{sizeof batch, &row, 1, nullptr, nullptr, {}, 0};
  Store(file(), Options(), schema_steps().first(2)).write(Batch(batch));
  Store store(file(), Options());
  prepare(store, Prepare::upgrade);
  store.write(Batch(batch));
  ++sample.timestamp_us;
  store.write(Batch(batch));
  Database database(file(), Access::existing, Options());
  EXPECT_EQ(database.integer("SELECT count(*) FROM sample"), 2);
}

// The driver that knew version 3 looked at user_version alone.
TEST_F(SqliteStore, AnOlderProgramGoesOnBesideACompatibleFile) {
  tally_sample sample = sample_of("a");
  const tally_row row{sizeof row, &sample, 6};
  const tally_batch batch{sizeof batch, &row, 1, nullptr, nullptr, {}, 0};
  Store store(file(), Options());
  store.write(Batch(batch));
  Store older(file(), Options(), schema_steps().first(3));
  sample.id = str("b");
  older.write(Batch(batch));
  EXPECT_THAT(ask(older, QueryKind::samples), HasSubstr("b cpu"));
  EXPECT_THAT(prepare(older, Prepare::check), HasSubstr("schema version 4, newer than this plugin's"));
  EXPECT_THAT(prepare(older, Prepare::upgrade), HasSubstr("nothing to do, schema version 4"));
  Database database(file(), Access::existing, Options());
  EXPECT_EQ(database.integer("PRAGMA user_version"), 3);
}

TEST_F(SqliteStore, WritersOfLongAgoAreForgotten) {
  Store store(file(), Options());
  tally_batch batch{sizeof batch, nullptr, 0, nullptr, nullptr, {}, 1};
  for (int i = 0; i < 150; ++i) {
    const std::string writer = std::to_string(i);
    batch.writer = str(writer.c_str());
    store.write(Batch(batch));
  }
  Database database(file(), Access::existing, Options());
  EXPECT_GE(database.integer("SELECT count(*) FROM writer"), 100);
  EXPECT_LE(database.integer("SELECT count(*) FROM writer"), 101) << "the newest is kept in any case";
  EXPECT_EQ(database.integer("SELECT count(*) FROM writer WHERE id='149'"), 1);
  EXPECT_EQ(store.last_batch("149").last, 1U);
  EXPECT_EQ(store.last_batch("150").last, 0U);
  EXPECT_TRUE(store.last_batch("150").since.has_value()) << "it may have been forgotten";
}

TEST_F(SqliteStore, OnlyValuesThatTheFileRefusesAreTheBatchesFault) {
  const std::vector<Step> steps = and_then(
      {"CREATE TRIGGER no BEFORE INSERT ON sample WHEN new.volume=13 BEGIN SELECT RAISE(ABORT, 'unlucky'); END", 5});
  Store store(file(), Options(), steps);
  tally_sample sample = sample_of("a");
  const tally_row row{sizeof row, &sample, 6};
  const tally_batch batch{sizeof batch, &row, 1, nullptr, nullptr, {}, 0};
  const auto outcome = [&] {
    try {
      store.write(Batch(batch));
    } catch (const Error& error) {
      return error.outcome();
    }
    return Outcome::ok;
  };
  sample.volume = str("13");
  EXPECT_EQ(outcome(), Outcome::permanent);
  sample.volume = str("14");
  EXPECT_EQ(outcome(), Outcome::ok) << "others are written";
  Database(file(), Access::existing, Options()).run("DROP TABLE state");
  EXPECT_EQ(outcome(), Outcome::transient) << "no batch could be written: the host is to wait";
}

TEST_F(SqliteStore, AnUpgradeThatFailsChangesNothing) {
  const std::vector<Step> steps = and_then({kBrokenStep, 5});
  Store old(file(), Options());
  prepare(old, Prepare::init);
  Store newer(file(), Options(), steps);
  EXPECT_THAT(message([&] { prepare(newer, Prepare::upgrade); }), HasSubstr("already exists"));
  EXPECT_THAT(prepare(old, Prepare::check), HasSubstr("intact"));
  Database database(file(), Access::existing, Options());
  EXPECT_EQ(database.integer("SELECT count(*) FROM sqlite_schema WHERE name='added'"), 0);
}

TEST(SqliteUrl, NamesAnAbsolutePath) {
  EXPECT_EQ(path_of("sqlite:///var/lib/tally/tally.db"), "/var/lib/tally/tally.db");
  EXPECT_EQ(path_of("sqlite:///a%20b%3f"), "/a b?");
  for (const char* wrong : {"sqlite://relative.db", "sqlite:/x", "sqlite://", "sqlite:///", "sqlite:///x?mode=ro",
                            "sqlite:///x%2", "sqlite:///x%00", "postgresql:///x"}) {
    EXPECT_THAT(message([&] { path_of(wrong); }), HasSubstr("sqlite:///ABSOLUTE/PATH")) << wrong;
  }
}

// --- bytes ----------------------------------------------------------------------------------------------------------

constexpr int kResources = 100;
constexpr int kMeters = 8;
constexpr int kCycles = 60;

constexpr const char* kWideTable = R"sql(
CREATE TABLE sample (id TEXT PRIMARY KEY, name TEXT, type TEXT, unit TEXT, volume TEXT, resource_id TEXT,
  project_id TEXT, project_name TEXT, user_id TEXT, user_name TEXT, timestamp TEXT, resource_metadata TEXT, source TEXT,
  monotonic_time REAL, received_at TEXT, batch INTEGER);
CREATE INDEX by_meter ON sample (name, timestamp);
CREATE INDEX by_resource ON sample (resource_id, timestamp);
)sql";

// A cloud's samples, polled: id, meter and so on as their real lengths are; without metadata, which favours the wide
// table.
struct Polled {
  std::string id, name, volume, resource, project;
  std::int64_t timestamp_us = 0;
};

Polled polled(int cycle, int resource, int meter) {
  Polled made;
  std::uint64_t hash = static_cast<std::uint64_t>((cycle * kResources + resource) * kMeters + meter + 1);
  char text[64];
  std::uint64_t words[2];
  for (std::uint64_t& word : words) {
    hash = (hash ^ (hash >> 30)) * 0xBF58476D1CE4E5B9ULL;
    hash = (hash ^ (hash >> 27)) * 0x94D049BB133111EBULL;
    word = hash ^= hash >> 31;
  }
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(words[0]),
                static_cast<unsigned long long>(words[1]));
  made.id = text;
  made.name = "disk.device.read.bytes." + std::to_string(meter);
  made.volume = std::to_string(words[0] % 1'000'000'000);
  std::snprintf(text, sizeof text, "8f2d1f6e-1111-4222-8333-%012d", resource);
  made.resource = text;
  std::snprintf(text, sizeof text, "%032d", resource / 10);
  made.project = text;
  made.timestamp_us = 1'767'322'000'000'000 + cycle * 300'000'000LL + resource;
  return made;
}

std::int64_t file_bytes(const std::string& file) {
  Database database(file, Access::existing, Options());
  return database.integer("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
}

void fill_compact(const std::string& file) {
  Store store(file, Options());
  for (int cycle = 0; cycle < kCycles; ++cycle) {
    std::vector<Polled> kept;
    for (int i = 0; i < kResources * kMeters; ++i) kept.push_back(polled(cycle, i / kMeters, i % kMeters));
    std::vector<tally_sample> samples;
    for (const Polled& from : kept) {
      tally_sample& sample = samples.emplace_back(sample_of(from.id.c_str()));
      sample.type = TALLY_CUMULATIVE;
      sample.name = to_c(from.name);
      sample.volume = to_c(from.volume);
      sample.resource_id = to_c(from.resource);
      sample.project_id = to_c(from.project);
      sample.user_id = to_c(from.project);
      sample.timestamp_us = from.timestamp_us;
      sample.unit = str("B");
    }
    std::vector<tally_row> rows;
    for (const tally_sample& sample : samples)
      rows.push_back({sizeof(tally_row), &sample, sample.timestamp_us + 812'345});
    const tally_batch batch{sizeof batch, rows.data(), rows.size(), nullptr, nullptr, {}, 0};
    store.write(Batch(batch));
  }
}

void fill_wide(const std::string& file) {
  Database database(file, Access::create, Options());
  database.run(kWideTable);
  Transaction transaction(database, Transaction::Kind::write);
  Statement insert = database.prepare("INSERT INTO sample VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
  for (int cycle = 0; cycle < kCycles; ++cycle) {
    for (int i = 0; i < kResources * kMeters; ++i) {
      const Polled row = polled(cycle, i / kMeters, i % kMeters);
      const std::string timestamp = Time{row.timestamp_us}.to_string();
      const std::string received = Time{row.timestamp_us + 812'345}.to_string();
      insert.add(row.id).add(row.name).add("cumulative").add("B").add(row.volume).add(row.resource).add(row.project);
      insert.null().add(row.project).null().add(timestamp).add("{}").add("test").null().add(received);
      insert.add(static_cast<std::int64_t>(cycle)).run();
    }
  }
  transaction.commit();
}

TEST_F(SqliteStore, ASampleTakesAtMostAThirdOfAWideTablesRow) {
  const std::string compact = file();
  const std::string wide = file() + ".wide";
  fill_compact(compact);
  fill_wide(wide);
  constexpr double kSamples = static_cast<double>(kResources) * kMeters * kCycles;
  const auto compact_bytes = static_cast<double>(file_bytes(compact));
  const auto wide_bytes = static_cast<double>(file_bytes(wide));
  RecordProperty("bytes_a_sample", std::to_string(compact_bytes / kSamples));
  EXPECT_LE(compact_bytes / wide_bytes, 0.35)
      << compact_bytes / kSamples << " bytes a sample, and " << wide_bytes / kSamples << " in the wide table";
}

}  // namespace
}  // namespace tally::sqlite
