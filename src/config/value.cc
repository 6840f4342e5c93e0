#include "config/value.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include <simdjson.h>
#include "absl/strings/ascii.h"
#include "base/json_quote.h"
#include "base/status.h"

namespace tally::config {
namespace {

using std::chrono::microseconds;

struct Unit {
  std::string_view name;
  std::uint64_t size;
};

constexpr std::array<Unit, 8> kDurationUnits = {{{"w", 604'800'000'000},
                                                 {"d", 86'400'000'000},
                                                 {"h", 3'600'000'000},
                                                 {"m", 60'000'000},
                                                 {"min", 60'000'000},
                                                 {"s", 1'000'000},
                                                 {"ms", 1'000},
                                                 {"us", 1}}};

constexpr std::uint64_t kKi = 1024;
constexpr std::array<Unit, 9> kByteUnits = {{{"", 1},
                                             {"k", 1'000},
                                             {"m", 1'000'000},
                                             {"g", 1'000'000'000},
                                             {"t", 1'000'000'000'000},
                                             {"ki", kKi},
                                             {"mi", kKi* kKi},
                                             {"gi", kKi* kKi* kKi},
                                             {"ti", kKi* kKi* kKi* kKi}}};

// A hundred thousand days: longer than anything meant, and far from overflow.
constexpr std::uint64_t kLongest = 100'000 * 86'400'000'000ULL;

constexpr std::size_t kMostPlaces = 12;  // after the point

__extension__ using Wide = unsigned __int128;

// Takes the digits of "12.5" off the front of `text`; empty where there are none.
std::string_view take_number(std::string_view& text) {
  std::size_t size = 0;
  while (size < text.size() && (absl::ascii_isdigit(text[size]) || text[size] == '.')) ++size;
  const std::string_view number = text.substr(0, size);
  text.remove_prefix(size);
  return number;
}

std::string_view take_word(std::string_view& text) {
  std::size_t size = 0;
  while (size < text.size() && absl::ascii_isalpha(text[size])) ++size;
  const std::string_view word = text.substr(0, size);
  text.remove_prefix(size);
  return word;
}

// number * size without a double: whole and fraction apart. Empty when it is not a number or too large.
std::optional<std::uint64_t> scaled(std::string_view number, std::uint64_t size, std::uint64_t most) {
  const std::size_t dot = number.find('.');
  const std::string_view whole = number.substr(0, dot);
  std::uint64_t value = 0;
  const auto [end, fault] = std::from_chars(whole.data(), whole.data() + whole.size(), value);
  if (fault != std::errc{} || end != whole.data() + whole.size() || value > most / size) return std::nullopt;
  value *= size;
  if (dot == std::string_view::npos) return value;
  const std::string_view fraction = number.substr(dot + 1);
  std::uint64_t figures = 0;
  std::uint64_t places = 1;
  if (fraction.empty() || fraction.size() > kMostPlaces) return std::nullopt;
  for (const char digit : fraction) {
    if (!absl::ascii_isdigit(digit)) return std::nullopt;
    figures = figures * 10 + static_cast<std::uint64_t>(digit - '0');
    places *= 10;
  }
  value += static_cast<std::uint64_t>(static_cast<Wide>(size) * figures / places);
  return value <= most ? std::optional(value) : std::nullopt;
}

absl::Status duration_fault(std::string_view text) {
  return permanent("\"" + std::string(text) +
                   "\" is not a duration: write a number with a unit (ms, s, m, h, d, w), as in 60s");
}

std::string quoted_list(std::span<const std::string> words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

}  // namespace

absl::StatusOr<microseconds> parse_duration(std::string_view text) {
  if (text == "0") return microseconds{0};
  if (text.empty()) return duration_fault(text);
  std::uint64_t total = 0;
  std::string_view left = text;
  while (!left.empty()) {
    const std::string_view number = take_number(left);
    const std::string_view word = take_word(left);
    if (!number.empty() && word.empty() && left.empty() && number.size() == text.size()) {
      return permanent("\"" + std::string(text) + "\" has no unit: write " + std::string(text) + "s for seconds");
    }
    const auto* unit =
        std::find_if(kDurationUnits.begin(), kDurationUnits.end(), [&](const Unit& u) { return u.name == word; });
    if (number.empty() || unit == kDurationUnits.end()) return duration_fault(text);
    const std::optional<std::uint64_t> part = scaled(number, unit->size, kLongest);
    if (!part) return duration_fault(text);
    total += *part;
    if (total > kLongest) return permanent("\"" + std::string(text) + "\" is longer than 100000d");
  }
  return microseconds{static_cast<std::int64_t>(total)};
}

std::string format_duration(microseconds duration) {
  const auto count = static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
  if (count == 0) return "0s";
  for (const Unit& unit : kDurationUnits) {
    // Weeks, and "min", are read but not written.
    if (unit.name == "w" || unit.name == "min") continue;
    // 90s rather than 1m30s; but a day and more in days only when whole.
    if (count % unit.size == 0) return std::to_string(count / unit.size) + std::string(unit.name);
  }
  return std::to_string(count) + "us";
}

absl::StatusOr<std::uint64_t> parse_bytes(std::string_view text) {
  std::string_view left = text;
  const std::string_view number = take_number(left);
  while (!left.empty() && left.front() == ' ') left.remove_prefix(1);
  std::string word = absl::AsciiStrToLower(to_absl(left));
  if (!word.empty() && word.back() == 'b') word.pop_back();
  const auto* unit = std::find_if(kByteUnits.begin(), kByteUnits.end(), [&](const Unit& u) { return u.name == word; });
  if (!number.empty() && unit != kByteUnits.end()) {
    const auto value = scaled(number, unit->size, std::numeric_limits<std::int64_t>::max());
    if (value) return *value;
  }
  return permanent("\"" + std::string(text) + "\" is not a number of bytes: write 4096, 64MiB or 1GB");
}

std::string format_bytes(std::uint64_t bytes) {
  if (bytes == 0) return "0";
  for (auto unit = kByteUnits.rbegin(); unit != kByteUnits.rend(); ++unit) {
    if (bytes % unit->size != 0) continue;
    std::string name(unit->name);
    if (!name.empty() && (name.size() > 1 || name[0] != 'k')) name[0] = absl::ascii_toupper(name[0]);
    return std::to_string(bytes / unit->size) + name + (name.empty() ? "" : "B");
  }
  return std::to_string(bytes);
}

absl::StatusOr<bool> parse_boolean(std::string_view text) {
  const std::string word = absl::AsciiStrToLower(to_absl(text));
  if (word == "true" || word == "yes" || word == "on") return true;
  if (word == "false" || word == "no" || word == "off") return false;
  return permanent("\"" + std::string(text) + "\" is not a boolean: write true or false");
}

absl::StatusOr<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || end != text.data() + text.size() || fault == std::errc::invalid_argument) {
    return permanent("\"" + std::string(text) + "\" is not a whole number");
  }
  if (fault != std::errc{}) return permanent("\"" + std::string(text) + "\" does not fit into 64 bits");
  return value;
}

namespace {

absl::StatusOr<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || end != text.data() + text.size() || fault != std::errc{} || !std::isfinite(value)) {
    return permanent("\"" + std::string(text) + "\" is not a number");
  }
  return value;
}

// "0.5" for half a second, without a double.
std::string seconds_text(microseconds duration) {
  const std::int64_t count = duration.count();
  std::string out = std::to_string(count / 1'000'000);
  if (count % 1'000'000 == 0) return out;
  std::string fraction = std::to_string(count % 1'000'000 + 1'000'000).substr(1);
  while (fraction.back() == '0') fraction.pop_back();
  return out + "." + fraction;
}

// What min, max and a value are compared by; canonical text beside it. Microseconds and counts are exact in long
// double.
struct Measured {
  long double value = 0;
  std::string canonical;
};

absl::StatusOr<Measured> measure(KeyType type, std::string_view text) {
  switch (type) {
    case KeyType::integer: {
      const auto value = parse_integer(text);
      if (!value.ok()) return value.status();
      return Measured{static_cast<long double>(*value), std::to_string(*value)};
    }
    case KeyType::number: {
      const auto value = parse_number(text);
      if (!value.ok()) return value.status();
      return Measured{*value, std::string(text)};
    }
    case KeyType::duration: {
      const auto value = parse_duration(text);
      if (!value.ok()) return value.status();
      return Measured{static_cast<long double>(value->count()), seconds_text(*value)};
    }
    case KeyType::bytes: {
      const auto value = parse_bytes(text);
      if (!value.ok()) return value.status();
      return Measured{static_cast<long double>(*value), std::to_string(*value)};
    }
    default:
      return permanent("not a quantity");
  }
}

absl::StatusOr<std::string> measured_value(const KeyDecl& decl, std::string_view text) {
  absl::StatusOr<Measured> value = measure(decl.type, text);
  if (!value.ok()) return value.status();
  for (const bool least : {true, false}) {
    const std::optional<std::string>& limit = least ? decl.min : decl.max;
    if (!limit) continue;
    const absl::StatusOr<Measured> bound = measure(decl.type, *limit);
    if (!bound.ok()) continue;  // the manifest's own fault, told where manifests are read
    if (least ? value->value < bound->value : value->value > bound->value) {
      return permanent(std::string(text) + " is " + (least ? "below the minimum of " : "above the maximum of ") +
                       *limit);
    }
  }
  return std::move(value)->canonical;
}

}  // namespace

absl::StatusOr<std::string> canonical_value(const KeyDecl& decl, std::string_view text) {
  std::string canonical;
  if (decl.type == KeyType::boolean) {
    const auto value = parse_boolean(text);
    if (!value.ok()) return value.status();
    canonical = *value ? "true" : "false";
  } else if (decl.type == KeyType::string || decl.type == KeyType::path || decl.type == KeyType::list) {
    canonical = text;
  } else {
    const auto value = measured_value(decl, text);
    if (!value.ok()) return value.status();
    canonical = *value;
  }
  const auto same = [&](const std::string& choice) { return choice == text || choice == canonical; };
  if (!decl.choices.empty() && std::none_of(decl.choices.begin(), decl.choices.end(), same)) {
    const std::vector<std::string_view> words(decl.choices.begin(), decl.choices.end());
    const std::string shown = decl.secret ? "the value" : "\"" + std::string(text) + "\"";
    return permanent(shown + " is none of " + quoted_list(decl.choices) +
                     (decl.secret ? "" : did_you_mean(text, words)));
  }
  return canonical;
}

std::string list_to_json(std::span<const std::string> items) {
  std::string out = "[";
  for (const std::string& item : items) {
    if (out.size() > 1) out += ", ";
    out += json_quote(item);
  }
  return out + "]";
}

std::optional<std::vector<std::string>> list_from_json(std::string_view text) {
  simdjson::dom::parser parser;
  simdjson::dom::array array;
  if (parser.parse(text.data(), text.size()).get_array().get(array) != simdjson::SUCCESS) return std::nullopt;
  std::vector<std::string> items;
  for (const simdjson::dom::element element : array) {
    std::string_view item;
    if (element.get_string().get(item) != simdjson::SUCCESS) return std::nullopt;
    items.emplace_back(item);
  }
  return items;
}

absl::StatusOr<std::optional<std::string>> canonical_default(const KeyDecl& decl) {
  if (!decl.fallback) return std::optional<std::string>();
  if (decl.type == KeyType::list) {
    const auto items = list_from_json(*decl.fallback);
    if (!items) return permanent("the default of " + decl.name + " is not JSON array of strings: " + *decl.fallback);
    return std::optional(list_to_json(*items));
  }
  const auto value = canonical_value(decl, *decl.fallback);
  if (!value.ok()) return value.status();
  return std::optional(*value);
}

}  // namespace tally::config
