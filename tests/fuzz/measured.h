// What holds of everything that a pollster reads out of bytes: volumes that are volumes, identities that are texts.
// Not for what is particular to one pollster: that is in its target.
#ifndef TALLY_TESTS_FUZZ_MEASURED_H
#define TALLY_TESTS_FUZZ_MEASURED_H

#include <tally/kit/json.h>
#include <tally/kit/text.h>
#include <tally/model/decimal.h>

#include <optional>
#include <string>
#include <string_view>

#include "fuzz.h"

namespace tally::fuzz {

// `written` gave `volume`; it is the count times `factor`, digit for digit.
inline void require_count(std::string_view written, const std::optional<Decimal>& volume, std::uint64_t factor) {
  const bool digits = !written.empty() && written.find_first_not_of("0123456789") == std::string_view::npos;
  require(digits || !volume, "what is not a count gives no volume");
  if (!volume) return require(!digits || written.size() > 30, "a count gives a volume");
  require(!volume->negative(), "a count is not negative");
  const auto again = Decimal::parse(volume->to_string());
  require(again && *again == *volume, "a volume that is written reads the same");
  // By hand, digit by digit from the right.
  std::string product;
  std::uint64_t carry = 0;
  while (!written.empty() || carry != 0) {
    if (!written.empty()) {
      carry += static_cast<std::uint64_t>(written.back() - '0') * factor;
      written.remove_suffix(1);
    }
    product.insert(product.begin(), static_cast<char>('0' + carry % 10));
    carry /= 10;
  }
  product.erase(0, std::min(product.find_first_not_of('0'), product.size() - 1));
  require(product == volume->to_string(), "nothing wraps");
}

// A name from outside, in a resource and in metadata.
inline void require_name(std::string_view name) {
  const std::string identity = escape_identity(name);
  require(is_utf8(identity), "an identity is UTF-8");
  require(unescape_identity(identity) == name, "an identity is escaped without loss");
  const std::string metadata = JsonObject().set("name", name).str();
  require(is_utf8(metadata) && Json::parse(metadata).has_value(), "metadata is JSON");
}

}  // namespace tally::fuzz

#endif
