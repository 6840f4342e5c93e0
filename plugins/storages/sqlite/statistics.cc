// Counts, sums, extremes and averages of samples, by groups and windows of time, exact in decimals.
// Not for choosing the samples: see selection.h.
#include <map>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "queries.h"
#include "selection.h"

namespace tally::sqlite {

namespace {

__extension__ typedef __int128 Int128;

constexpr std::size_t kMostGroups = 1'000'000;

// Volumes that are 64-bit integers, nearly all, are summed as such; the others as decimals.
class Accumulator {
 public:
  void add(const Statement& row, int volume_column, std::int64_t timestamp) {
    first_ = count_ == 0 ? timestamp : std::min(first_, timestamp);
    last_ = count_ == 0 ? timestamp : std::max(last_, timestamp);
    ++count_;
    if (row.type(volume_column) == SQLITE_INTEGER) {
      const std::int64_t volume = row.integer(volume_column);
      low_ = std::min(low_, volume);
      high_ = std::max(high_, volume);
      ++integers_;
      whole_ += volume;
    } else if (const auto volume = Decimal::parse(row.text(volume_column))) {
      exact_.add(*volume);
      minimum_ = minimum_ ? std::min(*minimum_, *volume) : *volume;
      maximum_ = maximum_ ? std::max(*maximum_, *volume) : *volume;
    } else {
      throw Error::permanent("sqlite: a stored volume is not a decimal: \"" + std::string(row.text(volume_column)) +
                             "\"; `tally storage check` looks for damage");
    }
  }

  std::uint64_t count() const { return count_; }
  std::int64_t first() const { return first_; }
  std::int64_t last() const { return last_; }

  DecimalSum sum() const {
    DecimalSum sum = exact_;
    const bool negative = whole_ < 0;
    const auto magnitude = static_cast<Uint128>(negative ? -whole_ : whole_);
    // Below 2^63 * 2^60 rows, thus below 10^38: always a decimal.
    sum.add(Decimal::from_parts(negative, magnitude, 0).value());
    return sum;
  }

  Decimal minimum() const {
    if (!minimum_) return low_;
    return integers_ == 0 ? *minimum_ : std::min(*minimum_, Decimal(low_));
  }

  Decimal maximum() const {
    if (!maximum_) return high_;
    return integers_ == 0 ? *maximum_ : std::max(*maximum_, Decimal(high_));
  }

 private:
  std::uint64_t count_ = 0;
  std::uint64_t integers_ = 0;
  std::int64_t first_ = 0;
  std::int64_t last_ = 0;
  std::int64_t low_ = INT64_MAX;
  std::int64_t high_ = INT64_MIN;
  Int128 whole_ = 0;
  DecimalSum exact_;
  std::optional<Decimal> minimum_;
  std::optional<Decimal> maximum_;
};

// Windows first, so that an answer reads in order of time; the unit last: different units are never added up.
using Group = std::tuple<std::int64_t, std::vector<std::optional<std::string>>, std::string>;

// Finds the values of the group_by fields for a sample.
class Grouping {
 public:
  Grouping(Database& database, const QueryView& query) : database_(database), query_(query), texts_(database) {
    for (const std::string_view field : query.group_by) {
      if (const auto key = metadata_key(field)) {
        metadata_.emplace_back("SELECT " + metadata_value("text", *key) + " FROM metadata WHERE key=?");
      } else if (!value_of(Series(), field)) {
        throw Error::permanent("sqlite: cannot group by \"" + std::string(field) +
                               "\"; use resource_id, project_id, user_id, source, meter, type or metadata.KEY");
      }
    }
  }

  bool by_metadata() const { return !metadata_.empty(); }

  Group of(std::int64_t series_key, std::int64_t metadata, std::int64_t window) {
    const Series& series = texts_.series(series_key);
    std::vector<std::optional<std::string>> values;
    std::size_t next = 0;
    for (const std::string_view field : query_.group_by) {
      values.push_back(metadata_key(field) ? metadata_[next++].of(database_, metadata) : *value_of(series, field));
    }
    return {window, std::move(values), series.unit};
  }

 private:
  // One metadata key's value, by metadata number.
  class ByMetadata {
   public:
    explicit ByMetadata(std::string sql) : sql_(std::move(sql)) {}

    const std::optional<std::string>& of(Database& database, std::int64_t metadata) {
      const auto known = values_.find(metadata);
      if (known != values_.end()) return known->second;
      if (values_.size() >= kMostValues) values_.clear();
      std::optional<std::string>& value = values_[metadata];
      Statement row = database.prepare(sql_);
      if (row.add(metadata).step() && row.type(0) != SQLITE_NULL) value = row.text(0);
      return value;
    }

