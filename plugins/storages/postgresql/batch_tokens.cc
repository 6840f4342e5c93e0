// Remembers each writer's last batch: its number, and one byte a row; a single byte where all rows fared alike.
// Not for rows that are duplicates: see write.cc.
#include "batch_tokens.h"

#include <algorithm>

namespace tally::postgresql {

namespace {

// A writer is one run of one program. Those that are still at work wrote lately.
constexpr std::int64_t kMostWriters = 100;

std::string statuses_of(std::span<const RowResult> results) {
  std::string statuses;
  for (const RowResult& result : results) statuses.push_back(static_cast<char>(result.status));
  if (std::ranges::all_of(statuses, [&](char status) { return status == statuses[0]; })) {
    statuses.resize(std::min<std::size_t>(statuses.size(), 1));
  }
  return statuses;
}

}  // namespace

std::vector<RowResult> answer_before(const Connection& connection, const Batch& batch, std::int64_t rows,
                                     std::string_view statuses) {
  if (rows != static_cast<std::int64_t>(batch.size()) || (batch.size() > 0 && statuses.empty())) {
    throw Error::permanent("postgresql: " + connection.place() + ": batch " + std::to_string(batch.sequence()) +
                           " of writer " + std::string(*batch.writer()) +
                           " is repeated with other rows; this is a fault in Tally");
  }
  std::vector<RowResult> results(batch.size());
  for (std::size_t i = 0; i < results.size(); ++i) {
    results[i].status = static_cast<RowStatus>(statuses[statuses.size() == 1 ? 0 : i]);
  }
  return results;
}

// What a killed process had on its way may be committed after the first batch of the next one of its name: the later
// number stays.
void remember(Connection& connection, const Batch& batch, std::span<const RowResult> results) {
  if (!batch.writer()) return;
  Parameters parameters;
  parameters.add(*batch.writer()).add(static_cast<std::int64_t>(batch.sequence()));
  parameters.add(static_cast<std::int64_t>(results.size())).blob(statuses_of(results));
  const bool is_new = connection.integer(
                          "INSERT INTO writer (id, sequence, used, rows, statuses) "
                          "VALUES ($1, $2, clock_timestamp(), $3, $4) ON CONFLICT (id) DO UPDATE SET "
                          "sequence = greatest(writer.sequence, excluded.sequence), used = excluded.used, "
                          "rows = CASE WHEN excluded.sequence >= writer.sequence THEN excluded.rows "
                          "ELSE writer.rows END, "
                          "statuses = CASE WHEN excluded.sequence >= writer.sequence THEN excluded.statuses "
                          "ELSE writer.statuses END RETURNING (xmax = 0)::int",
                          parameters) != 0;
  if (!is_new) return;
  // Those whose row another writer is just about to change are at work: they are left alone.
  connection.ask(
      "DELETE FROM writer WHERE id IN (SELECT id FROM writer WHERE id <> $1 AND id NOT IN "
      "(SELECT id FROM writer ORDER BY used DESC, id LIMIT $2) FOR UPDATE SKIP LOCKED)",
      Parameters().add(*batch.writer()).add(kMostWriters));
}

WriterState remembered(Connection& connection, std::string_view writer) {
  const Result row = connection.ask(
      "SELECT w.sequence, w.used, CASE WHEN a.writers >= $2 THEN a.oldest END FROM "
      "(SELECT count(*) AS writers, min(used) AS oldest FROM writer) a LEFT JOIN writer w ON w.id = $1",
      Parameters().add(writer).add(kMostWriters));
  WriterState state;
  if (!row.null(0, 0)) state.last = static_cast<std::uint64_t>(row.integer(0, 0));
  if (!row.null(0, 1)) state.used = row.time(0, 1);
  if (!row.null(0, 2)) state.since = row.time(0, 2);
  return state;
}

}  // namespace tally::postgresql
