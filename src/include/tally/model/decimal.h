// Exact decimal numbers: what a volume is, from the JSON token to the answer of a query, never by way of a double.
// Not for general arithmetic: no division beyond an average, no functions; a result that does not fit is refused.
#ifndef TALLY_MODEL_DECIMAL_H
#define TALLY_MODEL_DECIMAL_H

#include <array>
#include <charconv>
#include <cmath>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace tally {

__extension__ typedef unsigned __int128 Uint128;

namespace decimal_detail {

// The magnitude of a number in 384 bits, least significant word first. 10^94 takes 313 of them, so 2^70 of the largest
// volumes at scale 18 can be added before the top is reached.
struct Wide {
  std::array<std::uint64_t, 6> words{};

  static constexpr Wide of(Uint128 value) {
    Wide wide;
    wide.words[0] = static_cast<std::uint64_t>(value);
    wide.words[1] = static_cast<std::uint64_t>(value >> 64);
    return wide;
  }
  constexpr bool zero() const {
    for (std::uint64_t word : words)
      if (word != 0) return false;
    return true;
  }
  // True when the product did not fit.
  constexpr bool multiply(std::uint64_t factor) {
    Uint128 carry = 0;
    for (std::uint64_t& word : words) {
      carry += static_cast<Uint128>(word) * factor;
      word = static_cast<std::uint64_t>(carry);
      carry >>= 64;
    }
    return carry != 0;
  }
  constexpr void scale(int powers_of_ten) {
    for (; powers_of_ten >= 19; powers_of_ten -= 19) multiply(10'000'000'000'000'000'000ULL);
    std::uint64_t factor = 1;
    for (; powers_of_ten > 0; --powers_of_ten) factor *= 10;
    multiply(factor);
  }
  // Divides in place and returns the remainder. REQUIRES: divisor != 0.
  constexpr std::uint64_t divide(std::uint64_t divisor) {
    Uint128 rest = 0;
    for (std::size_t i = words.size(); i-- > 0;) {
      rest = (rest << 64) | words[i];
      words[i] = static_cast<std::uint64_t>(rest / divisor);
      rest %= divisor;
    }
    return static_cast<std::uint64_t>(rest);
  }
  constexpr void add(const Wide& other) {
    Uint128 carry = 0;
    for (std::size_t i = 0; i < words.size(); ++i) {
      carry += static_cast<Uint128>(words[i]) + other.words[i];
      words[i] = static_cast<std::uint64_t>(carry);
      carry >>= 64;
    }
  }
  // REQUIRES: *this >= other.
  constexpr void subtract(const Wide& other) {
    std::uint64_t borrow = 0;
    for (std::size_t i = 0; i < words.size(); ++i) {
      const Uint128 take = static_cast<Uint128>(other.words[i]) + borrow;
      borrow = words[i] < take ? 1 : 0;
      words[i] = static_cast<std::uint64_t>(words[i] - take);
    }
  }
  friend constexpr std::strong_ordering operator<=>(const Wide& a, const Wide& b) {
    for (std::size_t i = a.words.size(); i-- > 0;)
      if (a.words[i] != b.words[i]) return a.words[i] <=> b.words[i];
    return std::strong_ordering::equal;
  }
  friend constexpr bool operator==(const Wide&, const Wide&) = default;

  // Digits without leading zeros; empty for zero.
  std::string digits() const {
    std::string text;
    for (Wide rest = *this; !rest.zero();) {
      std::uint64_t chunk = rest.divide(10'000'000'000'000'000'000ULL);
      for (int i = 0; i < 19 && (chunk != 0 || !rest.zero()); ++i, chunk /= 10)
        text.push_back(static_cast<char>('0' + chunk % 10));
    }
    return {text.rbegin(), text.rend()};
  }
};

// A magnitude with its sign; zero is never negative.
struct Signed {
  bool negative = false;
  Wide magnitude;

  constexpr void add(bool other_negative, const Wide& other) {
    if (negative == other_negative) {
      magnitude.add(other);
    } else if (magnitude >= other) {
      magnitude.subtract(other);
    } else {
      Wide larger = other;
      larger.subtract(magnitude);
      magnitude = larger;
      negative = other_negative;
    }
    if (magnitude.zero()) negative = false;
  }
};

// `digits` times 10^exponent in plain digits: no exponent, no trailing zeros after the point, "0" for zero.
inline std::string plain(bool negative, std::string digits, int exponent) {
  while (exponent < 0 && !digits.empty() && digits.back() == '0') digits.pop_back(), ++exponent;
  if (digits.empty()) return "0";
  if (exponent >= 0) {
    digits.append(static_cast<std::size_t>(exponent), '0');
  } else {
    const auto places = static_cast<std::size_t>(-exponent);
    if (digits.size() <= places) digits.insert(0, places + 1 - digits.size(), '0');
    digits.insert(digits.size() - places, 1, '.');
  }
  return negative ? "-" + digits : digits;
}

}  // namespace decimal_detail

