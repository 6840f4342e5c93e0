// Remembers each writer's last batch, so that one which is repeated because its answer was lost changes nothing.
// Not for rows that are duplicates: see write.cc.
#ifndef TALLY_POSTGRESQL_BATCH_TOKENS_H
#define TALLY_POSTGRESQL_BATCH_TOKENS_H

#include <tally/sdk/storage.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "connection.h"

namespace tally::postgresql {

// What was answered when this batch was committed, reasons left out. `rows` and `statuses` are the writer's row. Throws
// Error::permanent where that batch had another number of rows.
std::vector<RowResult> answer_before(const Connection& connection, const Batch& batch, std::int64_t rows,
                                     std::string_view statuses);

// To be found from this transaction on. A batch without a writer is not remembered. REQUIRES: the writer's lock.
void remember(Connection& connection, const Batch& batch, std::span<const RowResult> results);

// What is known of the writer.
WriterState remembered(Connection& connection, std::string_view writer);

}  // namespace tally::postgresql

#endif
