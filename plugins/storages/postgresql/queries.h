// The kinds of query, each a function from the database to rows.
// Not for choosing between them: see query.cc.
#ifndef TALLY_POSTGRESQL_QUERIES_H
#define TALLY_POSTGRESQL_QUERIES_H

#include <tally/kit/answer.h>
#include <tally/sdk/storage.h>

#include "connection.h"

namespace tally::postgresql {

// To be called in one snapshot. The columns are those of tally/abi/storage.h, in its order.
void query_meters(Connection& connection, const QueryView& query, Answer& answer);
void query_resources(Connection& connection, const QueryView& query, Answer& answer);
void query_samples(Connection& connection, const QueryView& query, Answer& answer);
void query_statistics(Connection& connection, const QueryView& query, Answer& answer);
void query_dead_letters(Connection& connection, const QueryView& query, Answer& answer);
void query_books(Connection& connection, const QueryView& query, Answer& answer);
void query_usage(Connection& connection, const QueryView& query, Answer& answer);

}  // namespace tally::postgresql

#endif
