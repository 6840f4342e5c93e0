// Remembers each writer's last batch: its number, and one byte a row; a single byte where all rows fared alike.
// Not for rows that are duplicates: see write.cc.
#include "batch_tokens.h"

#include <algorithm>
#include <string>

namespace tally::sqlite {

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

std::optional<std::vector<RowResult>> answer_before(Database& database, const Batch& batch) {
  if (!batch.writer()) return std::nullopt;
  Statement find = database.prepare("SELECT sequence, rows, statuses FROM writer WHERE id=?");
  find.add(*batch.writer());
  const bool known = find.step();
  const std::uint64_t last = known ? static_cast<std::uint64_t>(find.integer(0)) : 0;
  batch.found(last);
  if (!known || last != batch.sequence()) return std::nullopt;
  const std::string_view statuses = find.text(2);
  if (find.integer(1) != static_cast<std::int64_t>(batch.size()) || (batch.size() > 0 && statuses.empty())) {
    throw Error::permanent("sqlite: " + database.path() + ": batch " + std::to_string(batch.sequence()) +
                           " of writer " + std::string(*batch.writer()) +
                           " is repeated with other rows; this is a fault in Tally");
  }
  std::vector<RowResult> results(batch.size());
  for (std::size_t i = 0; i < results.size(); ++i) {
    results[i].status = static_cast<RowStatus>(statuses[statuses.size() == 1 ? 0 : i]);
  }
  return results;
}

void remember(Database& database, const Batch& batch, std::span<const RowResult> results) {
  if (!batch.writer()) return;
  const std::string statuses = statuses_of(results);
  const auto sequence = static_cast<std::int64_t>(batch.sequence());
  const auto rows = static_cast<std::int64_t>(results.size());
  Statement update = database.prepare("UPDATE writer SET sequence=?, used=unixepoch(), rows=?, statuses=? WHERE id=?");
  update.add(sequence).add(rows).blob(statuses).add(*batch.writer()).run();
  if (database.changes() > 0) return;
  Statement insert =
      database.prepare("INSERT INTO writer (sequence, used, rows, statuses, id) VALUES (?,unixepoch(),?,?,?)");
  insert.add(sequence).add(rows).blob(statuses).add(*batch.writer()).run();
  Statement forget = database.prepare(
      "DELETE FROM writer WHERE id<>? AND id NOT IN (SELECT id FROM writer ORDER BY used DESC, id LIMIT ?)");
  forget.add(*batch.writer()).add(kMostWriters).run();
}

WriterState remembered(Database& database, std::string_view writer) {
  WriterState state;
  Statement find = database.prepare("SELECT sequence, used FROM writer WHERE id=?");
  find.add(writer);
  if (find.step()) {
    state.last = static_cast<std::uint64_t>(find.integer(0));
    state.used = Time{find.integer(1) * Time::kSecond};
  }
  if (database.integer("SELECT count(*) FROM writer") >= kMostWriters) {  // of the same second one may be gone
    state.since = Time{(database.integer("SELECT min(used) FROM writer") + 1) * Time::kSecond};
  }
  return state;
}

}  // namespace tally::sqlite
