#include "floor.h"

#include <ctime>

#include <array>
#include <cstdlib>
#include <iostream>

namespace tally::bench {
namespace {

constexpr const char* kPragmas =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16384; PRAGMA journal_size_limit=67108864; "
    "PRAGMA trusted_schema=OFF;";

void bind_text(sqlite3_stmt* statement, int column, std::string_view text) {
  sqlite3_bind_text(statement, column, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
}

char half_byte(char digit) { return static_cast<char>(digit <= '9' ? digit - '0' : digit - 'a' + 10); }

// Inserts the texts of one new series, under the numbers that the driver would give them.
class Texts {
 public:
  explicit Texts(Sqlite& database)
      : database_(database),
        meter_(database.prepare("INSERT INTO meter VALUES (?,?,?,?)")),
        resource_(database.prepare("INSERT INTO resource VALUES (?,?,?,NULL,?,NULL,'openstack')")),
        series_(database.prepare("INSERT INTO series VALUES (?,?,?)")),
        metadata_(database.prepare("INSERT INTO metadata VALUES (?,?,?)")) {}
  ~Texts() {
    for (sqlite3_stmt* statement : {meter_, resource_, series_, metadata_}) sqlite3_finalize(statement);
  }
  Texts(const Texts&) = delete;
  Texts& operator=(const Texts&) = delete;

  void add(const Rows& rows, std::int64_t number) {
    const std::int64_t server = rows.server(number);
    const auto kinds = static_cast<std::int64_t>(kMeters.size());
    const std::int64_t kind = number % kinds;
    if (number < kinds) {
      sqlite3_bind_int64(meter_, 1, kind + 1);
      bind_text(meter_, 2, rows.meter(number).name);
      sqlite3_bind_int64(meter_, 3, static_cast<std::int64_t>(rows.meter(number).type));
      bind_text(meter_, 4, rows.meter(number).unit);
      database_.step(meter_);
    }
    if (kind == 0) {
      sqlite3_bind_int64(resource_, 1, server + 1);
      bind_text(resource_, 2, rows.server_id(server));
      bind_text(resource_, 3, rows.project_id(server));
      bind_text(resource_, 4, rows.user_id(server));
      database_.step(resource_);
      sqlite3_bind_int64(metadata_, 1, server + 1);
      sqlite3_bind_int64(metadata_, 2, server);  // the hash: its cost is the driver's
      bind_text(metadata_, 3, rows.metadata(server));
      database_.step(metadata_);
    }
    sqlite3_bind_int64(series_, 1, number + 1);
    sqlite3_bind_int64(series_, 2, kind + 1);
    sqlite3_bind_int64(series_, 3, server + 1);
    database_.step(series_);
  }

 private:
  Sqlite& database_;
  sqlite3_stmt *meter_, *resource_, *series_, *metadata_;
};

void copy_schema(Sqlite& database, const std::string& model) {
  for (const std::string& sql :
       Sqlite(model).texts("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"))
    database.run(sql);
  database.run("INSERT INTO state VALUES (1, 0, 0)");
}

}  // namespace

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

void Sqlite::check(int result, std::string_view what) {
  if (result == SQLITE_OK || result == SQLITE_DONE || result == SQLITE_ROW) return;
  std::cerr << "bench: " << what << ": " << sqlite3_errmsg(handle_) << '\n';
  std::exit(1);
}

Sqlite::Sqlite(const std::string& path) { check(sqlite3_open(path.c_str(), &handle_), path); }

Sqlite::~Sqlite() { sqlite3_close(handle_); }

void Sqlite::run(const std::string& sql) { check(sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr), sql); }

sqlite3_stmt* Sqlite::prepare(const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  check(sqlite3_prepare_v3(handle_, sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr), sql);
  return statement;
}

void Sqlite::step(sqlite3_stmt* statement) {
  check(sqlite3_step(statement), sqlite3_sql(statement));
  sqlite3_reset(statement);
}

std::vector<std::string> Sqlite::texts(const std::string& sql) {
  std::vector<std::string> found;
  sqlite3_stmt* statement = prepare(sql);
  while (sqlite3_step(statement) == SQLITE_ROW)
    found.emplace_back(reinterpret_cast<const char*>(sqlite3_column_text(statement, 0)));
  sqlite3_finalize(statement);
  return found;
}

std::int64_t Sqlite::integer(const std::string& sql) { return std::stoll(texts(sql).at(0)); }

std::vector<BareRow> bare_rows(const Rows& rows, const test::OwnedRows& from, std::int64_t first) {
  std::vector<BareRow> bare(from.size());
  for (std::size_t i = 0; i < from.size(); ++i) {
    const std::int64_t number = first + static_cast<std::int64_t>(i);
    BareRow& row = bare[i];
    row.series = rows.series(number) + 1;
    row.timestamp = rows.time(number).us;
    row.volume = rows.volume(number);
    row.lag = rows.received(number).us - row.timestamp;
    row.metadata = rows.server(number) + 1;
    const std::string_view id = from.sample(i).id;
    for (std::size_t digit = 0; digit < id.size(); digit += 2)
      row.id.push_back(static_cast<char>(half_byte(id[digit]) << 4 | half_byte(id[digit + 1])));
  }
  return bare;
}

double write_bare(const std::string& path, const std::string& model, const Rows& rows, const std::vector<BareRow>& bare,
                  std::size_t batch) {
  Sqlite database(path);
  database.run(kPragmas);
  copy_schema(database, model);
  const double start = cpu_seconds();
  sqlite3_stmt* insert = database.prepare("INSERT INTO sample VALUES (?,?,?,?,?,?,?,NULL) ON CONFLICT DO NOTHING");
  sqlite3_stmt* book = database.prepare(
      "INSERT INTO book VALUES ('bench',20454,?,'stored',?) ON CONFLICT DO UPDATE SET count = count + excluded.count");
  {
    Texts texts(database);
    for (std::size_t begin = 0; begin < bare.size(); begin += batch) {
      const std::size_t end = std::min(begin + batch, bare.size());
      database.run("BEGIN IMMEDIATE");
      for (std::size_t i = begin; i < end; ++i) {
        const BareRow& row = bare[i];
        if (static_cast<std::int64_t>(i) < rows.series_count()) texts.add(rows, static_cast<std::int64_t>(i));
        sqlite3_bind_int64(insert, 1, row.series);
        sqlite3_bind_int64(insert, 2, row.timestamp);
        sqlite3_bind_blob(insert, 3, row.id.data(), static_cast<int>(row.id.size()), SQLITE_STATIC);
        sqlite3_bind_int64(insert, 4, row.volume);
        sqlite3_bind_int64(insert, 5, row.lag);
        sqlite3_bind_int64(insert, 6, static_cast<std::int64_t>(begin / batch) + 1);
        sqlite3_bind_int64(insert, 7, row.metadata);
        database.step(insert);
      }
      for (const char* unit : {"messages", "samples"}) {
        bind_text(book, 1, unit);
        sqlite3_bind_int64(book, 2, static_cast<std::int64_t>(end - begin));
        database.step(book);
      }
      database.run("UPDATE state SET last_batch = last_batch + 1");
      database.run("COMMIT");
    }
  }
  sqlite3_finalize(insert);
  sqlite3_finalize(book);
  return cpu_seconds() - start;
}

void write_wide(const std::string& path, const test::OwnedRows& rows, std::size_t batch) {
  Sqlite database(path);
  database.run(kPragmas);
  database.run(
      "CREATE TABLE sample (id TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, unit TEXT NOT NULL, volume, "
      "resource_id TEXT NOT NULL, project_id TEXT, project_name TEXT, user_id TEXT, user_name TEXT, "
      "timestamp INTEGER NOT NULL, received_at INTEGER NOT NULL, batch INTEGER NOT NULL, "
      "resource_metadata TEXT NOT NULL, source TEXT NOT NULL, monotonic_time REAL);"
      "CREATE UNIQUE INDEX sample_by_id ON sample (id);"
      "CREATE INDEX sample_by_series ON sample (name, resource_id, timestamp);");
  sqlite3_stmt* insert = database.prepare("INSERT INTO sample VALUES (?,?,?,?,?,?,?,NULL,?,NULL,?,?,?,?,?,NULL)");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i % batch == 0) database.run("BEGIN");
    const Sample& sample = rows.sample(i);
    bind_text(insert, 1, sample.id);
    bind_text(insert, 2, sample.name);
    bind_text(insert, 3, to_string(sample.type));
    bind_text(insert, 4, sample.unit);
    sqlite3_bind_int64(insert, 5, std::stoll(sample.volume.to_string()));
    bind_text(insert, 6, sample.resource_id);
    bind_text(insert, 7, *sample.project_id);
    bind_text(insert, 8, *sample.user_id);
    sqlite3_bind_int64(insert, 9, sample.timestamp->us);
    sqlite3_bind_int64(insert, 10, rows.received(i).us);
    sqlite3_bind_int64(insert, 11, static_cast<std::int64_t>(i / batch) + 1);
    bind_text(insert, 12, sample.resource_metadata);
    bind_text(insert, 13, sample.source);
    database.step(insert);
    if ((i + 1) % batch == 0 || i + 1 == rows.size()) database.run("COMMIT");
  }
  sqlite3_finalize(insert);
}

std::int64_t differing_rows(const std::string& one, const std::string& other) {
  Sqlite database(one);
  database.run("ATTACH '" + other + "' AS other");
  std::int64_t count = 0;
  // The number by which equal metadata are found is the driver's own affair.
  constexpr std::array<std::array<const char*, 2>, 7> kTables = {{{"*", "sample"},
                                                                  {"*", "series"},
                                                                  {"*", "meter"},
                                                                  {"*", "resource"},
                                                                  {"key, text", "metadata"},
                                                                  {"*", "book"},
                                                                  {"*", "state"}}};
  for (const auto& [columns, table] : kTables) {
    const std::string here = std::string("SELECT ") + columns + " FROM main." + table;
    const std::string there = std::string("SELECT ") + columns + " FROM other." + table;
    count += database.integer("SELECT count(*) FROM (" + here + " EXCEPT " + there + ")");
    count += database.integer("SELECT count(*) FROM (" + there + " EXCEPT " + here + ")");
  }
  return count;
}

std::int64_t bytes_of(const std::string& path) {
  Sqlite database(path);
  static_cast<void>(database.texts("PRAGMA wal_checkpoint(TRUNCATE)"));
  return database.integer("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
}

}  // namespace tally::bench
