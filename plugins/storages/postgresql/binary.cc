// PostgreSQL's binary formats: what goes into COPY and parameters, and what comes out of results.
// Not for sending them: see connection.cc.
#include "binary.h"

#include <tally/kit/text.h>

#include <algorithm>
#include <cstring>
#include <limits>

namespace tally::postgresql {

namespace {

constexpr std::int64_t kEpoch_us = 946'684'800'000'000;  // 2000-01-01, in microseconds since 1970

constexpr std::array<std::int8_t, 256> hex_digits() {
  std::array<std::int8_t, 256> values{};
  for (std::int8_t& value : values) value = -1;
  for (int i = 0; i < 10; ++i) values[static_cast<std::size_t>('0' + i)] = static_cast<std::int8_t>(i);
  for (int i = 0; i < 6; ++i) values[static_cast<std::size_t>('a' + i)] = static_cast<std::int8_t>(10 + i);
  return values;
}
constexpr std::array<std::int8_t, 256> kHexDigits = hex_digits();

// Appends 16 bytes for 32 digits at the places that `dashes` leaves; false and nothing where there is another one.
// REQUIRES: 32 characters, or 36 with dashes.
bool put_hex(std::string& to, std::string_view text, bool dashes) {
  std::array<char, 16> bytes;
  std::size_t at = 0;
  for (char& byte : bytes) {
    if (dashes && (at == 8 || at == 13 || at == 18 || at == 23) && text[at++] != '-') return false;
    const int high = kHexDigits[static_cast<unsigned char>(text[at])];
    const int low = kHexDigits[static_cast<unsigned char>(text[at + 1])];
    if ((high | low) < 0) return false;
    byte = static_cast<char>(high << 4 | low);
    at += 2;
  }
  to.append(bytes.data(), bytes.size());
  return true;
}

// How many bytes at the front are a character that PostgreSQL takes: all but NUL. 0: it takes none of them.
std::size_t character(std::string_view text) { return text.starts_with('\0') ? 0 : text_detail::character(text); }

// How many bytes at the front are ASCII without NUL, eight at a time; the rest is looked at by character.
std::size_t plain_run(std::string_view text) {
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + i, 8);
    constexpr std::uint64_t kHigh = 0x8080808080808080ULL;
    if (((word | (word - 0x0101010101010101ULL)) & kHigh) != 0) break;
  }
  return i;
}

}  // namespace

std::int64_t get_integer(std::string_view bytes) {
  std::uint64_t value = !bytes.empty() && (bytes[0] & 0x80) != 0 ? ~std::uint64_t{0} : 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return static_cast<std::int64_t>(value);
}

double get_real(std::string_view bytes) { return std::bit_cast<double>(get_integer(bytes)); }

