// What tables the file holds, and how a file of an older version is brought to this one.
// Not for rows: see store.h.
#include "schema.h"

#include <algorithm>
#include <string>

namespace tally::sqlite {

namespace {

constexpr std::int64_t kApplicationId = 0x54616C79;  // "Taly"

// Samples lie together by series (a meter of a resource) and time: the primary key is the index for a resource's and
// for a meter's time range alike, since series are few and found by either. The id's index is the only other one.
// Texts that repeat are kept once. `lag` is received_at less timestamp, which is shorter than either; a volume that
// fits is an integer, any other one its exact text; an id of 32 hexadecimal digits is 16 bytes; metadata 0 is {}.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE meter (key INTEGER PRIMARY KEY, name TEXT NOT NULL, type INTEGER NOT NULL, unit TEXT NOT NULL,
                    UNIQUE (name, type, unit));
CREATE TABLE resource (key INTEGER PRIMARY KEY, resource_id TEXT NOT NULL, project_id TEXT, project_name TEXT,
                       user_id TEXT, user_name TEXT, source TEXT NOT NULL);
CREATE INDEX resource_by_id ON resource (resource_id);
CREATE INDEX resource_by_project ON resource (project_id);
CREATE TABLE series (key INTEGER PRIMARY KEY, meter INTEGER NOT NULL, resource INTEGER NOT NULL,
                     UNIQUE (meter, resource));
CREATE INDEX series_by_resource ON series (resource);
CREATE TABLE metadata (key INTEGER PRIMARY KEY, hash INTEGER NOT NULL, text TEXT NOT NULL);
CREATE INDEX metadata_by_hash ON metadata (hash);
CREATE TABLE sample (series INTEGER NOT NULL, timestamp INTEGER NOT NULL, id NOT NULL, volume NOT NULL,
                     lag INTEGER NOT NULL, batch INTEGER NOT NULL, metadata INTEGER NOT NULL, monotonic REAL,
                     PRIMARY KEY (series, timestamp, id)) WITHOUT ROWID;
CREATE UNIQUE INDEX sample_by_id ON sample (id);
CREATE TABLE dead_letter (digest TEXT PRIMARY KEY, kind TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,
                          bus TEXT NOT NULL, event_type TEXT, message_id TEXT, handler TEXT, body BLOB NOT NULL,
                          received INTEGER NOT NULL);
CREATE INDEX dead_letter_by_time ON dead_letter (received);
CREATE TABLE book (bus TEXT NOT NULL, day INTEGER NOT NULL, unit TEXT NOT NULL, outcome TEXT NOT NULL,
                   count INTEGER NOT NULL, PRIMARY KEY (bus, day, unit, outcome)) WITHOUT ROWID;
CREATE TABLE state (key INTEGER PRIMARY KEY CHECK (key = 1), last_batch INTEGER NOT NULL, generation INTEGER NOT NULL);
INSERT INTO state VALUES (1, 0, 0);
)sql";

// Each writer's last batch, see repeats.h.
constexpr const char* kVersion2 = R"sql(
CREATE TABLE writer (id TEXT PRIMARY KEY, sequence INTEGER NOT NULL, used INTEGER NOT NULL, rows INTEGER NOT NULL,
                     statuses BLOB NOT NULL) WITHOUT ROWID;
)sql";

// A sample is its id and its time. That does not make the index larger: the table's key, which has the time, was in it
// before.
constexpr const char* kVersion3 = R"sql(
DROP INDEX sample_by_id;
CREATE UNIQUE INDEX sample_by_id ON sample (id, timestamp);
)sql";

// Small texts by (kind, key); the first names this store. Who knows version 3 goes on without them.
constexpr const char* kVersion4 = R"sql(
CREATE TABLE record (kind TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, value TEXT NOT NULL,
                     PRIMARY KEY (kind, key)) WITHOUT ROWID;
INSERT INTO record VALUES ('store', 'id', 1, lower(hex(randomblob(16))));
CREATE TABLE tally_schema (key INTEGER PRIMARY KEY CHECK (key = 1), version INTEGER NOT NULL);
INSERT INTO tally_schema VALUES (1, 4);
)sql";

constexpr Step kSteps[] = {{kVersion1, 1}, {kVersion2, 2}, {kVersion3, 3}, {kVersion4, 3}};
constexpr int kFirstWithTable = 4;  // from this version on the version is in a table

int compatible_from(Database& database) { return static_cast<int>(database.integer("PRAGMA user_version")); }

}  // namespace

Steps schema_steps() { return kSteps; }

int schema_version(Database& database) {
  const bool table = database.integer("SELECT count(*) FROM sqlite_schema WHERE name='tally_schema'") != 0;
  const auto version = table ? static_cast<int>(database.integer("SELECT version FROM tally_schema")) : 0;
  return std::max(version, compatible_from(database));
}

SchemaState schema_state(Database& database, Steps steps) {
  const int version = schema_version(database);
  const int known = static_cast<int>(steps.size());
  if (version == 0 && database.integer("SELECT count(*) FROM sqlite_schema") == 0) return SchemaState::empty;
  if (database.integer("PRAGMA application_id") != kApplicationId) {
    throw Error::permanent("sqlite: " + database.path() +
                           " is another program's database; name another file in `storage`");
  }
  if (compatible_from(database) > known) {
    throw Error::permanent("sqlite: " + database.path() + " has schema version " + std::to_string(version) +
                           ", this plugin knows up to " + std::to_string(known) +
                           "; use the newer Tally that made it, or name another file in `storage`");
  }
  return version < known ? SchemaState::older : SchemaState::current;
}

void upgrade_schema(Database& database, Steps steps) {
  Transaction transaction(database, Transaction::Kind::write);
  const SchemaState state = schema_state(database, steps);  // inside: another process may just have done it
  if (state == SchemaState::current) return;
  for (const Step& step : steps.subspan(static_cast<std::size_t>(schema_version(database)))) database.run(step.sql);
  database.run("PRAGMA application_id=" + std::to_string(kApplicationId));
  database.run("PRAGMA user_version=" + std::to_string(steps.back().compatible_from));
  if (steps.size() >= kFirstWithTable) {
    database.run("UPDATE tally_schema SET version=" + std::to_string(steps.size()));
  }
  transaction.commit();
}

void require_schema(Database& database, Steps steps) {
  switch (schema_state(database, steps)) {
    case SchemaState::current:
      return;
    case SchemaState::empty:
      throw Error::permanent("sqlite: " + database.path() + " is empty; `tally storage init` prepares it");
    case SchemaState::older:
      throw Error::permanent("sqlite: " + database.path() + " has schema version " +
                             std::to_string(schema_version(database)) + ", this plugin needs " +
                             std::to_string(steps.size()) + "; `tally storage upgrade` brings it there");
  }
}

}  // namespace tally::sqlite
