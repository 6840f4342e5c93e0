// Which samples a query is about, as SQL; and the texts behind the numbers that samples carry.
// Not for what is made of them: see query.cc and statistics.cc.
#ifndef TALLY_SQLITE_SELECTION_H
#define TALLY_SQLITE_SELECTION_H

#include <tally/sdk/storage.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "database.h"

namespace tally::sqlite {

// A statement's text and what is bound to it, grown together.
class Sql {
 public:
  Sql() = default;
  explicit Sql(std::string text) : text_(std::move(text)) {}

  Sql& add(std::string_view text) {
    text_ += text;
    return *this;
  }
  Sql& add(std::string_view text, std::variant<std::int64_t, std::string> value) {
    text_ += text;
    values_.push_back(std::move(value));
    return *this;
  }
  Sql& add(const Sql& other) {
    text_ += other.text_;
    values_.insert(values_.end(), other.values_.begin(), other.values_.end());
    return *this;
  }

  // Ready to step. This object must outlive it.
  Statement prepare(Database& database) const;

 private:
  std::string text_;
  std::vector<std::variant<std::int64_t, std::string>> values_;
};

// The conditions below name these tables by one letter: s series, m meter, r resource, x sample.

// " AND m.name …" for an exact name or one with `*`.
void add_meter(Sql& sql, std::string_view meter);
// The query's conditions on the series. Throws Error::permanent for a field that is not known.
Sql series_conditions(const QueryView& query);
// The query's conditions on the samples of a series: times, batch, metadata.
Sql sample_conditions(const QueryView& query);

// An SQL expression: the value at a key of the JSON object `column` as text, or null. A key with points is looked for
// as it is, then as a path. Throws Error::permanent where the key cannot be one.
std::string metadata_value(std::string_view column, std::string_view key);

// "metadata.flavor.name" -> "flavor.name"
std::optional<std::string_view> metadata_key(std::string_view field);

// An SQL expression for the text of x.id.
inline constexpr const char* kIdText = "CASE typeof(x.id) WHEN 'blob' THEN lower(hex(x.id)) ELSE x.id END";

// What a series stands for.
struct Series {
  std::string name;
  SampleType type = SampleType::gauge;
  std::string unit;
  std::string resource_id;
  std::optional<std::string> project_id;
  std::optional<std::string> project_name;
  std::optional<std::string> user_id;
  std::optional<std::string> user_name;
  std::string source;
};

// Looks numbers up, for the length of one query. The references are valid until the next call of the same function.
class Texts {
 public:
  explicit Texts(Database& database);

  const Series& series(std::int64_t key);
  const std::string& metadata(std::int64_t key);

 private:
  Statement find_series_;
  Statement find_metadata_;
  std::unordered_map<std::int64_t, Series> series_;
  std::unordered_map<std::int64_t, std::string> metadata_;
};

}  // namespace tally::sqlite

#endif
