// What tables the schema holds, and how one of an older version is brought to this one.
// Not for rows: see store.h.
#ifndef TALLY_POSTGRESQL_SCHEMA_H
#define TALLY_POSTGRESQL_SCHEMA_H

#include <cstdint>
#include <span>
#include <string>

#include "connection.h"

namespace tally::postgresql {

// Step n brings a schema of version n to version n + 1; a new one takes them all. Steps that were released never
// change. `compatible_from`: the lowest version that a driver must know to work with what the step leaves.
struct Step {
  const char* sql;
  int compatible_from;
};
using Steps = std::span<const Step>;
Steps schema_steps();

// What a collector's role is given: every right that its calls need, none to change the schema.
extern const char* const kGrants;  // $ROLE and $SCHEMA stand for the names

enum class SchemaState {
  empty,    // no schema, or one without tables
  older,    // a version that `upgrade` knows
  current,  // this version, or a newer one that this driver may work with
};

struct SchemaVersion {
  SchemaState state = SchemaState::empty;
  int version = 0;
  bool newer = false;
};

// Classes of advisory locks; the second number is the schema's.
enum class Lock : std::int32_t {
  schema = 1'413'573'753,      // making and upgrading
  partitions = 1'413'573'754,  // adding and removing partitions
  texts = 1'413'573'755,       // shared by writers; exclusive while texts that nothing uses go, or the schema changes
  writer = 1'413'573'756,      // one writer's batches, one after the other
};

// Throws where the tables are another program's, or of a version that this driver may not work with; the text then
// names both.
SchemaVersion schema_version(Connection& connection, const Options& options, Steps steps);

// Runs the steps that are lacking, and grants, in one transaction. Several processes may call it at once: one does the
// work. Writers wait for it.
void upgrade_schema(Connection& connection, const Options& options, Steps steps);

// Throws Error::permanent where it is not current, with the way out.
void require_schema(Connection& connection, const Options& options, Steps steps);

}  // namespace tally::postgresql

#endif