// A number c * 10^e with at most 38 significant digits and -18 <= e <= 38, kept without trailing zeros, so that equal
// values are equal members. A plain value: copy it, compare it, any thread.
class Decimal {
 public:
  static constexpr int kMaxDigits = 38;
  static constexpr int kMinExponent = -18;
  static constexpr int kMaxExponent = 38;

  constexpr Decimal() = default;

  template <std::integral Integer>
  requires(!std::same_as<Integer, bool> &&
           sizeof(Integer) <=
               8) constexpr Decimal(Integer value) {  // NOLINT(google-explicit-constructor): every integer is a decimal
    negative_ = value < 0;
    const auto wide = static_cast<std::uint64_t>(value);
    coefficient_ = negative_ ? static_cast<std::uint64_t>(0 - wide) : wide;
    normalise();
  }

  // Reads a number as JSON writes one ("12", "-0.5", "1e3"). None for anything else and for what does not fit; `why`
  // then says which.
  static std::optional<Decimal> parse(std::string_view text) { return parse(text, nullptr); }
  static std::optional<Decimal> parse(std::string_view text, std::string* why) {
    const char* reason = nullptr;
    const std::optional<Decimal> value = read(text, reason);
    if (!value && why != nullptr) *why = reason;
    return value;
  }

  // The shortest decimal that reads back as the same double, rounded half-even to 18 places. Throws std::domain_error
  // for NaN and the infinities, std::overflow_error for what is too large for a volume.
  static Decimal from_double(double value) {
    if (!std::isfinite(value))
      throw std::domain_error(std::isnan(value) ? "a volume cannot be NaN" : "a volume cannot be infinite");
    std::array<char, 64> buffer{};
    std::to_chars(buffer.data(), buffer.data() + buffer.size() - 1, value, std::chars_format::scientific);
    // d.ddde[+-]xx: at most 17 digits, which a 64-bit integer holds.
    std::uint64_t digits = 0;
    int exponent = 0;
    bool point = false;
    for (const char* at = buffer.data(); *at != '\0'; ++at) {
      if (*at == '.') {
        point = true;
      } else if (*at == 'e') {
        exponent += std::atoi(at + 1);
        break;
      } else if (*at != '-') {
        digits = digits * 10 + static_cast<std::uint64_t>(*at - '0');
        exponent -= point ? 1 : 0;
      }
    }
    return fitting(rounded(std::signbit(value), digits, exponent));
  }

  // Canonical: plain digits, no exponent, no trailing zeros, "-0" is "0".
  std::string to_string() const {
    if (exponent_ >= 0 && coefficient_ >> 64 == 0) {
      std::array<char, 1 + 20 + kMaxExponent> text;
      char* at = text.data();
      if (negative_) *at++ = '-';
      at = std::to_chars(at, text.data() + text.size(), static_cast<std::uint64_t>(coefficient_)).ptr;
      for (int zeros = exponent_; zeros > 0; --zeros) *at++ = '0';
      return {text.data(), static_cast<std::size_t>(at - text.data())};
    }
    return decimal_detail::plain(negative_, decimal_detail::Wide::of(coefficient_).digits(), exponent_);
  }

  // The nearest double, for displays and for libraries that know nothing better.
  double to_double() const { return std::strtod(to_string().c_str(), nullptr); }

  constexpr bool negative() const { return negative_; }
  constexpr Uint128 coefficient() const { return coefficient_; }
  constexpr int exponent() const { return exponent_; }
  constexpr bool zero() const { return coefficient_ == 0; }

  friend constexpr bool operator==(const Decimal&, const Decimal&) = default;
  friend constexpr std::strong_ordering operator<=>(const Decimal& a, const Decimal& b) {
    if (a.negative_ != b.negative_) return a.negative_ ? std::strong_ordering::less : std::strong_ordering::greater;
    const std::strong_ordering order =
        a.exponent_ == b.exponent_ ? a.coefficient_ <=> b.coefficient_ : a.scaled() <=> b.scaled();
    return a.negative_ ? 0 <=> order : order;
  }

