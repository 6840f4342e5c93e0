// Opens, prepares, checks and cleans the file; see write.cc and query.cc for the rest of the class.
// Not for rows.
#include "store.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>

#include "selection.h"

namespace tally::sqlite {

namespace {

constexpr int kWalTries = 100;
constexpr int kWalPause_ms = 20;

std::chrono::milliseconds milliseconds(std::chrono::microseconds duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration);
}

// The switch takes an exclusive lock for a moment and does not wait for it by itself, unlike all else.
void use_write_ahead_log(Database& database) {
  for (int tries = 1;; ++tries) {
    try {
      Statement mode = database.prepare("PRAGMA journal_mode=WAL");
      if (mode.step() && mode.text(0) == "wal") return;
      throw Error::permanent("sqlite: " + database.path() +
                             ": this file system does not allow a write-ahead log; name a local one in `storage`");
    } catch (const Error& problem) {
      if (problem.outcome() != Outcome::transient || database.broken() || tries >= kWalTries) throw;
      sqlite3_sleep(kWalPause_ms);
    }
  }
}

bool say(RowSink& report, const std::string& line) {
  const Cell cell{"report", CellKind::text, line};
  return report({&cell, 1});
}

}  // namespace

std::string path_of(const std::string& url) {
  constexpr std::string_view kScheme = "sqlite://";
  const std::string wanted = "; write it as sqlite:///ABSOLUTE/PATH";
  if (!url.starts_with(kScheme) || url.size() <= kScheme.size() + 1 || url[kScheme.size()] != '/') {
    throw Error::permanent("sqlite: \"" + url + "\" names no file by its absolute path" + wanted);
  }
  std::string path;
  for (std::size_t i = kScheme.size(); i < url.size(); ++i) {
    if (url[i] == '?' || url[i] == '#') {
      throw Error::permanent("sqlite: \"" + url + "\": the URL takes no options, they are keys of \"storage:sqlite\"" +
                             wanted);
    }
    unsigned code = 0;
    if (url[i] != '%') {
      path += url[i];
    } else if (i + 2 < url.size() && std::from_chars(&url[i + 1], &url[i] + 3, code, 16).ptr == &url[i] + 3 &&
               code != 0) {
      path += static_cast<char>(code);
      i += 2;
    } else {
      throw Error::permanent("sqlite: \"" + url + "\": % without two hexadecimal digits" + wanted);
    }
  }
  return path;
}

Store::Store(const Config& config)
    : Store(path_of(config.url()), Options{milliseconds(config.duration("busy_timeout")), config.bytes("cache")}) {}

Store::Store(std::string path, const Options& options, Steps steps)
    : path_(std::move(path)), options_(options), steps_(steps) {}

Database& Store::connected(Access access) {
  if (database_ != nullptr && database_->broken()) database_.reset();
  if (database_ == nullptr) {
    ready_ = false;
    dictionary_.forget();
    database_ = std::make_unique<Database>(path_, access, options_);
  }
  return *database_;
}

Database& Store::opened(Access access) {
  Database& database = connected(access);
  database.check_in_place();
  if (ready_) return database;
  if (access == Access::create && schema_state(database, steps_) == SchemaState::empty) {
    use_write_ahead_log(database);
    upgrade_schema(database, steps_);
  }
  require_schema(database, steps_);
  ready_ = true;
  return database;
}

void Store::prepare(Prepare how, RowSink& report) {
  Database& database = connected(how == Prepare::init ? Access::create : Access::existing);
  ready_ = false;
  const SchemaState state = schema_state(database, steps_);
  if (how == Prepare::check) {
    check(database, report);
    return;
  }
  if (how == Prepare::init && state == SchemaState::older) require_schema(database, steps_);
  if (how == Prepare::upgrade && state == SchemaState::empty) require_schema(database, steps_);
  const int before = schema_version(database);
  use_write_ahead_log(database);
  upgrade_schema(database, steps_);
  const std::string version = std::to_string(steps_.size());
  if (state == SchemaState::current) {
    static_cast<void>(say(report, path_ + ": nothing to do, schema version " + std::to_string(before)));
  } else if (state == SchemaState::empty) {
    static_cast<void>(say(report, path_ + ": made, schema version " + version));
  } else {
    static_cast<void>(
        say(report, path_ + ": upgraded from schema version " + std::to_string(before) + " to " + version));
  }
}

