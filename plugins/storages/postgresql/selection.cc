// Which samples a query is about, as SQL.
// Not for what is made of them: see query.cc, listing.cc and statistics.cc.
#include "selection.h"

namespace tally::postgresql {

namespace {

constexpr int kMostNamedSeries = 20'000;

std::int32_t type_of(std::string_view name) {
  for (const SampleType type : {SampleType::gauge, SampleType::delta, SampleType::cumulative}) {
    if (name == to_string(type)) return static_cast<std::int32_t>(type);
  }
  return 0;
}

// Only `*` is special in a meter's pattern.
std::string like_of(std::string_view pattern) {
  std::string like;
  for (const char c : pattern) {
    if (c == '%' || c == '_' || c == '\\') like += '\\';
    like += c == '*' ? '%' : c;
  }
  return like;
}

void add_filter(Sql& sql, const FilterView& filter) {
  const std::string value = made_fit(filter.value);
  if (filter.field == "resource_id") {
    sql.add(" AND left(r.resource_id, 200) = left(?::text, 200)", value).add(" AND r.resource_id=?", value);
  } else if (filter.field == "project_id") {
    sql.add(" AND left(r.project_id, 200) = left(?::text, 200)", value).add(" AND r.project_id=?", value);
  } else if (filter.field == "user_id") {
    sql.add(" AND r.user_id=?", value);
  } else if (filter.field == "source") {
    sql.add(" AND r.source=?", value);
  } else if (filter.field == "unit") {
    sql.add(" AND m.unit=?", value);
  } else if (filter.field == "type") {
    sql.add(" AND m.type=?", type_of(value));
  } else if (!metadata_key(filter.field)) {
    throw Error::permanent("postgresql: cannot filter by \"" + std::string(filter.field) +
                           "\"; use resource_id, project_id, user_id, source, unit, type or metadata.KEY");
  }
}

void add_series_conditions(Sql& sql, const QueryView& query) {
  if (!query.meter.empty()) add_meter(sql, query.meter);
  for (const FilterView& filter : query.filters) add_filter(sql, filter);
}

}  // namespace

void add_meter(Sql& sql, std::string_view meter) {
  if (meter.find('*') == std::string_view::npos) {
    sql.add(" AND m.name=?", made_fit(meter));
  } else {
    sql.add(" AND m.name LIKE ?", like_of(made_fit(meter)));
  }
}

Selection::Selection(Connection& connection, const QueryView& query) : query_(query) {
  Sql conditions;
  add_series_conditions(conditions, query);
  all_ = conditions.text().empty();
  if (all_) return;
  Sql sql(
      "SELECT s.key FROM series s JOIN meter m ON m.key = s.meter JOIN resource r ON r.key = s.resource WHERE true");
  add_series_conditions(sql, query);
  sql.add(" LIMIT " + std::to_string(kMostNamedSeries + 1));
  const Result found = connection.ask(sql.text(), sql.parameters());
  empty_ = found.rows() == 0;
  if (found.rows() > kMostNamedSeries) return;
  series_.emplace(Type::bigint);
  for (int i = 0; i < found.rows(); ++i) series_->add(found.integer(i, 0));
}

void Selection::add_samples(Sql& sql, std::optional<Time> start, std::optional<Time> end) const {
  sql.add(" FROM sample x ");
  if (!all_ && !series_) {
    sql.add(kJoinTexts).add("WHERE true");
    add_series_conditions(sql, query_);
  } else if (series_) {
    sql.add("WHERE x.series = ANY(?)", *series_);
  } else {
    sql.add("WHERE true");
  }
  if (start) sql.add(" AND x.timestamp>=?", *start);
  if (end) sql.add(" AND x.timestamp<?", *end);
  if (query_.as_of) {
    // A batch's number is its key, or a greater one.
    sql.add(" AND x.batch<=?", *query_.as_of);
    sql.add(" AND x.batch NOT IN (SELECT key FROM overtaken WHERE number > ?)", *query_.as_of);
  }
  for (const FilterView& filter : query_.filters) {
    // Decided once for each distinct metadata, not for each sample.
    if (const auto key = metadata_key(filter.field)) {
      sql.add(" AND x.metadata IN (SELECT key FROM metadata WHERE ");
      add_metadata_value(sql, "text", *key);
      sql.add(" = ?)", made_fit(filter.value));
    }
  }
}

std::optional<std::string_view> metadata_key(std::string_view field) {
  constexpr std::string_view kPrefix = "metadata.";
  if (!field.starts_with(kPrefix) || field.size() == kPrefix.size()) return std::nullopt;
  return field.substr(kPrefix.size());
}

void add_metadata_value(Sql& sql, std::string_view column, std::string_view key) {
  Array steps(Type::text);
  std::string step;
  for (const char c : key) {
    if (c == '"' || static_cast<unsigned char>(c) < 0x20) {
      throw Error::permanent("postgresql: metadata key \"" + std::string(key) +
                             "\" has a quote or a control character");
    }
    if (c == '.') {
      steps.add(made_fit(step));
      step.clear();
    } else {
      step += c;
    }
  }
  steps.add(made_fit(step));
  sql.add("metadata_value(").add(column).add(", ?", made_fit(key)).add(", ?)", steps);
}

}  // namespace tally::postgresql
