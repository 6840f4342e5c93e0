// One connection to an SQLite file: statements, transactions, and what an SQLite error means to the host.
// Not for what is in the file: see schema.h and store.h.
//
// One thread at a time. Every failure is thrown as tally::Error with its class; a Statement or Transaction left behind
// by it undoes itself. Once broken() is true the connection is to be dropped and opened again.
#ifndef TALLY_SQLITE_DATABASE_H
#define TALLY_SQLITE_DATABASE_H

#include <sqlite3.h>
#include <tally/sdk/error.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tally::sqlite {

struct Options {
  std::chrono::milliseconds busy_timeout{5000};  // how long to wait for another process's transaction
  std::uint64_t cache_bytes = 16u << 20;         // pages kept in memory
};

enum class Access {
  create,    // make the file where it is not there
  existing,  // refuse where it is not there
};

class Database;

// A prepared statement in use; back in the connection's cache when it ends. Parameters and columns count from 0.
class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  // Binds the next parameter. Texts and blobs must live until the next reset().
  Statement& add(std::int64_t value);
  Statement& add(double value);
  Statement& add(std::string_view text);
  Statement& add(const std::string& text) { return add(std::string_view(text)); }
  Statement& add(const char* text) { return add(std::string_view(text)); }
  Statement& add(const std::optional<std::string_view>& text);
  Statement& blob(std::string_view bytes);
  Statement& null();

  // True with a row, false at the end.
  bool step();
  // Runs to the end.
  void run();
  // Ready to be bound and run again.
  Statement& reset();

  // Of the current row; views live until the next step or reset.
  std::int64_t integer(int column) const;
  double number(int column) const;
  std::string_view text(int column) const;
  std::optional<std::string_view> optional_text(int column) const;
  int type(int column) const;

 private:
  friend class Database;
  Statement(Database& database, sqlite3_stmt* statement) : database_(&database), statement_(statement) {}
  void check(int result) const;

  Database* database_;
  sqlite3_stmt* statement_;  // null once moved from
  int bound_ = 0;
};

class Database {
 public:
  // REQUIRES: `path` is absolute.
  Database(const std::string& path, Access access, const Options& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  const std::string& path() const { return path_; }
  bool broken() const { return broken_; }
  // Whether the last failure was about the values given, which another batch need not share: too big, a constraint.
  bool refused_values() const { return refused_values_; }
  void forget_failure() { refused_values_ = false; }

  // Runs statements that give no rows.
  void run(const std::string& sql);
  // The statement for this text, from the cache where it is there.
  Statement prepare(const std::string& sql);
  // The first column of the first row of a query without parameters; 0 without a row.
  std::int64_t integer(const std::string& sql);
  // How many rows the last statement changed.
  std::int64_t changes() const { return sqlite3_changes64(handle_); }
  bool in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

  // Throws where the file at the path is another one by now: what is written would be lost with the old one.
  void check_in_place();

  // Throws what `result` means. Remembers whether the connection may be used on.
  [[noreturn]] void fail(int result);

 private:
  friend class Statement;
  void put_back(sqlite3_stmt* statement);
  void open(Access access);
  void configure(const Options& options);

  std::string path_;
  sqlite3* handle_ = nullptr;
  std::multimap<std::string, sqlite3_stmt*, std::less<>> idle_;
  bool broken_ = false;
  bool refused_values_ = false;
};

// Begins with the object's life; undone at its end unless committed.
class Transaction {
 public:
  enum class Kind {
    write,  // takes the write lock at once, so that nothing read in it can be stale when it writes
    read,   // one snapshot
  };
  Transaction(Database& database, Kind kind);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& database_;
};

}  // namespace tally::sqlite

#endif
