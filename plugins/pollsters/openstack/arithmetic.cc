// Division and rounding of exact decimals, which expressions need beside what tally::Decimal has.
// Not for sums and products: those are Decimal's own.
#include <optional>
#include <string>

#include "syntax_tree.h"

namespace tally::openstack {
namespace {

using decimal_detail::Wide;

Decimal checked(const std::optional<Decimal>& result) {
  if (!result) throw NoValue("a result has too many digits");
  return *result;
}

// A magnitude in units of 10^-places, cut or rounded half-even.
Decimal at_places(const Decimal& value, int places, bool round) {
  if (-value.exponent() <= places) return value;
  Wide wide = Wide::of(value.coefficient());
  bool below = false;
  std::uint64_t last = 0;
  for (int e = value.exponent(); e < -places; ++e) {
    below = below || last != 0;
    last = wide.divide(10);
  }
  if (round && (last > 5 || (last == 5 && (below || wide.words[0] % 2 == 1)))) wide.add(Wide::of(1));
  const Uint128 kept = static_cast<Uint128>(wide.words[1]) << 64 | wide.words[0];
  return checked(Decimal::from_parts(value.negative(), kept, kept == 0 ? 0 : -places));
}

// The digits of a quotient, one after the other, as long division makes them.
class Quotient {
 public:
  Quotient(const Decimal& a, const Decimal& b)
      : digits_(Wide::of(a.coefficient()).digits()),
        divisor_(Wide::of(b.coefficient())),
        place_(a.exponent() - b.exponent() + static_cast<int>(digits_.size()) - 1) {}

  // The next digit is worth 10^place().
  int place() const { return place_; }
  bool ended() const { return rest_.zero() && digits_.find_first_not_of('0', at_) == std::string::npos; }
  unsigned next() {
    rest_.multiply(10);
    if (at_ < digits_.size()) rest_.add(Wide::of(static_cast<unsigned>(digits_[at_++] - '0')));
    unsigned digit = 0;
    for (; rest_ >= divisor_; ++digit) rest_.subtract(divisor_);
    --place_;
    return digit;
  }

 private:
  const std::string digits_;
  const Wide divisor_;
  int place_;
  std::size_t at_ = 0;
  Wide rest_{};
};

}  // namespace

Decimal divide(const Decimal& a, const Decimal& b) {
  if (a.zero()) return {};
  Quotient quotient(a, b);
  if (quotient.place() < Decimal::kMinExponent - 1) return {};
  Uint128 kept = 0;
  for (int significant = 0; quotient.place() >= Decimal::kMinExponent && significant < Decimal::kMaxDigits;) {
    kept = kept * 10 + quotient.next();
    significant += kept != 0 ? 1 : 0;
    if (quotient.ended()) break;
  }
  const int exponent = quotient.place() + 1;
  if (!quotient.ended()) {
    const unsigned digit = quotient.next();
    if (digit > 5 || (digit == 5 && (!quotient.ended() || kept % 2 == 1))) ++kept;
  }
  return checked(Decimal::from_parts(a.negative() != b.negative(), kept, kept == 0 ? 0 : exponent));
}

// The digits before the point alone, all of them: a quotient rounded first may round up to the next whole number.
Decimal floor_divide(const Decimal& a, const Decimal& b) {
  if (a.zero()) return {};
  Quotient quotient(a, b);
  Uint128 kept = 0;
  int digits = 0;
  while (quotient.place() >= 0 && !quotient.ended()) {
    kept = kept * 10 + quotient.next();
    digits += kept != 0 ? 1 : 0;
    if (digits > Decimal::kMaxDigits) throw NoValue("a result has too many digits");
  }
  const bool negative = a.negative() != b.negative();
  if (quotient.ended()) return checked(Decimal::from_parts(negative, kept, kept == 0 ? 0 : quotient.place() + 1));
  return checked(Decimal::from_parts(negative, negative ? kept + 1 : kept, 0));
}

Decimal truncate(const Decimal& value) { return at_places(value, 0, false); }

Decimal round_to(const Decimal& value, int places) { return at_places(value, places, true); }

}  // namespace tally::openstack
