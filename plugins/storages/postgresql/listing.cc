// Lists meters and resources with how many samples they have, from when to when.
// Not for samples themselves: see query.cc.
#include "queries.h"
#include "selection.h"

namespace tally::postgresql {

namespace {

// "WITH total AS (…)": the selected samples of each series, counted.
Sql with_totals(const Selection& selection) {
  Sql sql("WITH total AS (SELECT x.series, count(*) AS samples, min(x.timestamp) AS first, max(x.timestamp) AS last");
  selection.add_samples(sql);
  sql.add(" GROUP BY x.series)");
  return sql;
}

}  // namespace

void query_meters(Connection& connection, const QueryView& query, Answer& answer) {
  const Selection selection(connection, query);
  if (selection.empty()) return;
  Sql sql = with_totals(selection);
  sql.add(
         " SELECT m.name, m.type, m.unit, count(DISTINCT r.resource_id), sum(x.samples)::bigint, min(x.first), "
         "max(x.last) FROM total x")
      .add(kJoinTexts)
      .add("GROUP BY m.name, m.type, m.unit ORDER BY m.name, m.type, m.unit");
  if (query.limit) sql.add(" LIMIT ?", *query.limit);
  connection.each(sql.text(), sql.parameters(), [&](const Result& row) {
    answer.text("name", row.text(0, 0)).text("type", to_string(static_cast<SampleType>(row.integer(0, 1))));
    answer.text("unit", row.text(0, 2)).number("resources", row.integer(0, 3)).number("samples", row.integer(0, 4));
    answer.time("first", row.time(0, 5).us).time("last", row.time(0, 6).us);
    return answer.send();
  });
}

// The latest metadata is that of the last sample by time, then id. Only what was last in its series can be it.
void query_resources(Connection& connection, const QueryView& query, Answer& answer) {
  const Selection selection(connection, query);
  if (selection.empty()) return;
  constexpr const char* kKeys = "r.resource_id, r.project_id, r.user_id, r.source";
  constexpr const char* kSame =
      "l.resource_id = g.resource_id AND l.project_id IS NOT DISTINCT FROM g.project_id AND "
      "l.user_id IS NOT DISTINCT FROM g.user_id AND l.source = g.source";
  Sql sql = with_totals(selection);
  sql.add(", g AS (SELECT ").add(kKeys);
  sql.add(
         ", count(DISTINCT m.name) AS meters, sum(x.samples)::bigint AS samples, min(x.first) AS first, "
         "max(x.last) AS last FROM total x")
      .add(kJoinTexts)
      .add("GROUP BY ")
      .add(kKeys);
  sql.add(" ORDER BY r.resource_id, r.project_id NULLS FIRST, r.user_id NULLS FIRST, r.source");
  if (query.limit) sql.add(" LIMIT ?", *query.limit);
  sql.add("), y AS (SELECT x.series, x.timestamp, x.id, x.metadata");
  selection.add_samples(sql);
  sql.add("), l AS (SELECT DISTINCT ON (").add(kKeys).add(") ").add(kKeys);
  sql.add(", x.metadata FROM total t JOIN y x ON x.series = t.series AND x.timestamp = t.last").add(kJoinTexts);
  sql.add("ORDER BY ").add(kKeys).add(", x.timestamp DESC, ").add(kIdText).add(" DESC)");
  sql.add(
         " SELECT g.resource_id, g.project_id, g.user_id, g.source, g.meters, g.samples, g.first, g.last, "
         "coalesce(d.text, '{}') FROM g LEFT JOIN l ON ")
      .add(kSame);
  sql.add(
      " LEFT JOIN metadata d ON d.key = l.metadata "
      "ORDER BY g.resource_id, g.project_id NULLS FIRST, g.user_id NULLS FIRST, g.source");
  connection.each(sql.text(), sql.parameters(), [&](const Result& row) {
    answer.text("resource_id", row.text(0, 0)).text("project_id", row.optional_text(0, 1));
    answer.text("user_id", row.optional_text(0, 2)).text("source", row.text(0, 3));
    answer.number("meters", row.integer(0, 4)).number("samples", row.integer(0, 5));
    answer.time("first", row.time(0, 6).us).time("last", row.time(0, 7).us).json("metadata", row.text(0, 8));
    return answer.send();
  });
}

}  // namespace tally::postgresql
