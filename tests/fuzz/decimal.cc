// Decimals against the obvious: schoolbook arithmetic on strings of digits.
// Not for speed.
#include <tally/model/decimal.h>

#include <cmath>
#include <optional>
#include <stdexcept>
#include <string>

#include "fuzz.h"

namespace {

using tally::Decimal;
using tally::fuzz::require;

// A natural number, its last digit first, without zeros at its end.
using Digits = std::string;

Digits trimmed(Digits digits) {
  while (!digits.empty() && digits.back() == 0) digits.pop_back();
  return digits;
}
Digits magnitude(const Decimal& value, int power) {  // in units of 10^power
  Digits digits(static_cast<std::size_t>(value.exponent() - power), 0);
  for (tally::Uint128 rest = value.coefficient(); rest != 0; rest /= 10) digits.push_back(static_cast<char>(rest % 10));
  return trimmed(digits);
}
bool less(const Digits& a, const Digits& b) {
  if (a.size() != b.size()) return a.size() < b.size();
  return std::lexicographical_compare(a.rbegin(), a.rend(), b.rbegin(), b.rend());
}
Digits plus(const Digits& a, const Digits& b) {
  Digits sum;
  int carry = 0;
  for (std::size_t i = 0; i < a.size() || i < b.size() || carry != 0; ++i) {
    carry += (i < a.size() ? a[i] : 0) + (i < b.size() ? b[i] : 0);
    sum.push_back(static_cast<char>(carry % 10));
    carry /= 10;
  }
  return sum;
}
Digits minus(const Digits& a, const Digits& b) {  // a >= b
  Digits rest;
  int borrow = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    int digit = a[i] - (i < b.size() ? b[i] : 0) - borrow;
    borrow = digit < 0 ? 1 : 0;
    rest.push_back(static_cast<char>(digit + borrow * 10));
  }
  return trimmed(rest);
}
Digits times(const Digits& a, const Digits& b) {
  Digits product;
  for (std::size_t i = 0; i < b.size(); ++i) {
    Digits row(i, 0);
    int carry = 0;
    for (std::size_t j = 0; j < a.size() || carry != 0; ++j) {
      carry += (j < a.size() ? a[j] : 0) * b[i];
      row.push_back(static_cast<char>(carry % 10));
      carry /= 10;
    }
    product = plus(product, row);
  }
  return trimmed(product);
}

// digits * 10^power as a JSON number.
std::string written(bool negative, const Digits& digits, int power) {
  std::string text = negative ? "-" : "";
  for (std::size_t i = digits.size(); i-- > 0;) text.push_back(static_cast<char>('0' + digits[i]));
  return digits.empty() ? "0" : text + "e" + std::to_string(power);
}

constexpr int kUnit = Decimal::kMinExponent;

std::string obvious_sum(const Decimal& a, const Decimal& b) {
  const Digits x = magnitude(a, kUnit), y = magnitude(b, kUnit);
  if (a.negative() == b.negative()) return written(a.negative(), plus(x, y), kUnit);
  return less(x, y) ? written(b.negative(), minus(y, x), kUnit) : written(a.negative(), minus(x, y), kUnit);
}
std::string obvious_product(const Decimal& a, const Decimal& b) {
  return written(a.negative() != b.negative(), times(magnitude(a, a.exponent()), magnitude(b, b.exponent())),
                 a.exponent() + b.exponent());
}
int obvious_order(const Decimal& a, const Decimal& b) {
  const Digits x = magnitude(a, kUnit), y = magnitude(b, kUnit);
  if (a.negative() != b.negative()) return a.negative() ? -1 : 1;
  const int order = less(x, y) ? -1 : less(y, x) ? 1 : 0;
  return a.negative() ? -order : order;
}

std::optional<Decimal> from_double(double value) {
  try {
    return Decimal::from_double(value);
  } catch (const std::domain_error&) {
    require(!std::isfinite(value), "only NaN and the infinities are outside the domain");
  } catch (const std::overflow_error&) {
    require(std::abs(value) >= 1e38, "what is refused is too large");
  }
  return std::nullopt;
}

void one(const Decimal& value) {
  const std::string text = value.to_string();
  require(Decimal::parse(text) == value, "a number that is written reads the same");
  require(Decimal::parse(text)->to_string() == text, "there is one way to write a number");
  require(!value.zero() || !value.negative(), "zero is not negative");
  require(Decimal::from_parts(value.negative(), value.coefficient(), value.exponent()) == value, "parts make it again");
  require(-(-value) == value, "two signs are none");
  if (const auto near = from_double(value.to_double()); near && value.exponent() >= -15 && !value.zero())
    require(near->negative() == value.negative() || near->zero(), "a double keeps the sign");
}

void two(const Decimal& a, const Decimal& b) {
  require(Decimal::add(a, b) == Decimal::parse(obvious_sum(a, b)), "a sum is the sum");
  require(Decimal::sub(a, b) == Decimal::parse(obvious_sum(a, -b)), "a difference is the difference");
  require(Decimal::mul(a, b) == Decimal::parse(obvious_product(a, b)), "a product is the product");
  const int order = a < b ? -1 : b < a ? 1 : 0;
  require(order == obvious_order(a, b) && (order == 0) == (a == b), "order is order");
}

void sums(const Decimal& a, const Decimal& b, unsigned times_added) {
  tally::DecimalSum sum;
  for (unsigned i = 0; i < times_added; ++i) sum.add(i % 2 == 0 ? a : b);
  if (times_added == 2) require(sum.to_decimal() == Decimal::add(a, b), "a sum of two is their sum");
  if (const auto total = sum.to_decimal()) require(total->to_string() == sum.to_string(), "a sum is written so");
  tally::DecimalSum same;
  for (unsigned i = 0; i < times_added; ++i) same.add(a);
  require(times_added == 0 || same.average(times_added) == a.to_string(), "the average of equals is that value");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tally::fuzz::Input input(data, size);
  const unsigned count = input.byte() % 32;
  double bits = 0;
  const std::uint64_t number = input.number(8);
  static_assert(sizeof bits == sizeof number);
  __builtin_memcpy(&bits, &number, sizeof bits);
  if (const auto value = from_double(bits)) one(*value);
  std::string why;
  const auto a = Decimal::parse(input.line(), &why);
  require(a.has_value() == why.empty(), "a number is read, or there is a reason");
  const auto b = Decimal::parse(input.rest());
  if (a) one(*a);
  if (!a || !b) return 0;
  two(*a, *b);
  sums(*a, *b, count);
  return 0;
}
