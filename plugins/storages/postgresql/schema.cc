// What tables the schema holds, and how one of an older version is brought to this one.
// Not for rows: see store.cc.
#include "schema.h"

namespace tally::postgresql {

namespace {

std::string place_of(const Connection& connection, const Options& options) {
  return connection.place() + " schema " + options.schema;
}

std::string replaced(std::string text, std::string_view what, const std::string& with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
  return text;
}

bool exists(Connection& connection, const Options& options) {
  return connection.integer("SELECT 1 FROM pg_namespace WHERE nspname=$1", Parameters().add(options.schema)) != 0;
}

int tables(Connection& connection, const Options& options) {
  return static_cast<int>(
      connection.integer("SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                         "WHERE n.nspname=$1 AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')",
                         Parameters().add(options.schema)));
}

void make(Connection& connection, const Options& options, Steps steps, int from) {
  if (from == 0 && !exists(connection, options)) connection.run("CREATE SCHEMA " + quoted_name(options.schema));
  for (const Step& step : steps.subspan(static_cast<std::size_t>(from))) connection.run(step.sql);
  if (from == 0) {
    connection.ask("INSERT INTO state (partition_width) VALUES (make_interval(days => $1))",
                   Parameters().add(static_cast<std::int32_t>(options.partition_days)));
  }
  connection.run("DELETE FROM tally_schema");
  connection.ask("INSERT INTO tally_schema (version, compatible_from) VALUES ($1, $2)",
                 Parameters()
                     .add(static_cast<std::int32_t>(steps.size()))
                     .add(static_cast<std::int32_t>(steps.back().compatible_from)));
}

// Again each time, for a role that was named later; who does not own the schema leaves it.
void grant(Connection& connection, const Options& options) {
  if (options.grant.empty()) return;
  const bool owner = connection.integer("SELECT pg_has_role(nspowner, 'USAGE')::int FROM pg_namespace WHERE nspname=$1",
                                        Parameters().add(options.schema)) != 0;
  if (!owner) return;
  connection.run(
      replaced(replaced(kGrants, "$ROLE", quoted_name(options.grant)), "$SCHEMA", quoted_name(options.schema)));
}

}  // namespace

SchemaVersion schema_version(Connection& connection, const Options& options, Steps steps) {
  const std::string place = place_of(connection, options);
  const bool ours = connection.integer(
                        "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                        "WHERE n.nspname=$1 AND c.relname='tally_schema'",
                        Parameters().add(options.schema)) != 0;
  if (!ours) {
    if (tables(connection, options) == 0) return {};
    throw Error::permanent("postgresql: " + place +
                           " holds another program's tables; name another schema by the key `schema`");
  }
  if (connection.integer("SELECT has_schema_privilege($1, 'USAGE')::int", Parameters().add(options.schema)) == 0) {
    throw Error::permanent("postgresql: " + place + ": this role may not use it; " +
                           meaning_of(sqlstate::kInsufficientPrivilege).way_out);
  }
  const Result row = connection.ask("SELECT version, compatible_from FROM tally_schema");
  if (row.rows() != 1) {
    throw Error::permanent("postgresql: " + place + ": its table `tally_schema` has " + std::to_string(row.rows()) +
                           " rows instead of one; restore a backup");
  }
  const auto version = static_cast<int>(row.integer(0, 0));
  const auto known = static_cast<int>(steps.size());
  if (version > known && row.integer(0, 1) > known) {
    throw Error::permanent("postgresql: " + place + " has schema version " + std::to_string(version) +
                           ", this plugin knows up to " + std::to_string(known) +
                           "; use the newer Tally that made it, or name another schema");
  }
  return {version < known ? SchemaState::older : SchemaState::current, version, version > known};
}

void upgrade_schema(Connection& connection, const Options& options, Steps steps) {
  Transaction transaction(connection);
  connection.ask("SELECT pg_advisory_xact_lock($1, hashtext($2))",
                 Parameters().add(static_cast<std::int32_t>(Lock::schema)).add(options.schema));
  // Batches that are under way end first; those that come wait, and see the new version.
  connection.ask("SELECT pg_advisory_xact_lock($1, hashtext($2))",
                 Parameters().add(static_cast<std::int32_t>(Lock::texts)).add(options.schema));
  const SchemaVersion before = schema_version(connection, options, steps);  // another process may just have done it
  if (before.state != SchemaState::current) make(connection, options, steps, before.version);
  grant(connection, options);
  transaction.commit();
}

void require_schema(Connection& connection, const Options& options, Steps steps) {
  const SchemaVersion found = schema_version(connection, options, steps);
  switch (found.state) {
    case SchemaState::current:
      return;
    case SchemaState::empty:
      throw Error::permanent("postgresql: " + place_of(connection, options) +
                             " is empty; `tally storage init` prepares it");
    case SchemaState::older:
      throw Error::permanent("postgresql: " + place_of(connection, options) + " has schema version " +
                             std::to_string(found.version) + ", this plugin needs " + std::to_string(steps.size()) +
                             "; `tally storage upgrade` brings it there");
  }
}

}  // namespace tally::postgresql
