// The kinds of query, each a function from the file to rows.
// Not for choosing between them: see query.cc.
#ifndef TALLY_SQLITE_QUERIES_H
#define TALLY_SQLITE_QUERIES_H

#include <tally/kit/answer.h>
#include <tally/sdk/storage.h>

#include "database.h"

namespace tally::sqlite {

// To be called in a read transaction. The columns are those of tally/abi/storage.h, in its order.
void query_meters(Database& database, const QueryView& query, Answer& answer);
void query_resources(Database& database, const QueryView& query, Answer& answer);
void query_samples(Database& database, const QueryView& query, Answer& answer);
void query_statistics(Database& database, const QueryView& query, Answer& answer);
void query_dead_letters(Database& database, const QueryView& query, Answer& answer);
void query_books(Database& database, const QueryView& query, Answer& answer);
void query_usage(Database& database, const QueryView& query, Answer& answer);

}  // namespace tally::sqlite

#endif
