// Connects, prepares, checks; see write.cc, query.cc and expiry.cc for the rest of the class.
// Not for rows.
#include "store.h"

#include <tally/sdk/log.h>

#include <utility>

namespace tally::postgresql {

namespace {

std::chrono::milliseconds milliseconds(std::chrono::microseconds duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration);
}

Options options_of(const Config& config) {
  Options options;
  options.url = config.url();
  if (config.has("password")) options.password = config.text("password");
  options.schema = config.text("schema");
  if (config.has("grant")) options.grant = config.text("grant");
  options.partition_days = static_cast<int>(config.integer("partition_days"));
  options.connect_timeout = milliseconds(config.duration("connect_timeout"));
  options.write_timeout = milliseconds(config.duration("write_timeout"));
  options.query_timeout = milliseconds(config.duration("query_timeout"));
  return options;
}

bool say(RowSink& report, const std::string& line) {
  const Cell cell{"report", CellKind::text, line};
  return report({&cell, 1});
}

}  // namespace

Store::Store(const Config& config) : Store(options_of(config)) {}

Store::Store(Options options, Steps steps) : options_(std::move(options)), steps_(steps) {}

Store::~Store() = default;

Connection& Store::connected() {
  if (connection_ != nullptr && connection_->broken()) {
    lost_ = connection_->identity();
    connection_.reset();
  }
  if (connection_ == nullptr) {
    ready_ = false;
    dictionary_.forget();
    partitions_.forget();
    connection_ = std::make_unique<Connection>(options_);
    if (!connection_->notice().empty() && !said_) {
      log(Level::warning, "postgresql: " + connection_->place() + ": " + connection_->notice());
      said_ = true;
    }
    // What a connection that was given up still holds on the server, the next batch would wait for.
    if (lost_.pid != 0) connection_->end(std::exchange(lost_, {}));
  }
  return *connection_;
}

Connection& Store::opened(Access access) {
  Connection& connection = connected();
  connection.limit(options_.write_timeout);
  if (ready_) return connection;
  if (access == Access::create && schema_version(connection, options_, steps_).state == SchemaState::empty) {
    upgrade_schema(connection, options_, steps_);
  }
  require_schema(connection, options_, steps_);
  ready_ = true;
  return connection;
}

void Store::prepare(Prepare how, RowSink& report) {
  Connection& connection = connected();
  connection.limit(options_.query_timeout, true);
  ready_ = false;
  const std::string place = connection.place() + " schema " + options_.schema;
  if (!connection.notice().empty() && !say(report, place + ": " + connection.notice())) return;
  if (how == Prepare::check) return check(connection, report);
  const SchemaVersion before = schema_version(connection, options_, steps_);
  if (how == Prepare::init && before.state == SchemaState::older) require_schema(connection, options_, steps_);
  if (how == Prepare::upgrade && before.state == SchemaState::empty) require_schema(connection, options_, steps_);
  upgrade_schema(connection, options_, steps_);
  const std::string version = std::to_string(steps_.size());
  if (before.state == SchemaState::current) {
    static_cast<void>(say(report, place + ": nothing to do, schema version " + std::to_string(before.version)));
  } else if (before.state == SchemaState::empty) {
    static_cast<void>(say(report, place + ": made, schema version " + version));
  } else {
    static_cast<void>(
        say(report, place + ": upgraded from schema version " + std::to_string(before.version) + " to " + version));
  }
}

void Store::check(Connection& connection, RowSink& report) {
  require_schema(connection, options_, steps_);
  const std::string place = connection.place() + " schema " + options_.schema;
  const SchemaVersion found = schema_version(connection, options_, steps_);
  if (!say(report, place + ": schema version " + std::to_string(found.version) +
                       (found.newer ? ", newer than this plugin's and compatible with it" : ""))) {
    return;
  }
  if (connection.integer("SELECT (NOT current_setting('fsync')::bool)::int") != 0 &&
      !say(report, place + ": fsync is off on the server: a crash may lose or damage what was acknowledged")) {
    return;
  }
  const Result broken = connection.ask(
      "SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n "
      "ON n.oid = c.relnamespace WHERE n.nspname=$1 AND NOT (i.indisvalid AND i.indisready)",
      Parameters().add(options_.schema));
  if (broken.rows() > 0) {
    throw Error::permanent("postgresql: " + place + ": index " + std::string(broken.text(0, 0)) +
                           " is not valid; REINDEX it");
  }
  const Result apart = connection.ask(
      "SELECT p.name FROM partition p WHERE NOT EXISTS (SELECT FROM pg_inherits i JOIN pg_class c "
      "ON c.oid = i.inhrelid WHERE i.inhparent = 'sample'::regclass AND c.relname = p.name)");
  if (apart.rows() > 0) {
    throw Error::permanent("postgresql: " + place + ": table " + std::string(apart.text(0, 0)) +
                           " is not a partition of `sample` any more; restore a backup, or attach it again");
  }
  static_cast<void>(
      say(report,
          place + ": intact, " + std::to_string(connection.integer("SELECT count(*) FROM partition")) + " partitions"));
}

std::uint64_t Store::purge_dead_letters(std::span<const std::string_view> digests) {
  Connection& connection = opened(Access::existing);
  if (digests.empty()) return static_cast<std::uint64_t>(connection.ask("DELETE FROM dead_letter").changed());
  Array array(Type::text);
  for (const std::string_view digest : digests) array.add(made_fit(digest));
  const Result removed = connection.ask("DELETE FROM dead_letter WHERE digest = ANY($1)", Parameters().add(array));
  return static_cast<std::uint64_t>(removed.changed());
}

}  // namespace tally::postgresql
