// Points in time: UTC, in microseconds, as samples and messages carry them.
// Not for measuring how long something took: that is CLOCK_MONOTONIC's.
#ifndef TALLY_MODEL_TIME_H
#define TALLY_MODEL_TIME_H

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace tally {

namespace time_detail {

// Reads fixed-width fields off the front of a text.
class Fields {
 public:
  explicit Fields(std::string_view text) : text_(text) {}
  bool done() const { return text_.empty(); }
  char peek() const { return text_.empty() ? '\0' : text_.front(); }
  bool skip(char wanted) {
    if (peek() != wanted) return false;
    text_.remove_prefix(1);
    return true;
  }
  // Exactly `width` digits.
  std::optional<int> number(std::size_t width) {
    if (text_.size() < width) return std::nullopt;
    int value = 0;
    for (char c : text_.substr(0, width)) {
      if (c < '0' || c > '9') return std::nullopt;
      value = value * 10 + (c - '0');
    }
    text_.remove_prefix(width);
    return value;
  }
  // One digit or more, as millionths; what is finer is cut off.
  std::optional<int> millionths() {
    int value = 0, digits = 0;
    for (; peek() >= '0' && peek() <= '9'; text_.remove_prefix(1), ++digits)
      if (digits < 6) value = value * 10 + (peek() - '0');
    if (digits == 0) return std::nullopt;
    for (; digits < 6; ++digits) value *= 10;
    return value;
  }

 private:
  std::string_view text_;
};

}  // namespace time_detail

// A plain value; microseconds since 1970-01-01T00:00:00 UTC, without leap seconds.
struct Time {
  std::int64_t us = 0;

  static constexpr std::int64_t kSecond = 1'000'000;
  static constexpr std::int64_t kDay = 86'400 * kSecond;

  friend constexpr bool operator==(Time, Time) = default;
  friend constexpr std::strong_ordering operator<=>(Time, Time) = default;

  static const Time kFirst;  // 0001-01-01
  static const Time kEnd;    // 10000-01-01, the first that cannot be written

  static Time now() {
    using namespace std::chrono;
    return {duration_cast<microseconds>(system_clock::now().time_since_epoch()).count()};
  }

  // Reads ISO 8601 ("2026-01-02T03:04:05.678901+02:00", "…Z", "2026-01-02T03:04", "2026-01-02") and the same with a
  // space between date and time. Without an offset it is UTC. None for anything else; years 0001 to 9999, in UTC too.
  static std::optional<Time> parse(std::string_view text) {
    if (const std::optional<Time> usual = parse_usual(text)) return usual;
    time_detail::Fields in(text);
    const std::optional<std::int64_t> day = parse_date(in);
    if (!day) return std::nullopt;
    if (in.done()) return Time{*day * kDay};
    if (!in.skip('T') && !in.skip(' ') && !in.skip('t')) return std::nullopt;
    const auto clock = parse_clock(in);
    if (!clock) return std::nullopt;
    const auto offset = parse_offset(in);
    if (!offset || !in.done()) return std::nullopt;
    const Time time{*day * kDay + *clock - *offset};
    if (time < kFirst || time >= kEnd) return std::nullopt;  // an offset or a leap second led out of the years
    return time;
  }

  // "2026-01-02T03:04:05.678901+00:00"; whole seconds have no fraction.
  std::string to_string() const {
    using namespace std::chrono;
    const sys_time<microseconds> point{microseconds{us}};
    const auto day = floor<days>(point);
    const year_month_day date{day};
    const hh_mm_ss clock{point - day};
    char text[64];
    int length = std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
                               static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                               static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                               static_cast<int>(clock.seconds().count()));
    std::string result(text, static_cast<std::size_t>(length));
    if (clock.subseconds().count() != 0) {
      length = std::snprintf(text, sizeof text, ".%06d", static_cast<int>(clock.subseconds().count()));
      result.append(text, static_cast<std::size_t>(length));
    }
    return result + "+00:00";
  }

 private:
  // "2026-01-02 03:04:05.678901", as services write it, and the same with a T; none for anything else.
  static std::optional<Time> parse_usual(std::string_view text) {
    using namespace std::chrono;
    static constexpr std::string_view kForm = "0000-00-00 00:00:00.000000";
    if (text.size() != kForm.size()) return std::nullopt;
    for (std::size_t i = 0; i < kForm.size(); ++i) {
      const bool good =
          kForm[i] == '0' ? text[i] >= '0' && text[i] <= '9' : text[i] == kForm[i] || (i == 10 && text[i] == 'T');
      if (!good) return std::nullopt;
    }
    const auto number = [&](std::size_t from, std::size_t width) {
      int value = 0;
      for (std::size_t i = from; i < from + width; ++i) value = value * 10 + (text[i] - '0');
      return value;
    };
    const int h = number(11, 2), m = number(14, 2), s = number(17, 2);
    const year_month_day date{year{number(0, 4)}, month{static_cast<unsigned>(number(5, 2))},
                              day{static_cast<unsigned>(number(8, 2))}};
    if (!date.ok() || static_cast<int>(date.year()) < 1 || h > 23 || m > 59 || s > 59) return std::nullopt;
    return Time{sys_days{date}.time_since_epoch().count() * kDay + (h * 3600LL + m * 60LL + s) * kSecond +
                number(20, 6)};
  }

  // Days since 1970.
  static std::optional<std::int64_t> parse_date(time_detail::Fields& in) {
    using namespace std::chrono;
    const auto y = in.number(4);
    if (!y || !in.skip('-')) return std::nullopt;
    const auto m = in.number(2);
    if (!m || !in.skip('-')) return std::nullopt;
    const auto d = in.number(2);
    if (!d || *y < 1) return std::nullopt;
    const year_month_day date{year{*y}, month{static_cast<unsigned>(*m)}, day{static_cast<unsigned>(*d)}};
    if (!date.ok()) return std::nullopt;
    return sys_days{date}.time_since_epoch().count();
  }

  // HH:MM[:SS[.fraction]] in microseconds; a leap second (:60) is the next minute's first.
  static std::optional<std::int64_t> parse_clock(time_detail::Fields& in) {
    const auto h = in.number(2);
    if (!h || *h > 23 || !in.skip(':')) return std::nullopt;
    const auto m = in.number(2);
    if (!m || *m > 59) return std::nullopt;
    std::int64_t result = (*h * 3600LL + *m * 60LL) * kSecond;
    if (!in.skip(':')) return result;
    const auto s = in.number(2);
    if (!s || *s > 60) return std::nullopt;
    result += *s * kSecond;
    if (!in.skip('.') && !in.skip(',')) return result;
    const auto fraction = in.millionths();
    if (!fraction) return std::nullopt;
    return result + *fraction;
  }

  // Nothing, Z, +HH, +HHMM or +HH:MM, in microseconds east of UTC.
  static std::optional<std::int64_t> parse_offset(time_detail::Fields& in) {
    if (in.done() || in.skip('Z') || in.skip('z')) return 0;
    const bool west = in.peek() == '-';
    if (!in.skip('-') && !in.skip('+')) return std::nullopt;
    const auto h = in.number(2);
    if (!h || *h > 23) return std::nullopt;
    std::optional<int> m = 0;
    if (in.skip(':') || !in.done()) m = in.number(2);
    if (!m || *m > 59) return std::nullopt;
    const std::int64_t offset = (*h * 3600LL + *m * 60LL) * kSecond;
    return west ? -offset : offset;
  }
};

inline constexpr Time Time::kFirst{-62'135'596'800'000'000};
inline constexpr Time Time::kEnd{253'402'300'800'000'000};

}  // namespace tally

#endif
