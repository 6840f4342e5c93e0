// Remembers each writer's last batch, so that one which is repeated because its answer was lost changes nothing.
// Not for rows that are duplicates: see write.cc.
#ifndef TALLY_SQLITE_BATCH_TOKENS_H
#define TALLY_SQLITE_BATCH_TOKENS_H

#include <tally/sdk/storage.h>

#include <optional>
#include <span>
#include <vector>

#include "database.h"

namespace tally::sqlite {

// What was answered when this batch was committed, reasons left out; none: it was not. Throws Error::permanent where
// that one had another number of rows. Tells the batch which one of its writer was found. REQUIRES: the batch's
// transaction.
std::optional<std::vector<RowResult>> answer_before(Database& database, const Batch& batch);

// To be found by answer_before() from this transaction on. A batch without a writer is not remembered.
void remember(Database& database, const Batch& batch, std::span<const RowResult> results);

// What is known of the writer. REQUIRES: a transaction.
WriterState remembered(Database& database, std::string_view writer);

}  // namespace tally::sqlite

#endif
