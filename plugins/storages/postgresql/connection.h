// One connection to a PostgreSQL server: statements, COPY, transactions, each wait with an end.
// Not for what is in the database: see schema.h and store.h.
#ifndef TALLY_POSTGRESQL_CONNECTION_H
#define TALLY_POSTGRESQL_CONNECTION_H

#include <libpq-fe.h>
#include <tally/sdk/error.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "binary.h"
#include "sqlstate.h"

namespace tally::postgresql {

struct Options {
  std::string url;
  std::string password;  // empty: the URL's, or libpq's own ways
  std::string schema = "tally";
  std::string grant;       // the role that init and upgrade give what a collector needs; empty: none
  int partition_days = 7;  // a new store's
  std::chrono::milliseconds connect_timeout{10'000};  // for each host
  std::chrono::milliseconds write_timeout{60'000};    // of one write, from its first statement to its commit
  std::chrono::milliseconds query_timeout{600'000};   // of one wait for the server
};

// The rows of an answer, in binary. Views live as long as it does.
class Result {
 public:
  explicit Result(PGresult* result) : result_(result, &PQclear) {}

  int rows() const { return PQntuples(result_.get()); }
  bool null(int row, int column) const { return PQgetisnull(result_.get(), row, column) != 0; }
  std::string_view bytes(int row, int column) const {
    return {PQgetvalue(result_.get(), row, column), static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
  }
  std::string_view text(int row, int column) const { return bytes(row, column); }
  std::optional<std::string_view> optional_text(int row, int column) const {
    return null(row, column) ? std::nullopt : std::optional(bytes(row, column));
  }
  std::int64_t integer(int row, int column) const { return get_integer(bytes(row, column)); }
  Time time(int row, int column) const { return from_server(integer(row, column)); }
  std::int64_t changed() const;  // rows that the statement changed

  PGresult* get() const { return result_.get(); }

 private:
  std::unique_ptr<PGresult, void (*)(PGresult*)> result_;
};

// One thread at a time. Every failure is thrown as ServerError. Once broken() is true it is to be dropped.
class Connection {
 public:
  // Blocks for `connect_timeout` a host at most. `search_path` and the session's promises are set.
  explicit Connection(const Options& options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // "HOST:PORT/DATABASE", for messages.
  const std::string& place() const { return place_; }
  // What the server had to be told, for a person: empty, or a sentence.
  const std::string& notice() const { return notice_; }
  bool broken() const { return broken_; }

  // From now on all that is waited for must come within `limit`; with `each`, each single wait may take as long.
  void limit(std::chrono::milliseconds limit, bool each = false);

  // Statements without parameters and rows, separated by semicolons: in one round trip.
  void run(const std::string& sql);
  Result ask(const std::string& sql, const Parameters& parameters = {});
  std::int64_t integer(const std::string& sql, const Parameters& parameters = {});  // first of the first row, or 0
  // Row by row as they come, each as row 0; false ends it, and the connection with it.
  void each(const std::string& sql, const Parameters& parameters, const std::function<bool(const Result&)>& row);
  // `sql` is COPY … FROM STDIN (FORMAT binary). `next_bytes` appends what comes next, and says whether there is more;
  // the server works on what it has meanwhile.
  void copy(const std::string& sql, const std::function<bool(std::string&)>& next_bytes);

  bool in_transaction() const { return PQtransactionStatus(handle_) != PQTRANS_IDLE; }
  // Ends a transaction that was left, if there is one; breaks the connection rather than wait for it.
  void roll_back() noexcept;

  // By which a later connection can end this one's work on the server.
  struct Identity {
    std::int64_t pid = 0;
    std::int64_t started = 0;
  };
  const Identity& identity() const { return identity_; }
  void end(const Identity& other);

 private:
  void connect(const Options& options);
  void configure(const Options& options);
  void send(const std::string& sql, const Parameters& parameters);
  void flush();
  PGresult* next();  // null at the end of a statement's results
  void finish();     // takes what is left of a statement's results; throws the first error among them
  void wait(bool write);
  [[noreturn]] void fail(const PGresult* result);
  [[noreturn]] void fail_connection(const std::string& why);

  PGconn* handle_ = nullptr;
  std::string place_;
  std::string notice_;
  Identity identity_;
  bool broken_ = false;
  bool each_ = false;
  std::chrono::milliseconds limit_{60'000};
  std::chrono::steady_clock::time_point end_;
};

// Begins with the object's life; undone at its end unless committed.
class Transaction {
 public:
  explicit Transaction(Connection& connection, const char* begin = "BEGIN") : connection_(connection) {
    connection_.run(begin);
  }
  ~Transaction() { connection_.roll_back(); }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit() { connection_.run("COMMIT"); }

 private:
  Connection& connection_;
};

// "name" with quotes, and 'text' with quotes.
std::string quoted_name(std::string_view name);
std::string quoted_text(std::string_view text);

}  // namespace tally::postgresql

#endif
