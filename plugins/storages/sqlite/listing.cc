// Lists meters and resources with how many samples they have, from when to when.
// Not for samples themselves: see query.cc.
#include <algorithm>
#include <functional>
#include <string>

#include "queries.h"
#include "selection.h"

namespace tally::sqlite {

namespace {

struct SeriesTotal {
  std::int64_t key = 0;
  std::int64_t samples = 0;
  std::int64_t first = 0;
  std::int64_t last = 0;
};

// Every series with samples that the query is about, in this order. False ends it.
void for_each_series(Database& database, const QueryView& query, std::string_view order,
                     const std::function<bool(const SeriesTotal&)>& each) {
  const Sql conditions = sample_conditions(query);
  const auto subquery = [&conditions](std::string_view what) {
    Sql sql;
    sql.add(", (SELECT ").add(what).add(" FROM sample x WHERE x.series = s.key").add(conditions).add(") AS total");
    return sql;
  };
  // Series by series, each a range of the primary key: nothing is sorted but the series.
  Sql sql("SELECT s.key");
  sql.add(subquery("count(*)")).add(subquery("min(x.timestamp)")).add(subquery("max(x.timestamp)"));
  sql.add(" FROM series s JOIN meter m ON m.key = s.meter JOIN resource r ON r.key = s.resource WHERE 1");
  sql.add(series_conditions(query)).add(" ORDER BY ").add(order);
  for (Statement row = sql.prepare(database); row.step();) {
    const SeriesTotal total{row.integer(0), row.integer(1), row.integer(2), row.integer(3)};
    if (total.samples > 0 && !each(total)) return;
  }
}

void widen(SeriesTotal& sum, const SeriesTotal& next) {
  sum.first = sum.samples == 0 ? next.first : std::min(sum.first, next.first);
  sum.last = sum.samples == 0 ? next.last : std::max(sum.last, next.last);
  sum.samples += next.samples;
}

// The metadata of the latest sample of any series shown to it: by time, then id.
class Latest {
 public:
  Latest(Database& database, const QueryView& query) : database_(database), conditions_(sample_conditions(query)) {}

  void clear() { any_ = false; }

  void see(const SeriesTotal& series) {
    if (any_ && series.last < timestamp_) return;
    Sql sql(std::string("SELECT ") + kIdText + " AS id_text, x.metadata FROM sample x WHERE x.series=");
    sql.add("?", series.key)
        .add(" AND x.timestamp=?", series.last)
        .add(conditions_)
        .add(" ORDER BY id_text DESC LIMIT 1");
    Statement row = sql.prepare(database_);
    if (!row.step()) return;
    if (any_ && series.last == timestamp_ && row.text(0) <= id_) return;
    any_ = true;
    timestamp_ = series.last;
    id_ = row.text(0);
    metadata_ = row.integer(1);
  }

  std::int64_t metadata() const { return metadata_; }

 private:
  Database& database_;
  Sql conditions_;
  bool any_ = false;
  std::int64_t timestamp_ = 0;
  std::string id_;
  std::int64_t metadata_ = 0;
};

}  // namespace

void query_meters(Database& database, const QueryView& query, Answer& answer) {
  Texts texts(database);
  SeriesTotal sum;
  Series meter;
  std::int64_t resources = 0;
  const auto send = [&] {
    if (sum.samples == 0) return true;
    answer.text("name", meter.name).text("type", to_string(meter.type)).text("unit", meter.unit);
    answer.number("resources", resources)
        .number("samples", sum.samples)
        .time("first", sum.first)
        .time("last", sum.last);
    return answer.send();
  };
  for_each_series(database, query, "m.name, m.type, m.unit, r.resource_id", [&](const SeriesTotal& total) {
    const Series& series = texts.series(total.key);
    const bool same =
        sum.samples > 0 && series.name == meter.name && series.type == meter.type && series.unit == meter.unit;
    if (!same) {
      if (!send()) return false;
      sum = {};
      resources = 0;
    }
    if (!same || series.resource_id != meter.resource_id) ++resources;
    meter = series;
    widen(sum, total);
    return true;
  });
  if (!answer.full()) send();
}

void query_resources(Database& database, const QueryView& query, Answer& answer) {
  Texts texts(database);
  Latest latest(database, query);
  SeriesTotal sum;
  Series resource;
  std::int64_t meters = 0;
  const auto send = [&] {
    if (sum.samples == 0) return true;
    answer.text("resource_id", resource.resource_id).text("project_id", resource.project_id);
    answer.text("user_id", resource.user_id).text("source", resource.source);
    answer.number("meters", meters).number("samples", sum.samples).time("first", sum.first).time("last", sum.last);
    answer.json("metadata", texts.metadata(latest.metadata()));
    return answer.send();
  };
  const auto each = [&](const SeriesTotal& total) {
    const Series& series = texts.series(total.key);
    const bool same = sum.samples > 0 && series.resource_id == resource.resource_id &&
                      series.project_id == resource.project_id && series.user_id == resource.user_id &&
                      series.source == resource.source;
    if (!same) {
      if (!send()) return false;
      sum = {};
      meters = 0;
      latest.clear();
    }
    if (!same || series.name != resource.name) ++meters;
    resource = series;
    widen(sum, total);
    latest.see(total);
    return true;
  };
  for_each_series(database, query, "r.resource_id, r.project_id, r.user_id, r.source, m.name", each);
  if (!answer.full()) send();
}

}  // namespace tally::sqlite
