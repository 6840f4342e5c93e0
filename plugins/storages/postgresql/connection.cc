// One connection to a PostgreSQL server: statements, COPY, transactions, each wait with an end.
// Not for what is in the database: see schema.cc and store.cc.
#include "connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>
#include <vector>

namespace tally::postgresql {

namespace {

std::string seconds(std::chrono::milliseconds limit) {
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(limit);
  return limit == whole ? std::to_string(whole.count()) + " s" : std::to_string(limit.count()) + " ms";
}

std::string first_line(std::string_view text) {
  std::string line(text.substr(0, text.find_last_not_of('\n') + 1));
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

// Where the URL leads, without its user and password; for messages while there is no connection.
std::string place_of(const std::string& url) {
  char* problem = nullptr;
  PQconninfoOption* options = PQconninfoParse(url.c_str(), &problem);
  if (options == nullptr) {
    const std::string why = problem == nullptr ? "out of memory" : first_line(problem);
    PQfreemem(problem);
    // libpq's text may quote a part of the URL, and the password in it.
    const bool quotes = why.find('"') != std::string::npos;
    throw Error::permanent("postgresql: the URL in `storage` cannot be read" + (quotes ? std::string() : ": " + why) +
                           "; write it as postgresql://USER@HOST:PORT/DATABASE");
  }
  std::string host, port, database;
  for (const PQconninfoOption* option = options; option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    const std::string_view keyword = option->keyword;
    if (keyword == "host" || (keyword == "hostaddr" && host.empty())) host = option->val;
    if (keyword == "port") port = option->val;
    if (keyword == "dbname") database = option->val;
  }
  PQconninfoFree(options);
  return host + (port.empty() ? "" : ":" + port) + "/" + database;
}

bool several_hosts(const std::string& url) {
  const std::string place = place_of(url);
  return place.substr(0, place.find('/')).find(',') != std::string::npos;
}

}  // namespace

std::string quoted_name(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string quoted_text(std::string_view text) {
  std::string quoted = " E'";
  for (const char c : text) quoted += c == '\'' || c == '\\' ? std::string{'\\', c} : std::string(1, c);
  return quoted + "'";
}

std::int64_t Result::changed() const { return std::strtoll(PQcmdTuples(result_.get()), nullptr, 10); }

Connection::Connection(const Options& options) : place_(place_of(options.url)) {
  limit(options.write_timeout);
  try {
    connect(options);
    configure(options);
  } catch (...) {
    PQfinish(handle_);
    throw;
  }
}

Connection::~Connection() {
  // A server that has stopped would hold a polite goodbye.
  if (broken_ && PQsocket(handle_) >= 0) ::shutdown(PQsocket(handle_), SHUT_RDWR);
  PQfinish(handle_);
}

void Connection::connect(const Options& options) {
  const auto limit_s = std::max<std::int64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(options.connect_timeout).count(), 2);  // libpq's least
  const std::string connect_timeout = std::to_string(limit_s);
  const std::string user_timeout = std::to_string(options.write_timeout.count());
  // What stands before the URL is overruled by it; what stands after overrules it.
  std::vector<std::pair<const char*, const char*>> words = {{"connect_timeout", connect_timeout.c_str()},
                                                            {"tcp_user_timeout", user_timeout.c_str()},
                                                            {"keepalives_idle", "10"},
                                                            {"keepalives_interval", "5"},
                                                            {"keepalives_count", "3"},
                                                            {"target_session_attrs", "read-write"},
                                                            {"fallback_application_name", "tally"},
                                                            {"dbname", options.url.c_str()},
                                                            {"client_encoding", "UTF8"}};
  if (!options.password.empty()) words.emplace_back("password", options.password.c_str());
  std::vector<const char*> keys, values;
  for (const auto& [key, value] : words) keys.push_back(key), values.push_back(value);
  keys.push_back(nullptr);
  values.push_back(nullptr);
  handle_ = PQconnectdbParams(keys.data(), values.data(), 1);
  if (handle_ == nullptr) throw Error::transient("postgresql: " + place_ + ": out of memory; it is tried again");
  if (PQstatus(handle_) != CONNECTION_OK) {
    broken_ = true;
    throw ServerError("postgresql: " + first_line(PQerrorMessage(handle_)) + "; it is tried again", "");
  }
  const auto text = [](const char* part) { return std::string(part == nullptr ? "" : part); };
  place_ = text(PQhost(handle_)) + ":" + text(PQport(handle_)) + "/" + text(PQdb(handle_));
  PQsetNoticeProcessor(
      handle_, [](void*, const char*) {}, nullptr);
  PQsetnonblocking(handle_, 1);
}

void Connection::configure(const Options& options) {
  // The server is to notice a client that died as soon as the client would notice the server: what a lost
  // connection held is waited for by the next one.
  run("SET search_path = " + quoted_name(options.schema) +
      ", pg_temp; SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; SET jit = off; "
      "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; "
      "SET idle_in_transaction_session_timeout = " +
      std::to_string(2 * options.write_timeout.count()));
  // Who may not see the details of replication sees a row for each standby all the same.
  const Result session =
      ask("SELECT current_setting('synchronous_commit'), current_setting('server_encoding'), "
          "current_setting('server_version_num')::int, pg_backend_pid(), "
          "coalesce((SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()), '-infinity'), "
          "current_setting('synchronous_standby_names') = '', "
          "(SELECT count(*) FROM pg_stat_replication WHERE application_name IS DISTINCT FROM 'pg_basebackup')");
  if (session.text(0, 1) != "UTF8") {
    throw Error::permanent("postgresql: " + place_ + ": the database's encoding is " + std::string(session.text(0, 1)) +
                           "; make one with `createdb -E UTF8 -T template0` and name it in `storage`");
  }
  if (session.integer(0, 2) < 140'000) {
    throw Error::permanent("postgresql: " + place_ + ": the server is of version " +
                           std::to_string(session.integer(0, 2) / 10'000) + "; it must be 14 or newer");
  }
  identity_ = {session.integer(0, 3), session.integer(0, 4)};
  const std::string commit(session.text(0, 0));
  if (commit == "off" || commit == "local" || commit == "remote_write") {
    run("SET synchronous_commit = on");
    notice_ = "synchronous_commit was " + commit +
              " for this role or server, which could lose what was acknowledged; "
              "it is on for Tally's sessions";
  }
  const bool none_synchronous = session.bytes(0, 5) == std::string_view("\1", 1);
  const std::int64_t standbys = session.integer(0, 6);
  if (none_synchronous && (standbys > 0 || several_hosts(options.url))) {
    notice_ +=
        (notice_.empty() ? "" : "; ") +
        (standbys > 0 ? std::to_string(standbys) + (standbys == 1 ? " standby is" : " standbys are") + " connected"
                      : std::string("several hosts are named")) +
        " and no standby is synchronous: after a fail-over batches may be missing that were answered for; set "
        "synchronous_standby_names = 'ANY 1 (*)' on the server";
  }
}

void Connection::limit(std::chrono::milliseconds limit, bool each) {
  limit_ = limit;
  each_ = each;
  end_ = std::chrono::steady_clock::now() + limit;
}

void Connection::wait(bool write) {
  const auto now = std::chrono::steady_clock::now();
  if (each_) end_ = now + limit_;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - now).count();
  pollfd socket{PQsocket(handle_), static_cast<short>(write ? POLLIN | POLLOUT : POLLIN), 0};
  const int ready = left <= 0 ? 0 : ::poll(&socket, 1, static_cast<int>(std::min<std::int64_t>(left, 1'000'000'000)));
  if (ready < 0 && errno != EINTR) fail_connection("poll failed");
  if (ready == 0) fail_connection("no answer within " + seconds(limit_));
  if (ready > 0 && (socket.revents & ~POLLOUT) != 0 && PQconsumeInput(handle_) == 0) {
    fail_connection(first_line(PQerrorMessage(handle_)));
  }
}

void Connection::flush() {
  for (int left = PQflush(handle_); left != 0; left = PQflush(handle_)) {
    if (left < 0) fail_connection(first_line(PQerrorMessage(handle_)));
    wait(true);
  }
}

PGresult* Connection::next() {
  while (PQisBusy(handle_) != 0) wait(false);
  return PQgetResult(handle_);
}

void Connection::fail_connection(const std::string& why) {
  broken_ = true;
  throw ServerError("postgresql: " + place_ + ": " + why + "; it is tried again", "");
}

void Connection::fail(const PGresult* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  if (PQstatus(handle_) != CONNECTION_OK) broken_ = true;
  if (state == nullptr) fail_connection(first_line(PQresultErrorMessage(result)));
  std::string why = text == nullptr ? "" : first_line(text);
  if (const char* detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL)) why += " (" + first_line(detail) + ")";
  throw ServerError("postgresql: " + place_ + ": " + why + " [" + state + "]; " + meaning_of(state).way_out, state);
}

void Connection::finish() {
  std::optional<Result> fault;
  while (PGresult* result = next()) {
    Result held(result);
    const ExecStatusType status = PQresultStatus(result);
    const bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
    if (!good && !fault) fault.emplace(std::move(held));
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT) fail_connection("an unexpected COPY");
  }
  if (fault) fail(fault->get());
}

void Connection::send(const std::string& sql, const Parameters& parameters) {
  std::vector<const char*> values;
  std::vector<int> lengths, formats(parameters.size(), 1);
  for (const auto& value : parameters.values()) {
    values.push_back(value ? value->data() : nullptr);
    lengths.push_back(value ? static_cast<int>(value->size()) : 0);
  }
  if (PQsendQueryParams(handle_, sql.c_str(), static_cast<int>(parameters.size()), parameters.types().data(),
                        values.data(), lengths.data(), formats.data(), 1) == 0) {
    fail_connection(first_line(PQerrorMessage(handle_)));
  }
}

void Connection::run(const std::string& sql) {
  if (PQsendQuery(handle_, sql.c_str()) == 0) fail_connection(first_line(PQerrorMessage(handle_)));
  flush();
  finish();
}

Result Connection::ask(const std::string& sql, const Parameters& parameters) {
  send(sql, parameters);
  flush();
  Result answer(next());
  finish();
  const ExecStatusType status = PQresultStatus(answer.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) fail(answer.get());
  return answer;
}

std::int64_t Connection::integer(const std::string& sql, const Parameters& parameters) {
  const Result answer = ask(sql, parameters);
  return answer.rows() == 0 || answer.null(0, 0) ? 0 : answer.integer(0, 0);
}

void Connection::each(const std::string& sql, const Parameters& parameters,
                      const std::function<bool(const Result&)>& row) {
  send(sql, parameters);
  PQsetSingleRowMode(handle_);
  flush();
  while (PGresult* result = next()) {
    const Result held(result);
    const ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_SINGLE_TUPLE) {
      if (row(held)) continue;
      broken_ = true;  // the rest of the answer is still on its way
      return;
    }
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) continue;
    finish();
    fail(result);
  }
}

void Connection::copy(const std::string& sql, const std::function<bool(std::string&)>& next_bytes) {
  if (PQsendQuery(handle_, sql.c_str()) == 0) fail_connection(first_line(PQerrorMessage(handle_)));
  flush();
  {
    const Result begun(next());
    if (PQresultStatus(begun.get()) != PGRES_COPY_IN) {
      finish();
      fail(begun.get());
    }
  }
  std::string bytes;
  for (bool more = true; more;) {
    bytes.clear();
    more = next_bytes(bytes);
    while (true) {
      const int taken = PQputCopyData(handle_, bytes.data(), static_cast<int>(bytes.size()));
      if (taken < 0) fail_connection(first_line(PQerrorMessage(handle_)));
      if (taken > 0) break;
      wait(true);
    }
    flush();
  }
  while (true) {
    const int taken = PQputCopyEnd(handle_, nullptr);
    if (taken < 0) fail_connection(first_line(PQerrorMessage(handle_)));
    if (taken > 0) break;
    wait(true);
  }
  flush();
  finish();
}

void Connection::roll_back() noexcept {
  if (broken_ || !in_transaction()) return;
  try {
    limit(std::chrono::seconds(5));
    run("ROLLBACK");
  } catch (...) {
    broken_ = true;
  }
}

void Connection::end(const Identity& other) {
  Parameters parameters;
  ask("SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2",
      parameters.add(static_cast<std::int32_t>(other.pid)).add(from_server(other.started)));
}

}  // namespace tally::postgresql
