// Removes samples that are old enough: whole partitions where that can be, rows elsewhere, then texts nothing names.
// Not for when that is: the host says.
#include <algorithm>
#include <limits>

#include "selection.h"
#include "store.h"

namespace tally::postgresql {

namespace {

constexpr std::size_t kSeriesOfSlice = 500;
constexpr std::int32_t kTextsOfSlice = 10'000;

struct Part {
  std::string name;
  Time start;
  Time end;
};

std::vector<Part> parts_before(Connection& connection, Time before) {
  const Result found = connection.ask("SELECT name, starts, ends FROM partition WHERE starts < $1 ORDER BY starts",
                                      Parameters().add(before));
  std::vector<Part> parts;
  for (int i = 0; i < found.rows(); ++i) {
    parts.push_back({std::string(found.text(i, 0)), found.time(i, 1), found.time(i, 2)});
  }
  return parts;
}

// False where it must stay: it has rows that are not to go, or others use it for so long that they are not held up.
bool take_out(Connection& connection, const Part& part, bool if_empty) {
  try {
    const Result done =
        connection.ask("SELECT expire_partition($1, " + std::string(if_empty ? "true" : "false") + ")::int",
                       Parameters().add(part.name));
    return done.integer(0, 0) != 0;
  } catch (const ServerError& error) {
    if (error.state() == sqlstate::kLockNotAvailable || error.state() == sqlstate::kDeadlock) return false;
    throw;
  }
}

// A transaction a slice of series, so that writers wait for none of them long.
std::int64_t delete_rows(Connection& connection, const std::vector<std::int64_t>& series, Time start, Time end) {
  std::int64_t removed = 0;
  for (std::size_t next = 0; next < series.size(); next += kSeriesOfSlice) {
    Array slice(Type::bigint);
    for (std::size_t i = next; i < std::min(series.size(), next + kSeriesOfSlice); ++i) slice.add(series[i]);
    removed += connection
                   .ask("DELETE FROM sample WHERE series = ANY($1) AND timestamp >= $2 AND timestamp < $3",
                        Parameters().add(slice).add(start).add(end))
                   .changed();
  }
  return removed;
}

// What no partition names any more. Writers wait for one slice at most, and then look their texts up again.
void remove_unused_texts(Connection& connection, const Options& options) {
  for (bool any = true; any;) {
    Transaction transaction(connection);
    connection.ask("SELECT pg_advisory_xact_lock($1, hashtext($2))",
                   Parameters().add(static_cast<std::int32_t>(Lock::texts)).add(options.schema));
    // No partition at all: everything goes.
    const Result oldest = connection.ask("SELECT coalesce(min(starts), 'infinity') FROM partition");
    std::int64_t removed = 0;
    for (const char* table : {"series", "metadata"}) {
      removed += connection
                     .ask(std::string("DELETE FROM ") + table + " WHERE key IN (SELECT key FROM " + table +
                              " WHERE last <= $1 LIMIT $2)",
                          Parameters().add(oldest.time(0, 0)).add(kTextsOfSlice))
                     .changed();
    }
    if (removed > 0) {
      connection.run(
          "DELETE FROM resource r WHERE NOT EXISTS (SELECT FROM series s WHERE s.resource = r.key); "
          "DELETE FROM meter m WHERE NOT EXISTS (SELECT FROM series s WHERE s.meter = m.key); "
          "UPDATE state SET generation = generation + 1");
    }
    transaction.commit();
    any = removed > 0;
  }
}

}  // namespace

std::uint64_t Store::expire(Time before, std::optional<std::string_view> meter) {
  Connection& connection = opened(Access::existing);
  connection.limit(options_.query_timeout, true);
  const bool whole = !meter || *meter == "*";
  Sql choice("SELECT s.key FROM series s JOIN meter m ON m.key = s.meter WHERE true");
  if (meter) add_meter(choice, *meter);
  choice.add(" ORDER BY s.key");
  const Result found = connection.ask(choice.text(), choice.parameters());
  std::vector<std::int64_t> series;
  for (int i = 0; i < found.rows(); ++i) series.push_back(found.integer(i, 0));

  std::int64_t removed = 0;
  bool gone = false;
  for (const Part& part : parts_before(connection, before)) {
    const bool old = part.end <= before;
    bool out = whole && old && take_out(connection, part, false);
    if (!out) {
      const std::int64_t deleted = delete_rows(connection, series, part.start, std::min(part.end, before));
      removed += deleted;
      out = old && take_out(connection, part, true);
    }
    gone = gone || out;
  }
  // Also those that another process took out and then ended.
  removed += connection.integer("SELECT drop_expired()");
  if (gone) {
    partitions_.forget();
    remove_unused_texts(connection, options_);
  }
  return static_cast<std::uint64_t>(removed);
}

}  // namespace tally::postgresql
