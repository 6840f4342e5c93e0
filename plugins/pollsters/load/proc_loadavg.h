// Reads /proc/loadavg as text.
// Not for the counts of tasks behind the averages.
#ifndef TALLY_PLUGINS_LOAD_PROC_LOADAVG_H
#define TALLY_PLUGINS_LOAD_PROC_LOADAVG_H

#include <tally/kit/files.h>

#include <array>
#include <optional>
#include <string_view>

namespace proc_loadavg {

inline constexpr std::array<const char*, 3> kMeters = {"hardware.cpu.load.1min", "hardware.cpu.load.5min",
                                                       "hardware.cpu.load.15min"};

struct Average {
  std::string_view written;  // empty: nothing is
  std::optional<tally::Decimal> load;
};

inline std::array<Average, kMeters.size()> read(std::string_view text) {
  const auto words = tally::words(text);
  std::array<Average, kMeters.size()> averages;
  for (std::size_t i = 0; i < std::min(words.size(), averages.size()); ++i) {
    averages[i] = {words[i], tally::Decimal::parse(words[i])};
  }
  return averages;
}

}  // namespace proc_loadavg

#endif
