// Writes what the host concludes from the fate of a batch's rows: dead letters and the books.
// Not for rows: see write.cc.
#ifndef TALLY_POSTGRESQL_CONCLUSION_H
#define TALLY_POSTGRESQL_CONCLUSION_H

#include <tally/sdk/storage.h>

#include "connection.h"

namespace tally::postgresql {

// In the batch's transaction. All writers take the rows of a table in the same order, so that none waits in a ring.
void write_conclusion(Connection& connection, const ConclusionView& conclusion);

}  // namespace tally::postgresql

#endif
