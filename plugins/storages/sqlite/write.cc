// Writes one batch: its rows, and what the host concludes from their fate, in one transaction.
// Not for queries: see query.cc.
#include <charconv>
#include <limits>
#include <optional>

#include "batch_tokens.h"
#include "store.h"

namespace tally::sqlite {

namespace {

std::optional<std::int64_t> whole(std::string_view volume) {
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(volume.data(), volume.data() + volume.size(), value);
  if (problem != std::errc() || end != volume.data() + volume.size()) return std::nullopt;
  return value;
}

int hex_digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

// A row as the file holds it. The views are the row's, except where `id_bytes` and `exact` hold their own.
struct Stored {
  std::string id_bytes;  // 16 bytes, or empty for an id that is kept as text
  std::optional<std::int64_t> integer;
  std::string exact;  // the volume's canonical text where it is not a 64-bit integer
  std::int64_t lag = 0;
};

// Empty when the row can be kept, else why it never can.
std::string convert(const Row& row, Stored& stored) {
  if (row.id.empty()) return "it has no id";
  if (row.type != SampleType::gauge && row.type != SampleType::delta && row.type != SampleType::cumulative) {
    return "its type is none of gauge, delta, cumulative";
  }
  if (!row.timestamp) return "it has no timestamp";
  if (__builtin_sub_overflow(row.received.us, row.timestamp->us, &stored.lag)) return "its timestamp is out of range";

  stored.id_bytes.clear();
  if (row.id.size() == 32) {
    for (std::size_t i = 0; i < 32; i += 2) {
      const int high = hex_digit(row.id[i]);
      const int low = hex_digit(row.id[i + 1]);
      if (high < 0 || low < 0) {
        stored.id_bytes.clear();
        break;
      }
      stored.id_bytes.push_back(static_cast<char>(high << 4 | low));
    }
  }
  stored.integer = whole(row.volume);
  if (!stored.integer) {
    std::string why;
    const auto volume = Decimal::parse(row.volume, &why);
    if (!volume) return "its volume \"" + std::string(row.volume) + "\" is not an exact decimal: " + why;
    stored.exact = volume->to_string();
    stored.integer = whole(stored.exact);
  }
  return {};
}

class Writer {
 public:
  Writer(Database& database, Dictionary& dictionary, std::int64_t batch)
      : database_(database),
        dictionary_(dictionary),
        batch_(batch),
        insert_(database.prepare("INSERT INTO sample (series, timestamp, id, volume, lag, batch, metadata, monotonic) "
                                 "VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING")),
        find_(database.prepare("SELECT m.type, m.unit, x.volume, r.project_id, r.user_id FROM sample x "
                               "JOIN series s ON s.key = x.series JOIN meter m ON m.key = s.meter "
                               "JOIN resource r ON r.key = s.resource WHERE x.id=? AND x.timestamp=?")) {}

  RowResult add(const Row& row) {
    if (std::string why = convert(row, stored_); !why.empty()) return {RowStatus::rejected, std::move(why)};
    insert_.reset().add(dictionary_.series(database_, row)).add(row.timestamp->us);
    bind_id(insert_, row);
    if (stored_.integer) {
      insert_.add(*stored_.integer);
    } else {
      insert_.add(std::string_view(stored_.exact));
    }
    insert_.add(stored_.lag).add(batch_).add(dictionary_.metadata(database_, row.resource_metadata));
    if (row.monotonic_time) {
      insert_.add(*row.monotonic_time);
    } else {
      insert_.null();
    }
    insert_.step();
    if (database_.changes() > 0) {
      stored_any_ = true;
      return {RowStatus::stored, {}};
    }
    return compare(row);
  }

  bool stored_any() const { return stored_any_; }

 private:
  void bind_id(Statement& statement, const Row& row) const {
    if (stored_.id_bytes.empty()) {
      statement.add(row.id);
    } else {
      statement.blob(stored_.id_bytes);
    }
  }