void Store::check(Database& database, RowSink& report) {
  require_schema(database, steps_);
  const int version = schema_version(database);
  const bool newer = version > static_cast<int>(steps_.size());
  if (!say(report, path_ + ": schema version " + std::to_string(version) +
                       (newer ? ", newer than this plugin's and compatible with it" : ""))) {
    return;
  }
  std::string first;
  int faults = 0;
  for (Statement statement = database.prepare("PRAGMA integrity_check(20)"); statement.step();) {
    const std::string line(statement.text(0));
    if (line == "ok") continue;
    if (first.empty()) first = line;
    ++faults;
    if (!say(report, path_ + ": " + line)) break;
  }
  if (faults > 0) {
    throw Error::permanent("sqlite: " + path_ + " is damaged (" + first +
                           "); restore a backup, or save what can be with `sqlite3 FILE .recover`");
  }
  static_cast<void>(say(report, path_ + ": intact"));
}

std::uint64_t Store::purge_dead_letters(std::span<const std::string_view> digests) {
  Database& database = opened(Access::existing);
  Transaction transaction(database, Transaction::Kind::write);
  std::int64_t removed = 0;
  if (digests.empty()) {
    database.run("DELETE FROM dead_letter");
    removed = database.changes();
  } else {
    Statement remove = database.prepare("DELETE FROM dead_letter WHERE digest=?");
    for (const std::string_view digest : digests) {
      remove.add(digest).run();
      removed += database.changes();
    }
  }
  transaction.commit();
  return static_cast<std::uint64_t>(removed);
}

namespace {

// Deletes texts that no sample needs any more, and says so to the processes that remember their numbers.
void remove_unused_texts(Database& database) {
  Transaction transaction(database, Transaction::Kind::write);
  database.run("DELETE FROM series WHERE NOT EXISTS (SELECT 1 FROM sample WHERE sample.series = series.key)");
  database.run("DELETE FROM resource WHERE key NOT IN (SELECT resource FROM series)");
  database.run("DELETE FROM meter WHERE key NOT IN (SELECT meter FROM series)");
  database.run("DELETE FROM metadata WHERE key NOT IN (SELECT metadata FROM sample)");
  database.run("UPDATE state SET generation = generation + 1");
  transaction.commit();
}

}  // namespace

std::uint64_t Store::expire(Time before, std::optional<std::string_view> meter) {
  Database& database = opened(Access::existing);
  Sql choice("SELECT s.key FROM series s JOIN meter m ON m.key = s.meter WHERE 1");
  if (meter) add_meter(choice, *meter);
  std::vector<std::int64_t> series;
  {
    Statement statement = choice.prepare(database);
    while (statement.step()) series.push_back(statement.integer(0));
  }
  // A transaction a slice, so that writers wait for none of them long.
  constexpr std::int64_t kSlice = 20'000;
  std::int64_t removed = 0;
  for (std::size_t next = 0; next < series.size();) {
    Transaction transaction(database, Transaction::Kind::write);
    Statement remove = database.prepare(
        "DELETE FROM sample WHERE series=?1 AND (timestamp, id) IN "
        "(SELECT timestamp, id FROM sample WHERE series=?1 AND timestamp<?2 LIMIT ?3)");
    for (std::int64_t slice = 0; slice < kSlice && next < series.size();) {
      remove.add(series[next]).add(before.us).add(kSlice - slice).run();
      const std::int64_t changed = database.changes();
      if (changed < kSlice - slice) ++next;  // this one is done
      slice += changed;
      removed += changed;
    }
    transaction.commit();
  }
  if (removed > 0) remove_unused_texts(database);
  return static_cast<std::uint64_t>(removed);
}

}  // namespace tally::sqlite
