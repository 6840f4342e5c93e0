// What tables the file holds, and how a file of an older version is brought to this one.
// Not for rows: see store.h.
#ifndef TALLY_SQLITE_SCHEMA_H
#define TALLY_SQLITE_SCHEMA_H

#include <span>

#include "database.h"

namespace tally::sqlite {

// Step n brings a file of version n to version n + 1; a new file takes them all. Steps that were released never change.
// `compatible_from`: the lowest version that a driver must know to work with what the step leaves; the file's
// user_version, above which a driver reads and writes nothing. The table tally_schema has the version itself.
struct Step {
  const char* sql;
  int compatible_from;
};
using Steps = std::span<const Step>;
Steps schema_steps();

enum class SchemaState {
  empty,    // a new file
  older,    // a version that `upgrade` knows
  current,  // this version, or a newer one that this driver may work with
};

// Throws where the file is another program's, or of a version above the last step's; the text then names both.
SchemaState schema_state(Database& database, Steps steps);

int schema_version(Database& database);

// Runs the steps that the file lacks, in one transaction. Several processes may call it at once: one does the work.
void upgrade_schema(Database& database, Steps steps);

// Throws Error::permanent where it is not current, with the way out.
void require_schema(Database& database, Steps steps);

}  // namespace tally::sqlite

#endif