  RowResult compare(const Row& row) {
    find_.reset();
    bind_id(find_, row);
    find_.add(row.timestamp->us);
    if (!find_.step()) throw Error::transient("sqlite: " + database_.path() + ": a row was neither new nor there");
    const std::string volume = stored_.integer ? std::to_string(*stored_.integer) : stored_.exact;
    std::string differs;
    const auto compared = [&](const char* what, std::optional<std::string_view> there,
                              std::optional<std::string_view> here) {
      if (there == here) return;
      differs += std::string(differs.empty() ? "" : ", ") + what + " " + std::string(there.value_or("(none)")) +
                 " there, " + std::string(here.value_or("(none)")) + " here";
    };
    compared("type", to_string(static_cast<SampleType>(find_.integer(0))), to_string(row.type));
    compared("unit", find_.text(1), row.unit);
    compared("volume", find_.text(2), volume);
    compared("project_id", find_.optional_text(3), row.project_id);
    compared("user_id", find_.optional_text(4), row.user_id);
    find_.reset();
    if (differs.empty()) return {RowStatus::duplicate, {}};
    return {RowStatus::conflict, "sample " + std::string(row.id) + " is stored with another content: " + differs};
  }

  Database& database_;
  Dictionary& dictionary_;
  std::int64_t batch_;
  Statement insert_;
  Statement find_;
  Stored stored_;
  bool stored_any_ = false;
};

void conclude(Database& database, const ConclusionView& conclusion) {
  if (!conclusion.settled_dead_letters.empty()) {
    Statement remove = database.prepare("DELETE FROM dead_letter WHERE digest=?");
    for (const std::string_view digest : conclusion.settled_dead_letters) remove.add(digest).run();
  }
  if (!conclusion.dead_letters.empty()) {
    Statement insert = database.prepare(
        "INSERT OR IGNORE INTO dead_letter (digest, kind, reason, detail, bus, event_type, message_id, handler, body, "
        "received) VALUES (?,?,?,?,?,?,?,?,?,?)");
    for (const DeadLetterView& letter : conclusion.dead_letters) {
      insert.add(letter.digest).add(letter.kind).add(letter.reason).add(letter.detail).add(letter.bus);
      insert.add(letter.event_type).add(letter.message_id).add(letter.handler).blob(letter.body);
      insert.add(letter.received.us).run();
    }
  }
  if (!conclusion.entries.empty()) {
    Statement insert = database.prepare(
        "INSERT INTO book (bus, day, unit, outcome, count) VALUES (?,?,?,?,?) "
        "ON CONFLICT DO UPDATE SET count = count + excluded.count");
    for (const BookEntryView& entry : conclusion.entries) {
      insert.add(entry.bus).add(entry.day).add(entry.unit).add(entry.outcome);
      insert.add(static_cast<std::int64_t>(entry.count)).run();
    }
  }
}

}  // namespace

std::int64_t Store::begin_batch(Database& database) {
  Statement state = database.prepare("SELECT last_batch, generation FROM state");
  if (!state.step()) throw Error::permanent("sqlite: " + path_ + ": its table `state` is empty; restore a backup");
  if (state.integer(1) != generation_) dictionary_.forget();
  generation_ = state.integer(1);
  return state.integer(0) + 1;
}

void Store::write_rows(Database& database, const Batch& batch) {
  Transaction transaction(database, Transaction::Kind::write);
  if (const auto before = answer_before(database, batch)) {
    static_cast<void>(batch.conclude(*before));  // it is in the file already
    return;
  }
  Writer writer(database, dictionary_, begin_batch(database));
  std::vector<RowResult> results;
  results.reserve(batch.size());
  for (std::size_t i = 0; i < batch.size(); ++i) results.push_back(writer.add(batch[i]));
  conclude(database, batch.conclude(results));
  if (writer.stored_any()) database.run("UPDATE state SET last_batch = last_batch + 1");
  remember(database, batch, results);
  transaction.commit();
}

void Store::write(const Batch& batch) {
  if (database_ != nullptr) database_->forget_failure();
  try {
    write_rows(opened(Access::create), batch);
  } catch (const Error& error) {
    dictionary_.forget();  // it may remember numbers that were undone
    // Where the file is unfit for any batch, the host is to wait and not to split this one.
    const bool values = database_ != nullptr && database_->refused_values();
    if (error.outcome() != Outcome::permanent || values) throw;
    throw Error::transient(error.what());
  } catch (...) {
    dictionary_.forget();
    throw;
  }
}

}  // namespace tally::sqlite