  constexpr Decimal operator-() const {
    Decimal result = *this;
    result.negative_ = !negative_ && coefficient_ != 0;
    return result;
  }

  // Exact, or none where the result does not fit.
  static constexpr std::optional<Decimal> add(const Decimal& a, const Decimal& b) {
    decimal_detail::Signed sum{a.negative_, a.scaled()};
    sum.add(b.negative_, b.scaled());
    return from_wide(sum.negative, sum.magnitude, kMinExponent);
  }
  static constexpr std::optional<Decimal> sub(const Decimal& a, const Decimal& b) { return add(a, -b); }
  static constexpr std::optional<Decimal> mul(const Decimal& a, const Decimal& b) {
    using decimal_detail::Wide;
    Wide low = Wide::of(a.coefficient_);
    low.multiply(static_cast<std::uint64_t>(b.coefficient_));
    Wide high = Wide::of(a.coefficient_);
    high.multiply(static_cast<std::uint64_t>(b.coefficient_ >> 64));
    for (std::size_t i = high.words.size() - 1; i > 0; --i) high.words[i] = high.words[i - 1];
    high.words[0] = 0;
    low.add(high);
    return from_wide(a.negative_ != b.negative_, low, a.exponent_ + b.exponent_);
  }

  // Exact arithmetic for measurements: std::overflow_error where the result has more than 38 significant digits, or an
  // exponent outside -18 to 38.
  friend constexpr Decimal operator+(const Decimal& a, const Decimal& b) { return fitting(add(a, b)); }
  friend constexpr Decimal operator-(const Decimal& a, const Decimal& b) { return fitting(sub(a, b)); }
  friend constexpr Decimal operator*(const Decimal& a, const Decimal& b) { return fitting(mul(a, b)); }
  constexpr Decimal& operator+=(const Decimal& other) { return *this = *this + other; }
  constexpr Decimal& operator-=(const Decimal& other) { return *this = *this - other; }
  constexpr Decimal& operator*=(const Decimal& other) { return *this = *this * other; }

  // c * 10^e, or none where it does not fit.
  static constexpr std::optional<Decimal> from_parts(bool negative, Uint128 coefficient, int exponent) {
    return from_wide(negative, decimal_detail::Wide::of(coefficient), exponent);
  }

 private:
  friend class DecimalSum;

  static constexpr Decimal fitting(const std::optional<Decimal>& value) {
    if (!value)
      throw std::overflow_error("the number does not fit a volume: 38 significant digits, exponent -18 to 38");
    return *value;
  }

  static constexpr Uint128 limit() {  // 10^38
    Uint128 value = 1;
    for (int i = 0; i < kMaxDigits; ++i) value *= 10;
    return value;
  }

  static constexpr std::optional<Decimal> from_wide(bool negative, decimal_detail::Wide magnitude, int exponent) {
    if (magnitude.zero()) return Decimal();
    for (decimal_detail::Wide tenth = magnitude; tenth.divide(10) == 0; ++exponent) magnitude = tenth;
    if (magnitude >= decimal_detail::Wide::of(limit())) return std::nullopt;
    if (exponent < kMinExponent || exponent > kMaxExponent) return std::nullopt;
    Decimal result;
    result.negative_ = negative;
    result.coefficient_ = static_cast<Uint128>(magnitude.words[1]) << 64 | magnitude.words[0];
    result.exponent_ = exponent;
    return result;
  }

  static std::optional<Decimal> rounded(bool negative, std::uint64_t digits, int exponent) {
    bool below = false;  // something was cut off below the last digit cut
    std::uint64_t last = 0;
    for (; exponent < kMinExponent && (digits != 0 || last != 0); ++exponent) {
      below = below || last != 0;
      last = digits % 10;
      digits /= 10;
    }
    if (last > 5 || (last == 5 && (below || digits % 2 == 1))) ++digits;
    return from_parts(negative, digits, digits == 0 ? 0 : exponent);
  }

  // A whole number of few digits, which most are; none for any other.
  static std::optional<Decimal> read_whole(std::string_view text) {
    const bool negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    if (text.empty() || text.size() > 18 || (text[0] == '0' && text.size() > 1)) return std::nullopt;
    std::uint64_t number = 0;
    for (const char c : text) {
      const auto digit = static_cast<unsigned>(c) - '0';
      if (digit > 9) return std::nullopt;
      number = number * 10 + digit;
    }
    Decimal value;
    if (number == 0) return value;
    for (; number % 10 == 0; number /= 10) ++value.exponent_;
    value.negative_ = negative;
    value.coefficient_ = number;
    return value;
  }

