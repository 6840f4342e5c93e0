// Which samples a query is about, as SQL; and the texts behind the numbers that samples carry.
// Not for what is made of them: see query.cc and statistics.cc.
#include "selection.h"

namespace tally::sqlite {

namespace {

constexpr std::size_t kMostTexts = 10'000;

std::optional<std::string> copy(const std::optional<std::string_view>& text) {
  return text ? std::optional<std::string>(*text) : std::nullopt;
}

// Only `*` is special in a meter's pattern.
std::string glob_of(std::string_view pattern) {
  std::string glob;
  for (const char c : pattern) {
    if (c == '?' || c == '[') {
      glob += std::string("[") + c + "]";
    } else {
      glob += c;
    }
  }
  return glob;
}

void add_filter(Sql& sql, const FilterView& filter) {
  const std::string value(filter.value);
  if (filter.field == "resource_id") {
    sql.add(" AND r.resource_id=?", value);
  } else if (filter.field == "project_id") {
    sql.add(" AND r.project_id=?", value);
  } else if (filter.field == "user_id") {
    sql.add(" AND r.user_id=?", value);
  } else if (filter.field == "source") {
    sql.add(" AND r.source=?", value);
  } else if (filter.field == "unit") {
    sql.add(" AND m.unit=?", value);
  } else if (filter.field == "type") {
    sql.add(" AND CASE m.type WHEN 1 THEN 'gauge' WHEN 2 THEN 'delta' ELSE 'cumulative' END=?", value);
  } else if (!metadata_key(filter.field)) {
    throw Error::permanent("sqlite: cannot filter by \"" + std::string(filter.field) +
                           "\"; use resource_id, project_id, user_id, source, unit, type or metadata.KEY");
  }
}

}  // namespace

Statement Sql::prepare(Database& database) const {
  Statement statement = database.prepare(text_);
  for (const auto& value : values_) {
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      statement.add(*number);
    } else {
      statement.add(std::string_view(std::get<std::string>(value)));
    }
  }
  return statement;
}

void add_meter(Sql& sql, std::string_view meter) {
  if (meter.find('*') == std::string_view::npos) {
    sql.add(" AND m.name=?", std::string(meter));
  } else {
    sql.add(" AND m.name GLOB ?", glob_of(meter));
  }
}

Sql series_conditions(const QueryView& query) {
  Sql sql;
  if (!query.meter.empty()) add_meter(sql, query.meter);
  for (const FilterView& filter : query.filters) add_filter(sql, filter);
  return sql;
}

Sql sample_conditions(const QueryView& query) {
  Sql sql;
  if (query.start) sql.add(" AND x.timestamp>=?", query.start->us);
  if (query.end) sql.add(" AND x.timestamp<?", query.end->us);
  if (query.as_of) sql.add(" AND x.batch<=?", *query.as_of);
  for (const FilterView& filter : query.filters) {
    // Decided once for each distinct metadata, not for each sample.
    if (const auto key = metadata_key(filter.field)) {
      sql.add(" AND x.metadata IN (SELECT key FROM metadata WHERE " + metadata_value("text", *key) + "=?)",
              std::string(filter.value));
    }
  }
  return sql;
}

std::optional<std::string_view> metadata_key(std::string_view field) {
  constexpr std::string_view kPrefix = "metadata.";
  if (!field.starts_with(kPrefix) || field.size() == kPrefix.size()) return std::nullopt;
  return field.substr(kPrefix.size());
}

std::string metadata_value(std::string_view column, std::string_view key) {
  std::string whole;  // of the key as it is
  std::string steps;  // of the key as a path
  for (const char c : key) {
    if (c == '"' || static_cast<unsigned char>(c) < 0x20) {
      throw Error::permanent("sqlite: metadata key \"" + std::string(key) + "\" has a quote or a control character");
    }
    whole += c == '\'' ? std::string("''") : std::string(1, c);
    steps += c == '.' ? std::string("\".\"") : c == '\'' ? std::string("''") : std::string(1, c);
  }
  const std::string json(column);
  const auto value_at = [&json](const std::string& path) {
    const std::string at = json + ", '$.\"" + path + "\"'";
    return "CASE json_type(" + at + ") WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' WHEN 'null' THEN NULL " +
           "WHEN 'text' THEN json_extract(" + at + ") ELSE " + json + " -> '$.\"" + path + "\"' END";
  };
  const bool path = whole != steps;
  const std::string value = path ? "coalesce(" + value_at(whole) + ", " + value_at(steps) + ")" : value_at(whole);
  return "CASE WHEN json_valid(" + json + ") THEN " + value + " END";
}

Texts::Texts(Database& database)
    : find_series_(database.prepare("SELECT m.name, m.type, m.unit, r.resource_id, r.project_id, r.project_name, "
                                    "r.user_id, r.user_name, r.source FROM series s JOIN meter m ON m.key = s.meter "
                                    "JOIN resource r ON r.key = s.resource WHERE s.key=?")),
      find_metadata_(database.prepare("SELECT text FROM metadata WHERE key=?")) {}

const Series& Texts::series(std::int64_t key) {
  if (const auto known = series_.find(key); known != series_.end()) return known->second;
  if (series_.size() >= kMostTexts) series_.clear();
  Series& made = series_[key];
  const Statement& row = find_series_.reset().add(key);
  if (!find_series_.step()) return made;
  made.name = row.text(0);
  made.type = static_cast<SampleType>(row.integer(1));
  made.unit = row.text(2);
  made.resource_id = row.text(3);
  made.project_id = copy(row.optional_text(4));
  made.project_name = copy(row.optional_text(5));
  made.user_id = copy(row.optional_text(6));
  made.user_name = copy(row.optional_text(7));
  made.source = row.text(8);
  return made;
}

const std::string& Texts::metadata(std::int64_t key) {
  static const std::string kNone = "{}";
  if (key == 0) return kNone;
  if (const auto known = metadata_.find(key); known != metadata_.end()) return known->second;
  if (metadata_.size() >= kMostTexts) metadata_.clear();
  std::string& made = metadata_[key];
  find_metadata_.reset().add(key);
  made = find_metadata_.step() ? std::string(find_metadata_.text(0)) : kNone;
  return made;
}

}  // namespace tally::sqlite
