// One connection to an SQLite file: statements, transactions, and what an SQLite error means to the host.
// Not for what is in the file: see schema.h and store.h.
#include "database.h"

#include <sys/stat.h>

#include <cstring>
#include <utility>

namespace tally::sqlite {

namespace {

constexpr std::size_t kMostIdleStatements = 64;

struct Meaning {
  Outcome outcome;
  const char* way_out;
};

Meaning meaning_of(int result) {
  switch (result & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return {Outcome::transient, "another process holds the file; it is tried again"};
    case SQLITE_FULL:
      return {Outcome::transient, "make room on the disk; it is tried again"};
    case SQLITE_IOERR:
      return {Outcome::transient, "look at the disk and the kernel's log; it is tried again"};
    case SQLITE_NOMEM:
      return {Outcome::transient, "out of memory; it is tried again"};
    case SQLITE_INTERRUPT:
    case SQLITE_SCHEMA:
    case SQLITE_ABORT:
      return {Outcome::transient, "it is tried again"};
    case SQLITE_CANTOPEN:
      return {Outcome::transient, "check the folder's and the file's owner and mode"};
    case SQLITE_CORRUPT:
      return {Outcome::permanent,
              "the file is damaged: restore a backup, or save what can be with `sqlite3 FILE .recover`"};
    case SQLITE_NOTADB:
      return {Outcome::permanent, "this is not an SQLite database: name another file"};
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return {Outcome::permanent, "the file or its folder may not be written: change owner or mode"};
    default:
      return {Outcome::permanent, "this is a fault in Tally, or the file was changed by another program"};
  }
}

bool refuses_values(int result) {
  switch (result & 0xFF) {
    case SQLITE_TOOBIG:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
      return true;
    default:
      return false;
  }
}

// A busy or full file is not a fault of the connection; after these it may hold a stale or damaged view.
bool breaks(int result) {
  switch (result & 0xFF) {
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      return true;
    default:
      return false;
  }
}

}  // namespace

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_), statement_(std::exchange(other.statement_, nullptr)), bound_(other.bound_) {}

Statement::~Statement() {
  if (statement_ != nullptr) database_->put_back(statement_);
}

void Statement::check(int result) const {
  if (result != SQLITE_OK) database_->fail(result);
}

Statement& Statement::add(std::int64_t value) {
  check(sqlite3_bind_int64(statement_, ++bound_, value));
  return *this;
}

Statement& Statement::add(double value) {
  check(sqlite3_bind_double(statement_, ++bound_, value));
  return *this;
}

Statement& Statement::add(std::string_view text) {
  const char* data = text.data() == nullptr ? "" : text.data();
  check(sqlite3_bind_text64(statement_, ++bound_, data, text.size(), SQLITE_STATIC, SQLITE_UTF8));
  return *this;
}

Statement& Statement::add(const std::optional<std::string_view>& text) { return text ? add(*text) : null(); }

Statement& Statement::blob(std::string_view bytes) {
  const char* data = bytes.data() == nullptr ? "" : bytes.data();
  check(sqlite3_bind_blob64(statement_, ++bound_, data, bytes.size(), SQLITE_STATIC));
  return *this;
}

Statement& Statement::null() {
  check(sqlite3_bind_null(statement_, ++bound_));
  return *this;
}

bool Statement::step() {
  const int result = sqlite3_step(statement_);
  if (result != SQLITE_ROW && result != SQLITE_DONE) database_->fail(result);
  return result == SQLITE_ROW;
}

void Statement::run() {
  while (step()) {
  }
  reset();
}

Statement& Statement::reset() {
  sqlite3_reset(statement_);
  bound_ = 0;
  return *this;
}

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_, column); }
double Statement::number(int column) const { return sqlite3_column_double(statement_, column); }
int Statement::type(int column) const { return sqlite3_column_type(statement_, column); }

std::string_view Statement::text(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  const int size = sqlite3_column_bytes(statement_, column);
  return data == nullptr ? std::string_view("") : std::string_view(data, static_cast<std::size_t>(size));
}

std::optional<std::string_view> Statement::optional_text(int column) const {
  return type(column) == SQLITE_NULL ? std::nullopt : std::optional(text(column));
}

