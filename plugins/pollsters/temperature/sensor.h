// Reads what a sensor's files hold, as text.
// Not for finding the sensors.
#ifndef TALLY_PLUGINS_TEMPERATURE_SENSOR_H
#define TALLY_PLUGINS_TEMPERATURE_SENSOR_H

#include <tally/kit/files.h>

#include <optional>
#include <string_view>

namespace sensor {

inline std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

// Degrees Celsius, of which the kernel writes thousandths; none where the first line is not a whole number.
inline std::optional<tally::Decimal> celsius(std::string_view text) {
  std::string_view digits = first_line(text);
  const bool below = digits.starts_with('-');
  if (below) digits.remove_prefix(1);
  const auto count = tally::to_count(digits);
  const auto degrees = count ? tally::Decimal::mul(*count, *tally::Decimal::from_parts(false, 1, -3)) : std::nullopt;
  return degrees && below ? -*degrees : degrees;
}

// Whether nothing can be so cold.
inline bool below_absolute_zero(const tally::Decimal& degrees) {
  return degrees < *tally::Decimal::from_parts(true, 27315, -2);
}

// "temp1" of "temp1_input"; empty for a file of another kind.
inline std::string_view name_of(std::string_view file) {
  constexpr std::string_view kEnd = "_input";
  return file.starts_with("temp") && file.ends_with(kEnd) ? file.substr(0, file.size() - kEnd.size())
                                                          : std::string_view();
}

}  // namespace sensor

#endif
