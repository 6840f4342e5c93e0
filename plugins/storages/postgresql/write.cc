// Writes one batch: its rows, and what the host concludes from their fate, in one transaction.
// Not for queries: see query.cc.
#include <algorithm>
#include <numeric>

#include "batch_tokens.h"
#include "conclusion.h"
#include "rows.h"
#include "store.h"

namespace tally::postgresql {

namespace {

constexpr int kMostTries = 5;  // of one batch, where the server ended a transaction in favour of another one

constexpr const char* kCopy =
    "COPY sample (timestamp, series, metadata, batch, received, monotonic, id, volume) FROM STDIN (FORMAT binary)";

// The rows of one batch in the order in which all writers insert them: what lies together is asked for together, and
// two writers of the same rows wait for each other in one direction.
std::vector<const StorableRow*> in_order(const std::vector<StorableRow>& kept) {
  std::vector<const StorableRow*> rows;
  rows.reserve(kept.size());
  for (const StorableRow& row : kept) rows.push_back(&row);
  std::ranges::sort(rows, [](const StorableRow* a, const StorableRow* b) {
    if (a->series != b->series) return a->series < b->series;
    if (a->row.timestamp != b->row.timestamp) return a->row.timestamp < b->row.timestamp;
    return a->id < b->id;
  });
  return rows;
}

void put_row(std::string& bytes, const StorableRow& kept, std::int64_t batch, std::string& scratch) {
  put(bytes, std::int16_t{8});
  put_number(bytes, to_server(*kept.row.timestamp));
  put_number(bytes, kept.series);
  if (kept.metadata == 0) {
    put_null(bytes);
  } else {
    put_number(bytes, kept.metadata);
  }
  put_number(bytes, batch);
  put_number(bytes, to_server(kept.row.received));
  if (kept.row.monotonic_time) {
    put_number(bytes, *kept.row.monotonic_time);
  } else {
    put_null(bytes);
  }
  put_field(bytes, kept.id);
  scratch.clear();
  put_numeric(scratch, kept.volume);
  put_field(bytes, scratch);
}

void copy(Connection& connection, const std::vector<const StorableRow*>& rows, std::int64_t batch) {
  constexpr std::size_t kRowsOfPiece = 500;
  std::string scratch;
  std::size_t next = 0;
  connection.copy(kCopy, [&](std::string& bytes) {
    if (next == 0) bytes.append("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
    for (const std::size_t end = std::min(rows.size(), next + kRowsOfPiece); next < end; ++next) {
      put_row(bytes, *rows[next], batch, scratch);
    }
    if (next == rows.size()) put(bytes, std::int16_t{-1});
    return next < rows.size();
  });
}

// False, and nothing is inserted, where a row is there already.
bool insert_straight(Connection& connection, const std::vector<const StorableRow*>& rows, std::int64_t batch) {
  connection.run("SAVEPOINT straight");
  try {
    copy(connection, rows, batch);
    return true;
  } catch (const ServerError& error) {
    if (error.state() != sqlstate::kUniqueViolation) throw;
  }
  connection.run("ROLLBACK TO SAVEPOINT straight");
  return false;
}

// Inserts what is not there. Returns by place in `kept` whether it was inserted.
std::vector<bool> insert_new(Connection& connection, const std::vector<const StorableRow*>& rows, const ById& by_id,
                             std::size_t count, std::int64_t batch) {
  Array times(Type::time), series(Type::bigint), metadata(Type::bigint), received(Type::time), monotonic(Type::real);
  Array ids(Type::bytes), volumes(Type::numeric);
  std::string volume;
  for (const StorableRow* kept : rows) {
    times.add(to_server(*kept->row.timestamp));
    series.add(kept->series);
    if (kept->metadata == 0) {
      metadata.null();
    } else {
      metadata.add(kept->metadata);
    }
    received.add(to_server(kept->row.received));
    if (kept->row.monotonic_time) {
      monotonic.add(*kept->row.monotonic_time);
    } else {
      monotonic.null();
    }
    ids.add(kept->id);
    volume.clear();
    put_numeric(volume, kept->volume);
    volumes.add(volume);
  }
  Parameters parameters;
  parameters.add(times).add(series).add(metadata).add(received).add(monotonic).add(ids).add(volumes).add(batch);
  const Result inserted = connection.ask(
      "INSERT INTO sample (timestamp, series, metadata, received, monotonic, id, volume, batch) "
      "SELECT n.*, $8 FROM unnest($1, $2, $3, $4, $5, $6, $7) n ON CONFLICT DO NOTHING RETURNING id, timestamp",
      parameters);
  std::vector<bool> is_new(count);
  for (int i = 0; i < inserted.rows(); ++i) {
    if (const auto place = by_id.find(inserted.bytes(i, 0), inserted.time(i, 1))) is_new[*place] = true;
  }
  return is_new;
}

// Answers for the rows that were there already, and for those that repeat them.
void compare_known(Connection& connection, Incoming& incoming, const ById& by_id, const std::vector<bool>& is_new) {
  Array ids(Type::bytes), times(Type::time);
  for (std::size_t i = 0; i < incoming.kept.size(); ++i) {
    if (is_new[i]) continue;
    ids.add(incoming.kept[i].id);
    times.add(to_server(*incoming.kept[i].row.timestamp));
  }
  if (ids.size() == 0) return;
  const Result found = connection.ask(
      "SELECT x.id, x.timestamp, m.type, m.unit, x.volume::text, r.project_id, r.user_id "
      "FROM unnest($1, $2) k(id, timestamp) JOIN sample x ON x.id = k.id AND x.timestamp = k.timestamp "
      "JOIN series s ON s.key = x.series JOIN meter m ON m.key = s.meter JOIN resource r ON r.key = s.resource",
      Parameters().add(ids).add(times));
  std::vector<bool> is_found = is_new;
  const auto content = [&found](int row) {
    return Content{static_cast<SampleType>(found.integer(row, 2)), found.text(row, 3), found.text(row, 4),
                   found.optional_text(row, 5), found.optional_text(row, 6)};
  };
  std::vector<int> row_of(incoming.kept.size(), -1);
  for (int row = 0; row < found.rows(); ++row) {
    const auto place = by_id.find(found.bytes(row, 0), found.time(row, 1));
    if (!place) continue;
    is_found[*place] = true;
    row_of[*place] = row;
    const StorableRow& kept = incoming.kept[*place];
    incoming.results[kept.index] = compared(content(row), content_of(kept), kept.row.id);
  }
  if (std::ranges::find(is_found, false) != is_found.end()) {
    throw Error::transient("postgresql: " + connection.place() +
                           ": a row was neither new nor there; it is tried again");
  }
  for (const Incoming::Again& again : incoming.again) {
    if (row_of[again.first] < 0) continue;
    incoming.results[again.row.index] = compared(content(row_of[again.first]), content_of(again.row), again.row.row.id);
  }
}

// Inserts the rows. Whether any of them was there already.
bool insert(Connection& connection, Incoming& incoming, std::int64_t batch, bool straight) {
  for (const Incoming::Again& again : incoming.again) {
    incoming.results[again.row.index] =
        compared(content_of(incoming.kept[again.first]), content_of(again.row), again.row.row.id);
  }
  if (incoming.kept.empty()) return false;
  const std::vector<const StorableRow*> rows = in_order(incoming.kept);
  if (straight && insert_straight(connection, rows, batch)) return false;
  const ById by_id(incoming.kept);
  const std::vector<bool> is_new = insert_new(connection, rows, by_id, incoming.kept.size(), batch);
  compare_known(connection, incoming, by_id, is_new);
  return std::ranges::find(is_new, false) != is_new.end();
}

bool stored_any(std::span<const RowResult> results) {
  return std::ranges::any_of(results, [](const RowResult& result) { return result.status == RowStatus::stored; });
}

// Waits for whoever removes texts, and for what an earlier connection still does with this writer's batches.
std::string begin(const Options& options, const Batch& batch) {
  const std::string schema = "hashtext(" + quoted_text(options.schema) + ")";
  std::string sql = "BEGIN; SELECT pg_advisory_xact_lock_shared(" +
                    std::to_string(static_cast<std::int32_t>(Lock::texts)) + ", " + schema + ")";
  if (batch.writer()) {
    sql += "; SELECT pg_advisory_xact_lock(" + std::to_string(static_cast<std::int32_t>(Lock::writer)) + ", hashtext(" +
           quoted_text(options.schema + "." + std::string(*batch.writer())) + "))";
  }
  return sql;
}

}  // namespace

void Store::write_once(const Batch& batch, bool& concluded) {
  Connection& connection = opened(Access::create);
  Incoming incoming = part(batch, dictionary_);
  std::set<Time> unknown;
  for (const StorableRow& kept : incoming.kept) {
    if (!partitions_.known(*kept.row.timestamp)) unknown.insert(*kept.row.timestamp);
  }
  partitions_.require(connection, unknown);
  for (StorableRow& kept : incoming.kept) kept.partition_end = partitions_.end_of(*kept.row.timestamp);

  Transaction transaction(connection, begin(options_, batch).c_str());
  const Result state = connection.ask(
      "SELECT s.generation, w.rows, w.statuses, "
      "CASE WHEN w.sequence IS DISTINCT FROM $2 THEN nextval('batch_number') END, "
      "(SELECT compatible_from FROM tally_schema), w.sequence FROM state s LEFT JOIN writer w ON w.id = $1",
      Parameters().add(batch.writer()).add(static_cast<std::int64_t>(batch.sequence())));
  if (state.rows() != 1) {
    throw Error::permanent("postgresql: " + connection.place() + ": its table `state` is empty; restore a backup");
  }
  if (state.null(0, 4) || state.integer(0, 4) > static_cast<std::int64_t>(steps_.size())) {  // upgraded meanwhile
    ready_ = false;
    schema_version(connection, options_, steps_);
  }
  if (batch.writer()) batch.found(state.null(0, 5) ? 0 : static_cast<std::uint64_t>(state.integer(0, 5)));
  if (state.null(0, 3)) {  // it is in the database already
    const auto before = answer_before(connection, batch, state.integer(0, 1), state.bytes(0, 2));
    concluded = true;
    static_cast<void>(batch.conclude(before));
    // Seen is not yet safe: its commit may have been left waiting for a synchronous standby. One that changes something
    // waits behind it.
    connection.ask("UPDATE writer SET used = clock_timestamp() WHERE id = $1", Parameters().add(*batch.writer()));
    connection.run("COMMIT");
    return;
  }
  if (state.integer(0, 0) != generation_) dictionary_.forget();
  generation_ = state.integer(0, 0);
  dictionary_.number(connection, incoming.kept);
  const std::int64_t key = state.integer(0, 3);
  const bool known = insert(connection, incoming, key, copy_policy_.worthwhile());
  concluded = true;
  write_conclusion(connection, batch.conclude(incoming.results));
  remember(connection, batch, incoming.results);
  const bool stored = stored_any(incoming.results);
  connection.run((stored ? "SELECT number_batch(" + std::to_string(key) + "); " : std::string()) + "COMMIT");
  dictionary_.committed();
  copy_policy_.learn(known);
}

void Store::write(const Batch& batch) {
  for (int tries = 1;; ++tries) {
    bool concluded = false;
    try {
      return write_once(batch, concluded);
    } catch (const ServerError& error) {
      dictionary_.undone();
      const bool no_partition = error.state() == sqlstate::kCheckViolation;
      if (no_partition) partitions_.forget();  // another process let it expire
      const bool again =
          no_partition || error.state() == sqlstate::kDeadlock || error.state() == sqlstate::kSerialization;
      if (again && !concluded && tries < kMostTries) continue;
      // Where the database is unfit for any batch, the host is to wait and not to split this one.
      if (error.outcome() != Outcome::permanent || error.values()) throw;
      throw Error::transient(error.what());
    } catch (const Error& error) {
      dictionary_.undone();
      if (error.outcome() != Outcome::permanent) throw;
      throw Error::transient(error.what());
    } catch (...) {
      dictionary_.undone();
      throw;
    }
  }
}

}  // namespace tally::postgresql