Database::Database(const std::string& path, Access access, const Options& options) : path_(path) {
  try {
    open(access);
    configure(options);
  } catch (...) {
    sqlite3_close_v2(handle_);
    throw;
  }
}

void Database::open(Access access) {
  struct stat found {};
  if (stat(path_.c_str(), &found) != 0) {
    if (access == Access::existing) {
      throw Error::permanent("sqlite: " + path_ +
                             ": there is no such file yet; `tally run` or `tally storage init` makes it");
    }
    const std::string folder = path_.substr(0, path_.rfind('/') + 1);
    if (stat(folder.c_str(), &found) != 0 || !S_ISDIR(found.st_mode)) {
      throw Error::permanent("sqlite: " + path_ + ": the folder " + folder +
                             " does not exist; make it, or name another place in `storage`");
    }
  } else if (S_ISDIR(found.st_mode)) {
    throw Error::permanent("sqlite: " + path_ + " is a folder; name a file in it in `storage`");
  }
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (access == Access::create ? SQLITE_OPEN_CREATE : 0);
  if (const int result = sqlite3_open_v2(path_.c_str(), &handle_, flags, nullptr); result != SQLITE_OK) fail(result);
}

void Database::configure(const Options& options) {
  sqlite3_extended_result_codes(handle_, 1);
  sqlite3_busy_timeout(handle_, static_cast<int>(options.busy_timeout.count()));
  // FULL: a batch is acknowledged to the bus once committed, so a commit must outlast a loss of power. In WAL mode that
  // is one sync of the log a batch; NORMAL would sync at checkpoints only and could lose acknowledged batches.
  run("PRAGMA synchronous=FULL");
  run("PRAGMA cache_size=-" + std::to_string(options.cache_bytes / 1024));
  run("PRAGMA journal_size_limit=67108864");  // the log shrinks back after a long reader has let it grow
  run("PRAGMA trusted_schema=OFF");
}

Database::~Database() {
  for (const auto& [sql, statement] : idle_) sqlite3_finalize(statement);
  sqlite3_close_v2(handle_);
}

void Database::run(const std::string& sql) {
  if (const int result = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr); result != SQLITE_OK) {
    fail(result);
  }
}

Statement Database::prepare(const std::string& sql) {
  if (const auto found = idle_.find(sql); found != idle_.end()) {
    sqlite3_stmt* statement = found->second;
    idle_.erase(found);
    return {*this, statement};
  }
  sqlite3_stmt* statement = nullptr;
  const int result = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                        &statement, nullptr);
  if (result != SQLITE_OK) fail(result);
  return {*this, statement};
}

void Database::put_back(sqlite3_stmt* statement) {
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  if (idle_.size() >= kMostIdleStatements) {
    sqlite3_finalize(statement);
  } else {
    idle_.emplace(sqlite3_sql(statement), statement);
  }
}

std::int64_t Database::integer(const std::string& sql) {
  Statement statement = prepare(sql);
  return statement.step() ? statement.integer(0) : 0;
}

void Database::check_in_place() {
  int moved = 0;
  if (sqlite3_file_control(handle_, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved != 0) {
    broken_ = true;
    throw Error::transient("sqlite: " + path_ + " was moved or deleted while open; it is opened again");
  }
}

void Database::fail(int result) {
  const Meaning meaning = meaning_of(result);
  refused_values_ = refuses_values(result);
  broken_ = broken_ || breaks(result);
  const std::string said = handle_ == nullptr ? sqlite3_errstr(result) : sqlite3_errmsg(handle_);
  throw Error(meaning.outcome,
              "sqlite: " + path_ + ": " + said + " (code " + std::to_string(result) + "); " + meaning.way_out);
}

Transaction::Transaction(Database& database, Kind kind) : database_(database) {
  database_.run(kind == Kind::write ? "BEGIN IMMEDIATE" : "BEGIN");
}

Transaction::~Transaction() {
  if (!database_.in_transaction()) return;
  try {
    database_.run("ROLLBACK");
  } catch (const Error&) {
    // The transaction is undone when the file is opened again; fail() has marked the connection where it must be.
  }
}

void Transaction::commit() { database_.run("COMMIT"); }

}  // namespace tally::sqlite
