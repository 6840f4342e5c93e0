// Answers queries: chooses the kind, and lists samples, dead letters, the books, and bytes by meter.
// Not for sums: see statistics.cc; nor for meters and resources: see listing.cc.
#include <algorithm>
#include <charconv>

#include "queries.h"
#include "selection.h"
#include "store.h"

namespace tally::postgresql {

void Store::query(const QueryView& query, RowSink& rows) {
  Connection& connection = opened(Access::existing);
  connection.limit(options_.query_timeout, true);
  Answer answer(rows, query.limit);
  if (answer.full()) return;
  const Transaction snapshot(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  switch (query.kind) {
    case QueryKind::meters:
      return query_meters(connection, query, answer);
    case QueryKind::resources:
      return query_resources(connection, query, answer);
    case QueryKind::samples:
      return query_samples(connection, query, answer);
    case QueryKind::statistics:
      return query_statistics(connection, query, answer);
    case QueryKind::dead_letters:
      return query_dead_letters(connection, query, answer);
    case QueryKind::books:
      return query_books(connection, query, answer);
    case QueryKind::size:
      return query_usage(connection, query, answer);
  }
  throw Error::permanent("postgresql: query kind " + std::to_string(static_cast<int>(query.kind)) + " is not known");
}

namespace {

std::string shortest(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

struct Range {
  Time start;
  Time end;
};

// The partitions that the query's time touches, in the order of the answer.
std::vector<Range> partitions(Connection& connection, const QueryView& query) {
  const Result found = connection.ask("SELECT starts, ends FROM partition ORDER BY starts");
  std::vector<Range> ranges;
  for (int i = 0; i < found.rows(); ++i) {
    Range range{found.time(i, 0), found.time(i, 1)};
    if (query.start) range.start = std::max(range.start, *query.start);
    if (query.end) range.end = std::min(range.end, *query.end);
    if (range.start < range.end) ranges.push_back(range);
  }
  if (query.descending) std::ranges::reverse(ranges);
  return ranges;
}

// Sends one row; false where no more are wanted.
bool send_sample(const Result& row, Answer& answer) {
  answer.text("id", row.text(0, 0)).text("name", row.text(0, 1));
  answer.text("type", to_string(static_cast<SampleType>(row.integer(0, 2)))).text("unit", row.text(0, 3));
  answer.number("volume", row.text(0, 4)).text("resource_id", row.text(0, 5));
  answer.text("project_id", row.optional_text(0, 6)).text("project_name", row.optional_text(0, 7));
  answer.text("user_id", row.optional_text(0, 8)).text("user_name", row.optional_text(0, 9));
  answer.time("timestamp", row.time(0, 10).us).json("resource_metadata", row.text(0, 11));
  answer.text("source", row.text(0, 12));
  if (row.null(0, 13)) {
    answer.null("monotonic_time");
  } else {
    answer.number("monotonic_time", shortest(get_real(row.bytes(0, 13))));
  }
  answer.time("received_at", row.time(0, 14).us).number("batch", row.integer(0, 15));
  return answer.send();
}

}  // namespace

// Partition by partition: what is sorted is never more than one, and a short list out of a large store ends early.
void query_samples(Connection& connection, const QueryView& query, Answer& answer) {
  const Selection selection(connection, query);
  if (selection.empty()) return;
  std::int64_t sent = 0;
  for (const Range& range : partitions(connection, query)) {
    const std::string order =
        query.descending ? " ORDER BY timestamp DESC, id_text DESC" : " ORDER BY timestamp, id_text";
    Sql sql("WITH x AS MATERIALIZED (SELECT x.*, ");
    sql.add(kIdText).add(" AS id_text");
    selection.add_samples(sql, range.start, range.end);
    sql.add(order);
    if (query.limit) sql.add(" LIMIT ?", *query.limit - sent);
    sql.add(
        ") SELECT x.id_text, m.name, m.type, m.unit, x.volume::text, r.resource_id, r.project_id, r.project_name, "
        "r.user_id, r.user_name, x.timestamp, coalesce(d.text, '{}'), r.source, x.monotonic, x.received, "
        "coalesce(o.number, x.batch) FROM x");
    sql.add(kJoinTexts).add("LEFT JOIN metadata d ON d.key = x.metadata LEFT JOIN overtaken o ON o.key = x.batch");
    sql.add(order);
    connection.each(sql.text(), sql.parameters(), [&](const Result& row) {
      ++sent;
      return send_sample(row, answer) || (query.limit && sent >= *query.limit);
    });
    if (answer.full()) return;
  }
}

void query_dead_letters(Connection& connection, const QueryView& query, Answer& answer) {
  Sql sql("SELECT digest, kind, reason, detail, bus, event_type, message_id, handler, received");
  sql.add(query.digest.empty() ? "" : ", body").add(" FROM dead_letter WHERE true");
  if (!query.digest.empty()) sql.add(" AND digest=?", made_fit(query.digest));
  if (query.start) sql.add(" AND received>=?", *query.start);
  if (query.end) sql.add(" AND received<?", *query.end);
  for (const FilterView& filter : query.filters) {
    bool known = false;
    for (const char* field : {"kind", "reason", "bus", "event_type", "message_id", "handler"}) {
      if (filter.field != field) continue;
      sql.add(std::string(" AND ") + field + "=?", made_fit(filter.value));
      known = true;
    }
    if (!known) {
      throw Error::permanent("postgresql: cannot filter dead letters by \"" + std::string(filter.field) +
                             "\"; use kind, reason, bus, event_type, message_id or handler");
    }
  }
  sql.add(query.descending ? " ORDER BY received DESC, digest DESC" : " ORDER BY received, digest");
  if (query.limit) sql.add(" LIMIT ?", *query.limit);
  connection.each(sql.text(), sql.parameters(), [&](const Result& row) {
    answer.text("digest", row.text(0, 0)).text("kind", row.text(0, 1)).text("reason", row.text(0, 2));
    answer.text("detail", row.text(0, 3)).text("bus", row.text(0, 4)).text("event_type", row.optional_text(0, 5));
    answer.text("message_id", row.optional_text(0, 6)).text("handler", row.optional_text(0, 7));
    if (!query.digest.empty()) answer.text("body", row.bytes(0, 9));
    answer.time("received_at", row.time(0, 8).us);
    return answer.send();
  });
}

void query_books(Connection& connection, const QueryView& query, Answer& answer) {
  Sql sql("SELECT bus, day, unit, outcome, count FROM book ORDER BY bus, day, unit, outcome");
  if (query.limit) sql.add(" LIMIT ?", *query.limit);
  connection.each(sql.text(), sql.parameters(), [&](const Result& row) {
    answer.text("bus", row.text(0, 0)).number("day", row.integer(0, 1)).text("unit", row.text(0, 2));
    answer.text("outcome", row.text(0, 3)).number("count", row.integer(0, 4));
    return answer.send();
  });
}

// Bytes of the samples' tables and indexes, divided by their number: texts and dead letters are not counted in.
void query_usage(Connection& connection, const QueryView& query, Answer& answer) {
  const auto bytes = static_cast<double>(
      connection.integer("SELECT coalesce(sum(pg_total_relation_size(inhrelid)), 0)::bigint FROM pg_inherits "
                         "WHERE inhparent = 'sample'::regclass"));
  Sql sql(
      "WITH t AS (SELECT series, count(*) AS n FROM sample GROUP BY series), a AS (SELECT sum(n) AS n FROM t) "
      "SELECT m.name, sum(t.n)::bigint, a.n::bigint FROM t JOIN series s ON s.key = t.series "
      "JOIN meter m ON m.key = s.meter CROSS JOIN a WHERE true");
  if (!query.meter.empty()) add_meter(sql, query.meter);
  sql.add(" GROUP BY m.name, a.n ORDER BY m.name");
  if (query.limit) sql.add(" LIMIT ?", *query.limit);
  connection.each(sql.text(), sql.parameters(), [&](const Result& row) {
    const std::int64_t samples = row.integer(0, 1);
    const double each = bytes / static_cast<double>(row.integer(0, 2));
    answer.text("meter", row.text(0, 0)).number("samples", samples);
    answer.number("bytes", static_cast<std::int64_t>(each * static_cast<double>(samples)));
    return answer.send();
  });
}

}  // namespace tally::postgresql