   private:
    static constexpr std::size_t kMostValues = 100'000;
    std::string sql_;
    std::unordered_map<std::int64_t, std::optional<std::string>> values_;
  };

  // Nothing where the field is not known; the inner one is empty where the series has no value.
  static std::optional<std::optional<std::string>> value_of(const Series& series, std::string_view field) {
    using Value = std::optional<std::string>;
    if (field == "resource_id") return Value(series.resource_id);
    if (field == "project_id") return series.project_id;
    if (field == "user_id") return series.user_id;
    if (field == "source") return Value(series.source);
    if (field == "meter") return Value(series.name);
    if (field == "type") return Value(to_string(series.type));
    return std::nullopt;
  }

  Database& database_;
  const QueryView& query_;
  Texts texts_;
  std::vector<ByMetadata> metadata_;
};

// Which window a time falls into, and where that begins; aligned to the query's start or to 1970.
class Windows {
 public:
  explicit Windows(const QueryView& query) : base_(query.start ? query.start->us : 0), period_(query.period_us) {
    if (period_ < 0) throw Error::permanent("sqlite: the period must be positive, or 0 for one window");
  }
  std::int64_t of(std::int64_t timestamp) const {
    if (period_ == 0) return 0;
    const Int128 distance = static_cast<Int128>(timestamp) - base_;
    Int128 window = distance / period_;
    if (distance % period_ < 0) --window;
    return static_cast<std::int64_t>(window);
  }
  std::int64_t start(std::int64_t window) const { return base_ + window * period_; }
  bool whole() const { return period_ == 0; }
  std::int64_t period() const { return period_; }

 private:
  std::int64_t base_;
  std::int64_t period_;
};

using Groups = std::map<Group, Accumulator>;

void collect(Database& database, const QueryView& query, const Windows& windows, Groups& groups) {
  Sql sql(
      "SELECT x.series, x.timestamp, x.volume, x.metadata FROM series s JOIN meter m ON m.key = s.meter "
      "JOIN resource r ON r.key = s.resource CROSS JOIN sample x ON x.series = s.key WHERE 1");
  sql.add(series_conditions(query)).add(sample_conditions(query));
  Grouping grouping(database, query);
  // A series' samples come one after the other, in order of time: nearly always the group of the one before.
  Accumulator* current = nullptr;
  std::int64_t series = 0;
  std::int64_t window = 0;
  std::int64_t metadata = 0;
  for (Statement row = sql.prepare(database); row.step();) {
    const std::int64_t timestamp = row.integer(1);
    const std::int64_t this_window = windows.of(timestamp);
    const std::int64_t this_metadata = grouping.by_metadata() ? row.integer(3) : 0;
    if (current == nullptr || row.integer(0) != series || this_window != window || this_metadata != metadata) {
      series = row.integer(0);
      window = this_window;
      metadata = this_metadata;
      current = &groups[grouping.of(series, metadata, window)];
      if (groups.size() > kMostGroups) {
        throw Error::permanent("sqlite: more than " + std::to_string(kMostGroups) +
                               " rows of statistics; ask for a longer period, fewer groups or a shorter time");
      }
    }
    current->add(row, 2, timestamp);
  }
}

}  // namespace

void query_statistics(Database& database, const QueryView& query, Answer& answer) {
  const Windows windows(query);
  Groups groups;
  collect(database, query, windows, groups);
  for (const auto& [group, values] : groups) {
    const auto& [window, keys, unit] = group;
    for (std::size_t i = 0; i < keys.size(); ++i) answer.text(query.group_by[i], keys[i]);
    if (windows.whole()) {
      answer.time("period_start", query.start ? query.start->us : values.first());
      answer.time("period_end", query.end ? query.end->us : values.last());
    } else {
      answer.time("period_start", windows.start(window)).time("period_end", windows.start(window) + windows.period());
    }
    const DecimalSum sum = values.sum();
    answer.number("count", static_cast<std::int64_t>(values.count())).number("sum", sum.to_string());
    answer.number("min", values.minimum().to_string()).number("max", values.maximum().to_string());
    answer.number("avg", sum.average(values.count())).text("unit", unit);
    const auto duration = Decimal::from_parts(false, static_cast<Uint128>(values.last() - values.first()), -6);
    answer.number("duration", duration.value_or(Decimal()).to_string());
    answer.time("duration_start", values.first()).time("duration_end", values.last());
    if (!answer.send()) return;
  }
}

}  // namespace tally::sqlite
