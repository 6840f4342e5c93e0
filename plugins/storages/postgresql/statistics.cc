// Counts, sums, extremes and averages of samples, by groups and windows of time, exact in decimals.
// Not for choosing the samples: see selection.h.
#include <tally/model/decimal.h>

#include <string>
#include <vector>

#include "queries.h"
#include "selection.h"

namespace tally::postgresql {

namespace {

constexpr std::int64_t kLongestPeriod_us = 1'000 * 365 * Time::kDay;

// The column behind a group_by field that is none of metadata.
const char* column_of(std::string_view field) {
  if (field == "resource_id") return "r.resource_id";
  if (field == "project_id") return "r.project_id";
  if (field == "user_id") return "r.user_id";
  if (field == "source") return "r.source";
  if (field == "meter") return "m.name";
  if (field == "type") return "CASE m.type WHEN 1 THEN 'gauge' WHEN 2 THEN 'delta' ELSE 'cumulative' END";
  throw Error::permanent("postgresql: cannot group by \"" + std::string(field) +
                         "\"; use resource_id, project_id, user_id, source, meter, type or metadata.KEY");
}

void check_period(std::int64_t period_us) {
  if (period_us < 0) throw Error::permanent("postgresql: the period must be positive, or 0 for one window");
  if (period_us > kLongestPeriod_us) {
    throw Error::permanent("postgresql: a period is shorter than 1,000 years; use 0 for one window");
  }
}

// A window's beginning before any time that can be kept, in line with the query's start or with 1970: the server
// counts windows from there, forward alone.
Time origin(const QueryView& query) {
  const std::int64_t base = query.start ? query.start->us : 0;
  if (base < Time::kFirst.us) return Time{base};
  const std::int64_t windows = (base - Time::kFirst.us) / query.period_us + 1;
  return Time{base - windows * query.period_us};
}

// Summed by series first, which are numbers, then by the texts of the groups.
Sql statement(const QueryView& query, const Selection& selection) {
  bool by_metadata = false;
  for (const std::string_view field : query.group_by) by_metadata = by_metadata || metadata_key(field).has_value();
  const bool windows = query.period_us > 0;
  Sql sql("WITH part AS (SELECT x.series");
  if (windows) {
    sql.add_interval(", date_bin(?", query.period_us).add(", x.timestamp, ?)", origin(query));
  } else {
    sql.add(", NULL::timestamptz");
  }
  sql.add(" AS w, ")
      .add(by_metadata ? "x.metadata" : "NULL::bigint")
      .add(
          " AS metadata, count(*) AS n, sum(x.volume) AS total, min(x.volume) AS low, max(x.volume) AS high, "
          "min(x.timestamp) AS first, max(x.timestamp) AS last");
  selection.add_samples(sql);
  sql.add(" GROUP BY x.series").add(windows ? ", 2" : "").add(by_metadata ? ", x.metadata" : "");
  sql.add(
      "), grouped AS (SELECT x.w, m.unit, sum(x.n)::bigint AS n, sum(x.total) AS total, min(x.low) AS low, "
      "max(x.high) AS high, min(x.first) AS first, max(x.last) AS last");
  std::string keys;
  for (std::size_t i = 0; i < query.group_by.size(); ++i) {
    const std::string name = "k" + std::to_string(i);
    sql.add(", (");
    if (const auto key = metadata_key(query.group_by[i])) {
      add_metadata_value(sql, "d.text", *key);
    } else {
      sql.add(column_of(query.group_by[i]));
    }
    sql.add(") COLLATE \"C\" AS ").add(name);
    keys += ", " + name;
  }
  sql.add(" FROM part x").add(kJoinTexts).add(by_metadata ? "LEFT JOIN metadata d ON d.key = x.metadata " : "");
  sql.add("GROUP BY x.w, m.unit").add(keys).add(")");
  // The average: whole units of 10^-18, then what is left decides, half to even.
  sql.add(
         " SELECT g.w, g.unit, g.n, trim_scale(g.total)::text, trim_scale(g.low)::text, trim_scale(g.high)::text, "
         "trim_scale(sign(g.total) * 0.000000000000000001 * (q.whole + CASE WHEN 2 * q.rest > g.n OR "
         "(2 * q.rest = g.n AND mod(q.whole, 2) = 1) THEN 1 ELSE 0 END))::text, g.first, g.last")
      .add(keys);
  sql.add(
      " FROM grouped g CROSS JOIN LATERAL (SELECT div(abs(g.total) * 1000000000000000000, g.n) AS whole, "
      "mod(abs(g.total) * 1000000000000000000, g.n) AS rest) q ORDER BY g.w");
  for (std::size_t i = 0; i < query.group_by.size(); ++i) sql.add(", k" + std::to_string(i) + " NULLS FIRST");
  sql.add(", g.unit");
  if (query.limit) sql.add(" LIMIT ?", *query.limit);
  return sql;
}

}  // namespace

void query_statistics(Connection& connection, const QueryView& query, Answer& answer) {
  check_period(query.period_us);
  for (const std::string_view field : query.group_by) {
    if (!metadata_key(field)) column_of(field);
  }
  const Selection selection(connection, query);
  if (selection.empty()) return;
  const Sql sql = statement(query, selection);
  connection.each(sql.text(), sql.parameters(), [&](const Result& row) {
    const std::int64_t first = row.time(0, 7).us, last = row.time(0, 8).us;
    for (std::size_t i = 0; i < query.group_by.size(); ++i) {
      answer.text(query.group_by[i], row.optional_text(0, 9 + static_cast<int>(i)));
    }
    if (query.period_us == 0) {
      answer.time("period_start", query.start ? query.start->us : first);
      answer.time("period_end", query.end ? query.end->us : last);
    } else {
      const std::int64_t start = row.time(0, 0).us;
      answer.time("period_start", start).time("period_end", start + query.period_us);
    }
    answer.number("count", row.integer(0, 2)).number("sum", row.text(0, 3)).number("min", row.text(0, 4));
    answer.number("max", row.text(0, 5)).number("avg", row.text(0, 6)).text("unit", row.text(0, 1));
    const auto duration = Decimal::from_parts(false, static_cast<Uint128>(last - first), -6);
    answer.number("duration", duration.value_or(Decimal()).to_string());
    answer.time("duration_start", first).time("duration_end", last);
    return answer.send();
  });
}

}  // namespace tally::postgresql
