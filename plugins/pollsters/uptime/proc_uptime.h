// Reads /proc/uptime as text.
// Not for the time that the processors were idle, which stands behind it.
#ifndef TALLY_PLUGINS_UPTIME_PROC_UPTIME_H
#define TALLY_PLUGINS_UPTIME_PROC_UPTIME_H

#include <tally/kit/files.h>

#include <optional>
#include <string_view>

namespace proc_uptime {

// Seconds since the start; none where the text does not begin with a number.
inline std::optional<tally::Decimal> read(std::string_view text) {
  const auto words = tally::words(text);
  return words.empty() ? std::nullopt : tally::Decimal::parse(words[0]);
}

}  // namespace proc_uptime

#endif
