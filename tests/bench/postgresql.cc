// The PostgreSQL driver through the plugin boundary: `bench-postgresql write URL SERVERS CYCLES`, `fill URL SERVERS
// CYCLES`, `month URL SERVERS CYCLES`; `copy URL`: what a collector has stored, copied. Each prints one JSON object.
// `again URL SERVERS CYCLES EVERY` has in each EVERYth batch a hundred rows that are there already; 0: in none.
// Not for judging the figures: run.py does.
#include <libpq-fe.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "plugin/call/adapters.h"
#include "plugin/catalog/catalog.h"
#include "plugin/managers/driver.h"
#include "rows.h"

namespace {

using namespace tally::bench;  // NOLINT(google-build-using-namespace)
using namespace tally;         // NOLINT(google-build-using-namespace)

constexpr std::size_t kBatch = 10'000;
constexpr int kRounds = 3;
constexpr std::int64_t kMonth_us = 30 * 86'400'000'000;
constexpr const char* kDriver = "bench_driver";
constexpr const char* kFloor = "bench_floor";
constexpr const char* kCollector = "tally";  // the driver's own default

void require(const absl::Status& status) {
  if (status.ok()) return;
  std::cerr << "bench: " << status << '\n';
  std::exit(1);
}

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// One connection. Ends the program with a reason where anything fails.
class Server {
 public:
  explicit Server(const std::string& url) : handle_(PQconnectdb(url.c_str())) {
    check(PQstatus(handle_) == CONNECTION_OK);
    run("SET client_min_messages = warning");
  }
  ~Server() { PQfinish(handle_); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::string run(const std::string& sql) {
    PGresult* result = PQexec(handle_, sql.c_str());
    const ExecStatusType status = PQresultStatus(result);
    check(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK);
    std::string value = PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "";
    PQclear(result);
    return value;
  }
  std::int64_t integer(const std::string& sql) { return std::atoll(run(sql).c_str()); }

  std::string copy_out(const std::string& sql) {
    PQclear(PQexec(handle_, sql.c_str()));
    std::string bytes;
    char* part = nullptr;
    for (int size = PQgetCopyData(handle_, &part, 0); size > 0; size = PQgetCopyData(handle_, &part, 0)) {
      bytes.append(part, static_cast<std::size_t>(size));
      PQfreemem(part);
    }
    finish();
    return bytes;
  }
  void copy_in(const std::string& sql, const std::string& bytes) {
    PQclear(PQexec(handle_, sql.c_str()));
    check(PQputCopyData(handle_, bytes.data(), static_cast<int>(bytes.size())) == 1);
    check(PQputCopyEnd(handle_, nullptr) == 1);
    finish();
  }

 private:
  void finish() {
    while (PGresult* result = PQgetResult(handle_)) {
      check(PQresultStatus(result) == PGRES_COMMAND_OK);
      PQclear(result);
    }
  }
  void check(bool good) {
    if (good) return;
    std::cerr << "bench: " << PQerrorMessage(handle_) << '\n';
    std::exit(1);
  }

  PGconn* handle_;
};

std::unique_ptr<plugin::StorageDriver> open(const std::string& url, const std::string& schema) {
  static plugin::Catalog catalog = plugin::Catalog::scan(plugin::plugin_folders());
  auto entry = plugin::find_driver(catalog, plugin::Role::storage, url);
  require(entry.status());
  plugin::PluginSettings settings;
  settings.options = {{"schema", schema}};
  settings.url = url;
  auto storage = plugin::make_storage(**entry, settings);
  require(storage.status());
  return *std::move(storage);
}

void write_batch(plugin::StorageDriver& storage, std::span<const tally_row> rows, const plugin::BatchToken& token) {
  const auto conclude = [](std::span<const RowResult> results) {
    std::uint64_t stored = 0;
    for (const RowResult& result : results) stored += result.status == RowStatus::stored ? 1 : 0;
    Conclusion conclusion;
    for (const char* unit : {"messages", "samples"})
      conclusion.entries.push_back({20'454, "bench", unit, "stored", stored});
    return conclusion;
  };
  require(storage.write(rows, conclude, token));
}

void drop(Server& server, const std::string& schema) { server.run("DROP SCHEMA IF EXISTS " + schema + " CASCADE"); }

// The driver, tables made beforehand; its first batches bring the dictionaries.
double write_by_driver(Server& server, const std::string& url, const tally::test::OwnedRows& rows) {
  drop(server, kDriver);
  const auto storage = open(url, kDriver);
  require(storage->prepare(Prepare::init, [](std::span<const Cell>) { return true; }));
  server.run("CHECKPOINT");
  plugin::BatchToken token{"0123456789abcdef0123456789abcdef", 1};
  return seconds_of([&] {
    for (std::size_t begin = 0; begin < rows.size(); begin += kBatch, ++token.sequence)
      write_batch(*storage, rows.view().subspan(begin, std::min(kBatch, rows.size() - begin)), token);
  });
}

// What the driver stored, a batch each, as COPY's bytes.
std::vector<std::string> stored_batches(Server& server, const std::string& schema) {
  std::vector<std::string> batches;
  for (std::int64_t key = server.integer("SELECT min(batch) FROM " + schema + ".sample"),
                    last = server.integer("SELECT max(batch) FROM " + schema + ".sample");
       key <= last; ++key) {
    batches.push_back(server.copy_out("COPY (SELECT * FROM " + schema + ".sample WHERE batch = " + std::to_string(key) +
                                      ") TO STDOUT (FORMAT binary)"));
  }
  return batches;
}

// The same rows by a client that only copies, into the same tables.
double write_bare(Server& server, const std::string& url, const std::string& driver,
                  const std::vector<std::string>& batches) {
  drop(server, kFloor);
  require(open(url, kFloor)->prepare(Prepare::init, [](std::span<const Cell>) { return true; }));
  const std::string floor = kFloor;
  server.run("SELECT " + floor + ".make_partitions(array_agg(starts)) FROM " + driver + ".partition");
  server.run("CHECKPOINT");
  return seconds_of([&] {
    for (const std::string& batch : batches)
      server.copy_in("COPY " + floor + ".sample FROM STDIN (FORMAT binary)", batch);
  });
}

std::int64_t bytes_of(Server& server, const std::string& tables) {
  return server.integer("SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND " + tables);
}

// One naive wide table with indexes for the same questions.
std::int64_t wide_bytes(Server& server) {
  drop(server, "bench_wide");
  server.run(
      "CREATE SCHEMA bench_wide; CREATE TABLE bench_wide.sample AS SELECT bench_driver.id_text(x.id) AS id, m.name, "
      "(ARRAY['gauge', 'delta', 'cumulative'])[m.type] AS type, m.unit, x.volume, r.resource_id, r.project_id, "
      "r.project_name, r.user_id, r.user_name, x.timestamp, d.text AS resource_metadata, r.source, x.monotonic, "
      "x.received, x.batch FROM bench_driver.sample x JOIN bench_driver.series s ON s.key = x.series "
      "JOIN bench_driver.meter m ON m.key = s.meter JOIN bench_driver.resource r ON r.key = s.resource "
      "LEFT JOIN bench_driver.metadata d ON d.key = x.metadata; "
      "ALTER TABLE bench_wide.sample ADD UNIQUE (id, timestamp); "
      "CREATE INDEX ON bench_wide.sample (resource_id, name)");
  const std::int64_t bytes = bytes_of(server, "relnamespace = 'bench_wide'::regnamespace");
  drop(server, "bench_wide");
  return bytes;
}

int write(const std::string& url, int servers, std::int64_t cycles) {
  Server server(url);
  const Rows made(servers);
  const tally::test::OwnedRows rows = made.rows(0, made.series_count() * cycles);
  double driver = std::numeric_limits<double>::max(), floor = driver;
  for (int round = 0; round < kRounds; ++round) {
    driver = std::min(driver, write_by_driver(server, url, rows));
    floor = std::min(floor, write_bare(server, url, kDriver, stored_batches(server, kDriver)));
  }
  const std::string differing = "SELECT count(*) FROM (TABLE bench_driver.sample EXCEPT TABLE bench_floor.sample) x";
  if (server.integer(differing) != 0) {
    std::cerr << "bench: driver and floor differ\n";
    return 1;
  }
  const auto count = static_cast<std::int64_t>(rows.size());
  std::cout << JsonWriter()
                   .number("rows", count)
                   .raw("driver_rows_s", std::to_string(static_cast<double>(count) / driver))
                   .raw("floor_rows_s", std::to_string(static_cast<double>(count) / floor))
                   .number("driver_bytes", bytes_of(server, "relnamespace = 'bench_driver'::regnamespace"))
                   .number("wide_bytes", wide_bytes(server))
                   .str()
            << '\n';
  drop(server, kDriver);
  drop(server, kFloor);
  return 0;
}

// The best of some rounds of a client that copies what a collector has stored, in its batches.
int copy(const std::string& url) {
  Server server(url);
  server.run("CREATE INDEX ON " + std::string(kCollector) + ".sample (batch)");  // for taking them out
  const std::vector<std::string> batches = stored_batches(server, kCollector);
  double best = std::numeric_limits<double>::max();
  for (int round = 0; round < kRounds; ++round) best = std::min(best, write_bare(server, url, kCollector, batches));
  const auto rows = server.integer("SELECT count(*) FROM " + std::string(kFloor) + ".sample");
  drop(server, kFloor);
  std::cout << JsonWriter()
                   .number("rows", rows)
                   .number("batches", static_cast<std::int64_t>(batches.size()))
                   .raw("rows_s", std::to_string(static_cast<double>(rows) / best))
                   .str()
            << '\n';
  return 0;
}

// Rows a second that are new.
int again(const std::string& url, int servers, std::int64_t cycles, std::int64_t every) {
  constexpr std::int64_t kKnown = 100;
  Server server(url);
  const Rows made(servers);
  const std::int64_t all = made.series_count() * cycles, batch = kBatch;
  std::vector<tally::test::OwnedRows> batches;
  for (std::int64_t begin = 0; begin < all; begin += batch) {
    batches.push_back(made.rows(begin, std::min(batch, all - begin)));
    if (every == 0 || begin == 0 || static_cast<std::int64_t>(batches.size()) % every != 0) continue;
    made.add(batches.back(), begin - batch / 2, kKnown);
  }
  double best = std::numeric_limits<double>::max();
  for (int round = 0; round < kRounds; ++round) {
    drop(server, kDriver);
    const auto storage = open(url, kDriver);
    require(storage->prepare(Prepare::init, [](std::span<const Cell>) { return true; }));
    server.run("CHECKPOINT");
    best = std::min(best, seconds_of([&] {
                      for (const auto& rows : batches) write_batch(*storage, rows.view(), {});
                    }));
  }
  if (server.integer("SELECT count(*) FROM bench_driver.sample") != all) {
    std::cerr << "bench: not each row is stored once\n";
    return 1;
  }
  drop(server, kDriver);
  std::cout << JsonWriter().raw("rows_s", std::to_string(static_cast<double>(all) / best)).str() << '\n';
  return 0;
}

int fill(const std::string& url, int servers, std::int64_t cycles) {
  const Rows made(servers);
  const auto storage = open(url, kDriver);
  require(storage->prepare(Prepare::init, [](std::span<const Cell>) { return true; }));
  const std::int64_t all = made.series_count() * cycles;
  for (std::int64_t next = 0; next < all; next += static_cast<std::int64_t>(kBatch))
    write_batch(*storage, made.rows(next, std::min(static_cast<std::int64_t>(kBatch), all - next)).view(), {});
  std::cout << JsonWriter().number("rows", all).str() << '\n';
  return 0;
}

// The best of five, each with a connection of its own, as a person asks.
double measure_ms(const std::string& url, const Query& query, std::int64_t& rows) {
  double best = std::numeric_limits<double>::max();
  for (int round = 0; round < 5; ++round) {
    rows = 0;
    best =
        std::min(best, seconds_of([&] {
                         require(open(url, kDriver)->query(query, [&](std::span<const Cell>) { return ++rows > 0; }));
                       }) * 1e3);
  }
  return best;
}

int month(const std::string& url, int servers, std::int64_t cycles) {
  const Rows made(servers);
  const std::int64_t middle = made.server(servers / 2 * static_cast<std::int64_t>(kMeters.size()));
  Query query;
  query.start = tally::Time{kFirstCycle_us + (cycles * kCycle_us > 2 * kMonth_us ? kMonth_us : 0)};
  query.end = tally::Time{query.start->us + kMonth_us};
  JsonWriter out;
  const auto take = [&](const std::string& name, QueryKind kind, Filter filter) {
    query.kind = kind;
    query.filters = {std::move(filter)};
    query.group_by.clear();
    if (kind == QueryKind::statistics) query.group_by = {"meter"};
    std::int64_t rows = 0;
    out.raw(name + "_wall_ms", std::to_string(measure_ms(url, query, rows))).number(name + "_rows", rows);
  };
  take("resource", QueryKind::statistics, {"resource_id", made.server_id(middle)});
  take("listing", QueryKind::samples, {"resource_id", made.server_id(middle)});
  take("project", QueryKind::statistics, {"project_id", made.project_id(middle)});
  std::cout << out.str() << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && argv[1] == std::string("copy")) return copy(argv[2]);
  if (argc == 5) {
    const std::string verb = argv[1];
    const int servers = std::atoi(argv[3]);
    const std::int64_t cycles = std::atoll(argv[4]);
    if (verb == "write") return write(argv[2], servers, cycles);
    if (verb == "fill") return fill(argv[2], servers, cycles);
    if (verb == "month") return month(argv[2], servers, cycles);
  }
  if (argc == 6 && std::string_view(argv[1]) == "again")
    return again(argv[2], std::atoi(argv[3]), std::atoll(argv[4]), std::atoll(argv[5]));
  std::cerr
      << "usage: bench-postgresql write|fill|month URL SERVERS CYCLES | again URL SERVERS CYCLES EVERY | copy URL\n";
  return 64;
}
