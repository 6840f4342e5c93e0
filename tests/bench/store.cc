// The SQLite driver through the plugin boundary: `bench-store write FOLDER SERVERS CYCLES`, `fill FILE SERVERS CYCLES`,
// `month FILE SERVERS CYCLES`. Each prints one JSON object.
// Not for judging the figures: run.py does.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iostream>
#include <limits>
#include <memory>
#include <string>

#include "base/json.h"
#include "base/strings.h"
#include "config/config.h"
#include "floor.h"
#include "plugin/call/adapters.h"
#include "plugin/catalog/catalog.h"
#include "plugin/managers/driver.h"
#include "rows.h"

namespace {

using namespace tally::bench;  // NOLINT(google-build-using-namespace)
using namespace tally;         // NOLINT(google-build-using-namespace)

constexpr std::size_t kBatch = 1'000;
constexpr int kRounds = 3;
constexpr std::int64_t kMonth_us = 30 * 86'400'000'000;

void require(const absl::Status& status) {
  if (status.ok()) return;
  std::cerr << "bench: " << status << '\n';
  std::exit(1);
}

std::unique_ptr<plugin::StorageDriver> open(const std::string& path, const config::PluginOptions& options = {}) {
  static plugin::Catalog catalog = plugin::Catalog::scan(plugin::plugin_folders());
  const std::string url = "sqlite://" + path;
  auto entry = plugin::find_driver(catalog, plugin::Role::storage, url);
  require(entry.status());
  plugin::PluginSettings settings;
  settings.options = options;
  settings.url = url;
  auto storage = plugin::make_storage(**entry, settings);
  require(storage.status());
  return *std::move(storage);
}

void write_batch(plugin::StorageDriver& storage, std::span<const tally_row> rows) {
  require(storage.write(rows, [](std::span<const RowResult> results) {
    std::uint64_t stored = 0;
    for (const RowResult& result : results) stored += result.status == RowStatus::stored ? 1 : 0;
    Conclusion conclusion;
    for (const char* unit : {"messages", "samples"})
      conclusion.entries.push_back({20'454, "bench", unit, "stored", stored});
    return conclusion;
  }));
}

double write_by_driver(const std::string& path, const tally::test::OwnedRows& rows) {
  const auto storage = open(path);
  require(storage->prepare(Prepare::init, [](std::span<const Cell>) { return true; }));
  const double start = cpu_seconds();
  for (std::size_t begin = 0; begin < rows.size(); begin += kBatch)
    write_batch(*storage, rows.view().subspan(begin, std::min(kBatch, rows.size() - begin)));
  return cpu_seconds() - start;
}

// Driver and floor in turn, the best of each: what others do on the machine hits both.
int write(const std::string& folder, int servers, std::int64_t cycles) {
  const Rows made(servers);
  const tally::test::OwnedRows rows = made.rows(0, made.series_count() * cycles);
  const std::vector<BareRow> bare = bare_rows(made, rows, 0);
  const std::string driver_file = folder + "/driver.db", floor_file = folder + "/floor.db";
  double driver = std::numeric_limits<double>::max(), floor = driver;
  for (int round = 0; round < kRounds; ++round) {
    for (const std::string& file : {driver_file, floor_file})
      for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(file + end);
    driver = std::min(driver, write_by_driver(driver_file, rows));
    floor = std::min(floor, write_bare(floor_file, driver_file, made, bare, kBatch));
  }
  if (const std::int64_t differing = differing_rows(driver_file, floor_file); differing != 0) {
    std::cerr << "bench: driver and floor differ in " << differing << " rows\n";
    return 1;
  }
  const std::string wide_file = folder + "/wide.db";
  std::filesystem::remove(wide_file);
  write_wide(wide_file, rows, kBatch);
  const auto count = static_cast<std::int64_t>(rows.size());
  std::cout << JsonWriter()
                   .number("rows", count)
                   .raw("driver_us", std::to_string(driver * 1e6 / static_cast<double>(count)))
                   .raw("floor_us", std::to_string(floor * 1e6 / static_cast<double>(count)))
                   .number("driver_bytes", bytes_of(driver_file))
                   .number("wide_bytes", bytes_of(wide_file))
                   .str()
            << '\n';
  return 0;
}

// With a large cache: filling is not what is measured.
int fill(const std::string& path, int servers, std::int64_t cycles) {
  const Rows made(servers);
  const auto storage = open(path, {{"cache", "4294967296"}});
  require(storage->prepare(Prepare::init, [](std::span<const Cell>) { return true; }));
  const std::int64_t all = made.series_count() * cycles;
  constexpr std::int64_t kFillBatch = 20'000;
  for (std::int64_t next = 0; next < all; next += kFillBatch)
    write_batch(*storage, made.rows(next, std::min(kFillBatch, all - next)).view());
  std::cout << JsonWriter().number("rows", all).str() << '\n';
  return 0;
}

struct Measured {
  double wall_ms = std::numeric_limits<double>::max();
  double cpu_ms = std::numeric_limits<double>::max();
  std::int64_t rows = 0;
};

// The best of five, each with a connection of its own: a person's query begins with an empty cache.
Measured measure(const std::string& path, const Query& query) {
  Measured best;
  for (int round = 0; round < 5; ++round) {
    const auto start = std::chrono::steady_clock::now();
    const double cpu = cpu_seconds();
    best.rows = 0;
    require(open(path)->query(query, [&](std::span<const Cell>) { return ++best.rows > 0; }));
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    best.wall_ms = std::min(best.wall_ms, took.count());
    best.cpu_ms = std::min(best.cpu_ms, (cpu_seconds() - cpu) * 1e3);
  }
  return best;
}

int month(const std::string& path, int servers, std::int64_t cycles) {
  const Rows made(servers);
  const std::int64_t middle = made.server(servers / 2 * static_cast<std::int64_t>(kMeters.size()));
  Query query;
  const std::int64_t length = cycles * kCycle_us;
  query.start = tally::Time{kFirstCycle_us + (length > 2 * kMonth_us ? kMonth_us : 0)};
  query.end = tally::Time{query.start->us + kMonth_us};
  JsonWriter out;
  const auto take = [&](const std::string& name, QueryKind kind, Filter filter) {
    query.kind = kind;
    query.filters = {std::move(filter)};
    query.group_by.clear();
    if (kind == QueryKind::statistics) query.group_by = {"meter"};
    const Measured measured = measure(path, query);
    out.raw(name + "_wall_ms", std::to_string(measured.wall_ms)).raw(name + "_cpu_ms", std::to_string(measured.cpu_ms));
    out.number(name + "_rows", measured.rows);
  };
  take("resource", QueryKind::statistics, {"resource_id", made.server_id(middle)});
  take("listing", QueryKind::samples, {"resource_id", made.server_id(middle)});
  take("project", QueryKind::statistics, {"project_id", made.project_id(middle)});
  std::cout << out.str() << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 5) {
    const std::string verb = argv[1], place = std::filesystem::absolute(argv[2]).string();
    const int servers = std::atoi(argv[3]);
    const std::int64_t cycles = std::atoll(argv[4]);
    if (verb == "write") return write(place, servers, cycles);
    if (verb == "fill") return fill(place, servers, cycles);
    if (verb == "month") return month(place, servers, cycles);
  }
  std::cerr << "usage: bench-store write FOLDER|fill FILE|month FILE SERVERS CYCLES\n";
  return 64;
}
