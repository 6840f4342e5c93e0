// Answers queries: chooses the kind, and lists samples, dead letters, the books, and bytes by meter.
// Not for sums: see statistics.cc; nor for meters and resources: see listing.cc.
#include <charconv>
#include <queue>

#include "queries.h"
#include "selection.h"
#include "store.h"

namespace tally::sqlite {

void Store::query(const QueryView& query, RowSink& rows) {
  Database& database = opened(Access::existing);
  const Transaction snapshot(database, Transaction::Kind::read);
  Answer answer(rows, query.limit);
  if (answer.full()) return;
  switch (query.kind) {
    case QueryKind::meters:
      return query_meters(database, query, answer);
    case QueryKind::resources:
      return query_resources(database, query, answer);
    case QueryKind::samples:
      return query_samples(database, query, answer);
    case QueryKind::statistics:
      return query_statistics(database, query, answer);
    case QueryKind::dead_letters:
      return query_dead_letters(database, query, answer);
    case QueryKind::books:
      return query_books(database, query, answer);
    case QueryKind::size:
      return query_usage(database, query, answer);
  }
  throw Error::permanent("sqlite: query kind " + std::to_string(static_cast<int>(query.kind)) + " is not known");
}

namespace {

std::string shortest(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

constexpr std::string_view kAllSeries =
    " FROM series s JOIN meter m ON m.key = s.meter JOIN resource r ON r.key = s.resource ";

// The same query with a start or end beyond which none of its first `limit` rows can lie. Found series by series, each
// in its own order, so that a short list out of a large file sorts only what is near its ends.
QueryView narrowed(Database& database, QueryView query) {
  constexpr std::int64_t kMostRows = 10'000;
  if (!query.limit || *query.limit > kMostRows) return query;
  for (const FilterView& filter : query.filters) {
    if (metadata_key(filter.field)) return query;  // would be decided again for each series
  }
  const auto wanted = static_cast<std::size_t>(*query.limit);
  const auto order = [&query](std::int64_t time) { return query.descending ? -time : time; };
  std::priority_queue<std::int64_t> first;  // the best so far, the worst of them on top
  Sql all("SELECT s.key");
  all.add(kAllSeries).add("WHERE 1").add(series_conditions(query));
  for (Statement series = all.prepare(database); series.step();) {
    Sql sql("SELECT x.timestamp FROM sample x WHERE x.series=");
    sql.add("?", series.integer(0)).add(sample_conditions(query));
    sql.add(query.descending ? " ORDER BY x.timestamp DESC LIMIT ?" : " ORDER BY x.timestamp LIMIT ?", *query.limit);
    for (Statement row = sql.prepare(database); row.step();) {
      const std::int64_t time = order(row.integer(0));
      if (first.size() == wanted && time >= first.top()) break;
      first.push(time);
      if (first.size() > wanted) first.pop();
    }
    if (first.size() < wanted) continue;
    if (query.descending) {
      query.start = Time{-first.top()};
    } else {
      query.end = Time{first.top() + 1};
    }
  }
  return query;
}

}  // namespace

void query_samples(Database& database, const QueryView& asked, Answer& answer) {
  const QueryView query = narrowed(database, asked);
  // Sorted as numbers; the texts are looked up after, so that the sorter stays small.
  Sql sql(std::string("SELECT x.series, x.timestamp, ") + kIdText +
          " AS id_text, x.volume, x.lag, x.batch, x.metadata, x.monotonic");
  sql.add(kAllSeries).add("CROSS JOIN sample x ON x.series = s.key WHERE 1");
  sql.add(series_conditions(query)).add(sample_conditions(query));
  sql.add(query.descending ? " ORDER BY x.timestamp DESC, id_text DESC" : " ORDER BY x.timestamp, id_text");
  if (query.limit) sql.add(" LIMIT ?", *query.limit);
  Texts texts(database);
  for (Statement row = sql.prepare(database); row.step();) {
    const Series& series = texts.series(row.integer(0));
    const std::int64_t timestamp = row.integer(1);
    answer.text("id", row.text(2)).text("name", series.name).text("type", to_string(series.type));
    answer.text("unit", series.unit).number("volume", row.text(3)).text("resource_id", series.resource_id);
    answer.text("project_id", series.project_id).text("project_name", series.project_name);
    answer.text("user_id", series.user_id).text("user_name", series.user_name).time("timestamp", timestamp);
    answer.json("resource_metadata", texts.metadata(row.integer(6))).text("source", series.source);
    if (row.type(7) == SQLITE_NULL) {
      answer.null("monotonic_time");
    } else {
      answer.number("monotonic_time", shortest(row.number(7)));
    }
    answer.time("received_at", timestamp + row.integer(4)).number("batch", row.integer(5));
    if (!answer.send()) return;
  }
}

void query_dead_letters(Database& database, const QueryView& query, Answer& answer) {
  Sql sql("SELECT digest, kind, reason, detail, bus, event_type, message_id, handler, received");
  sql.add(query.digest.empty() ? "" : ", body").add(" FROM dead_letter WHERE 1");
  if (!query.digest.empty()) sql.add(" AND digest=?", std::string(query.digest));
  if (query.start) sql.add(" AND received>=?", query.start->us);
  if (query.end) sql.add(" AND received<?", query.end->us);
  for (const FilterView& filter : query.filters) {
    bool known = false;
    for (const char* field : {"kind", "reason", "bus", "event_type", "message_id", "handler"}) {
      if (filter.field != field) continue;
      sql.add(std::string(" AND ") + field + "=?", std::string(filter.value));
      known = true;
    }
    if (!known) {
      throw Error::permanent("sqlite: cannot filter dead letters by \"" + std::string(filter.field) +
                             "\"; use kind, reason, bus, event_type, message_id or handler");
    }
  }
  sql.add(query.descending ? " ORDER BY received DESC, digest DESC" : " ORDER BY received, digest");
  for (Statement row = sql.prepare(database); row.step();) {
    answer.text("digest", row.text(0)).text("kind", row.text(1)).text("reason", row.text(2));
    answer.text("detail", row.text(3)).text("bus", row.text(4)).text("event_type", row.optional_text(5));
    answer.text("message_id", row.optional_text(6)).text("handler", row.optional_text(7));
    if (!query.digest.empty()) answer.text("body", row.text(9));
    answer.time("received_at", row.integer(8));
    if (!answer.send()) return;
  }
}

void query_books(Database& database, const QueryView& query, Answer& answer) {
  Statement row = database.prepare("SELECT bus, day, unit, outcome, count FROM book");
  while (row.step()) {
    answer.text("bus", row.text(0)).number("day", row.integer(1)).text("unit", row.text(2));
    answer.text("outcome", row.text(3)).number("count", row.integer(4));
    if (!answer.send()) return;
  }
}

namespace {

// Bytes of the samples' table and index in the file: of its pages where SQLite was built with `dbstat`; else the whole
// file's, which counts the texts and dead letters in.
double sample_bytes(Database& database) {
  if (database.integer("SELECT count(*) FROM pragma_module_list WHERE name='dbstat'") != 0) {
    return static_cast<double>(
        database.integer("SELECT sum(pgsize) FROM dbstat WHERE aggregate=1 AND name IN ('sample', 'sample_by_id')"));
  }
  return static_cast<double>(
      database.integer("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"));
}

}  // namespace

void query_usage(Database& database, const QueryView& query, Answer& answer) {
  const auto all = static_cast<double>(database.integer("SELECT count(*) FROM sample"));
  const double each = all > 0 ? sample_bytes(database) / all : 0;
  Sql sql(
      "SELECT m.name, sum((SELECT count(*) FROM sample x WHERE x.series = s.key)) AS samples "
      "FROM series s JOIN meter m ON m.key = s.meter WHERE 1");
  if (!query.meter.empty()) add_meter(sql, query.meter);
  sql.add(" GROUP BY m.name HAVING samples > 0 ORDER BY m.name");
  for (Statement row = sql.prepare(database); row.step();) {
    const std::int64_t samples = row.integer(1);
    answer.text("meter", row.text(0)).number("samples", samples);
    answer.number("bytes", static_cast<std::int64_t>(each * static_cast<double>(samples)));
    if (!answer.send()) return;
  }
}

}  // namespace tally::sqlite