std::int64_t to_server(Time time) {
  std::int64_t us = 0;
  if (time.us == std::numeric_limits<std::int64_t>::max()) return time.us;
  if (__builtin_sub_overflow(time.us, kEpoch_us, &us)) return std::numeric_limits<std::int64_t>::min();
  // Beyond what a timestamptz holds: an infinity.
  if (us >= 9'223'371'331'200'000'000) return std::numeric_limits<std::int64_t>::max();
  if (us < -211'813'488'000'000'000) return std::numeric_limits<std::int64_t>::min();
  return us;
}

Time from_server(std::int64_t us) {
  if (us == std::numeric_limits<std::int64_t>::min()) return Time{us};
  std::int64_t shifted = 0;
  if (__builtin_add_overflow(us, kEpoch_us, &shifted)) return Time{std::numeric_limits<std::int64_t>::max()};
  return Time{shifted};
}

bool fits_server(Time time) { return time >= Time::kFirst && time < Time::kEnd; }

// Digits in base 10000, aligned at the point: `weight` is the place of the first, `dscale` counts decimals.
void put_numeric(std::string& to, std::string_view volume) {
  const bool negative = volume.starts_with('-');
  if (negative) volume.remove_prefix(1);
  const std::size_t point = std::min(volume.find('.'), volume.size());
  const std::string_view whole = volume.substr(0, point);
  const std::string_view part = point < volume.size() ? volume.substr(point + 1) : std::string_view();

  const auto groups = static_cast<std::ptrdiff_t>((whole.size() + 3) / 4);
  const auto parts = static_cast<std::ptrdiff_t>((part.size() + 3) / 4);
  const auto group = [&](std::ptrdiff_t index) {  // counted from the first of the whole part
    int value = 0;
    for (std::ptrdiff_t i = 0; i < 4; ++i) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(whole.size()) + (index - groups) * 4 + i;
      const std::ptrdiff_t after = at - static_cast<std::ptrdiff_t>(whole.size());
      const char digit = at < 0                                             ? '0'
                         : after < 0                                        ? whole[static_cast<std::size_t>(at)]
                         : after < static_cast<std::ptrdiff_t>(part.size()) ? part[static_cast<std::size_t>(after)]
                                                                            : '0';
      value = value * 10 + (digit - '0');
    }
    return static_cast<std::int16_t>(value);
  };
  std::ptrdiff_t first = 0;
  std::ptrdiff_t end = groups + parts;
  while (first < end && group(first) == 0) ++first;
  while (end > first && group(end - 1) == 0) --end;

  put(to, static_cast<std::int16_t>(end - first));
  put(to, static_cast<std::int16_t>(first == end ? 0 : groups - 1 - first));
  put(to, static_cast<std::int16_t>(negative && first != end ? 0x4000 : 0));
  put(to, static_cast<std::int16_t>(part.size()));
  for (std::ptrdiff_t i = first; i < end; ++i) put(to, group(i));
}

std::string id_bytes(std::string_view id) {
  std::string bytes;
  if (id.size() == 32 && put_hex(bytes, id, false)) return bytes;
  if (id.size() == 36) {
    bytes.push_back(1);
    if (put_hex(bytes, id, true)) return bytes;
    bytes.clear();
  }
  bytes.push_back(0);
  bytes += id;
  if (bytes.size() == 16) bytes.push_back(0);
  return bytes;
}

bool fits_text(std::string_view text) {
  for (text.remove_prefix(plain_run(text)); !text.empty();) {
    const std::size_t size = character(text);
    if (size == 0) return false;
    text.remove_prefix(size);
    if (size > 1) text.remove_prefix(plain_run(text));
  }
  return true;
}

std::string made_fit(std::string_view text) {
  std::string fit;
  while (!text.empty()) {
    const std::size_t size = character(text);
    fit += size == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(0, size);
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return fit;
}

std::uint32_t Array::type() const {
  switch (type_) {
    case Type::bytes:
      return 1001;
    case Type::bigint:
      return 1016;
    case Type::smallint:
      return 1005;
    case Type::integer:
      return 1007;
    case Type::text:
      return 1009;
    case Type::real:
      return 1022;
    case Type::time:
      return 1185;
    case Type::interval:
      return 1187;
    case Type::numeric:
      return 1231;
    case Type::uuid:
      return 2951;
  }
  return 0;
}

std::string Array::bytes() const {
  std::string bytes;
  bytes.reserve(elements_.size() + 20);
  put(bytes, std::int32_t{count_ == 0 ? 0 : 1});
  put(bytes, std::int32_t{any_null_ ? 1 : 0});
  put(bytes, static_cast<std::uint32_t>(type_));
  if (count_ == 0) return bytes;
  put(bytes, count_);
  put(bytes, std::int32_t{1});
  return bytes + elements_;
}

Parameters& Parameters::add(const std::optional<std::string_view>& text) {
  if (text) return add(*text);
  return put_value(Type::text, std::nullopt);
}

Parameters& Parameters::interval(std::int64_t us) {
  std::string bytes;
  put(bytes, us);
  put(bytes, std::int32_t{0});  // days
  put(bytes, std::int32_t{0});  // months
  return put_value(Type::interval, std::move(bytes));
}

}  // namespace tally::postgresql
