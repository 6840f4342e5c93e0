// Which samples a query is about, as SQL.
// Not for what is made of them: see query.cc, listing.cc and statistics.cc.
#ifndef TALLY_POSTGRESQL_SELECTION_H
#define TALLY_POSTGRESQL_SELECTION_H

#include <tally/kit/answer.h>
#include <tally/sdk/storage.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "connection.h"

namespace tally::postgresql {

// A statement's text and what is bound to it, grown together: each `?` of a text added with a value becomes $1, $2 …
class Sql {
 public:
  Sql() = default;
  explicit Sql(std::string text) : text_(std::move(text)) {}

  Sql& add(std::string_view text) {
    text_ += text;
    return *this;
  }
  template <class Value>
  Sql& add(std::string_view text, const Value& value) {
    parameters_.add(value);
    return append(text);
  }
  Sql& add_interval(std::string_view text, std::int64_t us) {
    parameters_.interval(us);
    return append(text);
  }

  const std::string& text() const { return text_; }
  const Parameters& parameters() const { return parameters_; }

 private:
  Sql& append(std::string_view text) {
    for (const char c : text) text_ += c == '?' ? "$" + std::to_string(parameters_.size()) : std::string(1, c);
    return *this;
  }

  std::string text_;
  Parameters parameters_;
};

// The conditions below name these tables by one letter: s series, m meter, r resource, x sample.

// " AND m.name …" for an exact name or one with `*`.
void add_meter(Sql& sql, std::string_view meter);

// The samples that a query is about; asks once which series those are. To be used in one snapshot.
class Selection {
 public:
  // Throws Error::permanent for a field that is not known.
  Selection(Connection& connection, const QueryView& query);

  bool empty() const { return empty_; }

  // " FROM sample x … WHERE …", with joins where the series are too many to name.
  void add_samples(Sql& sql) const { add_samples(sql, query_.start, query_.end); }
  // The same between other times.
  void add_samples(Sql& sql, std::optional<Time> start, std::optional<Time> end) const;

 private:
  const QueryView& query_;
  bool all_ = false;             // every series
  bool empty_ = false;           // none
  std::optional<Array> series_;  // these; else by conditions
};

// "metadata.flavor.name" -> "flavor.name"
std::optional<std::string_view> metadata_key(std::string_view field);

// Appends an SQL expression: the value at a key of the JSON object `column` as text, or null. A key with points is
// looked for as it is, then as a path. Throws Error::permanent where the key cannot be one.
void add_metadata_value(Sql& sql, std::string_view column, std::string_view key);

// The text of a sample's id, as SQL; nearly all are digits, which is quicker than a function's call.
inline constexpr const char* kIdText =
    "(CASE length(x.id) WHEN 16 THEN encode(x.id, 'hex') ELSE id_text(x.id) END) COLLATE \"C\"";
inline constexpr const char* kJoinTexts =
    " JOIN series s ON s.key = x.series JOIN meter m ON m.key = s.meter JOIN resource r ON r.key = s.resource ";

}  // namespace tally::postgresql

#endif