  // The significant digits of a JSON number and the place of their point.
  static std::optional<Decimal> read(std::string_view text, const char*& reason) {
    if (const std::optional<Decimal> whole = read_whole(text)) return whole;
    reason = "not a number";
    std::size_t at = 0;
    const auto digit = [&] { return at < text.size() && text[at] >= '0' && text[at] <= '9'; };
    Decimal value;
    int count = 0;                        // significant digits up to the last that is not zero
    std::int64_t pending = 0, power = 0;  // zeros not yet known to be significant; 10^power is worth the last digit
    const auto take = [&](int places) {
      const int next = text[at++] - '0';
      power -= places;
      if (next == 0) {
        pending += value.coefficient_ != 0 ? 1 : 0;
        return;
      }
      for (++pending; pending > 0 && count <= kMaxDigits; --pending, ++count)
        value.coefficient_ *= count < kMaxDigits ? 10 : 1;
      pending = 0;
      if (count <= kMaxDigits) value.coefficient_ += static_cast<unsigned>(next);
    };
    value.negative_ = at < text.size() && text[at] == '-';
    at += value.negative_ ? 1 : 0;
    if (!digit()) return std::nullopt;
    if (text[at] == '0') {
      if (++at; digit()) return std::nullopt;
    } else {
      while (digit()) take(0);
    }
    if (at < text.size() && text[at] == '.') {
      if (++at; !digit()) return std::nullopt;
      while (digit()) take(1);
    }
    if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
      ++at;
      const bool minus = at < text.size() && text[at] == '-';
      if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
      if (!digit()) return std::nullopt;
      std::int64_t exponent = 0;
      for (; digit(); ++at)
        if (exponent < 1'000'000'000) exponent = exponent * 10 + (text[at] - '0');
      power += minus ? -exponent : exponent;
    }
    if (at != text.size()) return std::nullopt;
    if (value.coefficient_ == 0) return Decimal();
    reason = "more than 38 significant digits";
    if (count > kMaxDigits) return std::nullopt;
    power += pending;
    reason = "smaller than 18 decimal places can hold";
    if (power < kMinExponent) return std::nullopt;
    reason = "exponent above 38";
    if (power > kMaxExponent) return std::nullopt;
    value.exponent_ = static_cast<int>(power);
    return value;
  }

  constexpr void normalise() {
    if (coefficient_ == 0) {
      negative_ = false;
      exponent_ = 0;
      return;
    }
    for (; coefficient_ % 10 == 0; ++exponent_) coefficient_ /= 10;
  }

  // The magnitude in units of 10^-18.
  constexpr decimal_detail::Wide scaled() const {
    decimal_detail::Wide wide = decimal_detail::Wide::of(coefficient_);
    if (coefficient_ != 0) wide.scale(exponent_ - kMinExponent);
    return wide;
  }

  bool negative_ = false;
  int exponent_ = 0;
  Uint128 coefficient_ = 0;
};

// An exact sum of decimals, whatever their number (up to 2^70 of the largest) and their order. A plain value.
class DecimalSum {
 public:
  constexpr void add(const Decimal& value) { total_.add(value.negative_, value.scaled()); }
  constexpr void add(const DecimalSum& other) { total_.add(other.total_.negative, other.total_.magnitude); }

  // All digits, canonical as Decimal's.
  std::string to_string() const {
    return decimal_detail::plain(total_.negative, total_.magnitude.digits(), Decimal::kMinExponent);
  }

  // The sum divided by `count`, rounded half-even to 18 places; "0" for a count of 0.
  std::string average(std::uint64_t count) const {
    if (count == 0) return "0";
    decimal_detail::Wide quotient = total_.magnitude;
    const std::uint64_t rest = quotient.divide(count);
    const bool odd = (quotient.words[0] & 1) != 0;
    const std::uint64_t to_next = count - rest;
    if (rest > to_next || (rest == to_next && odd)) quotient.add(decimal_detail::Wide::of(1));
    return decimal_detail::plain(total_.negative, quotient.digits(), Decimal::kMinExponent);
  }

  // The sum as a volume, or none where it does not fit one.
  constexpr std::optional<Decimal> to_decimal() const {
    return Decimal::from_wide(total_.negative, total_.magnitude, Decimal::kMinExponent);
  }

 private:
  decimal_detail::Signed total_;
};

}  // namespace tally

#endif
