// Reads /proc/stat as text: what all processors together have spent in each state.
// Not for finding the file.
#ifndef TALLY_PLUGINS_CPU_PROC_STAT_H
#define TALLY_PLUGINS_CPU_PROC_STAT_H

#include <tally/kit/files.h>

#include <optional>
#include <string_view>
#include <vector>

namespace proc_stat {

// The columns of the line "cpu" after that word, in the kernel's order. Ancient kernels have fewer.
inline constexpr const char* kMeters[] = {"hardware.cpu.user",    "hardware.cpu.nice", "hardware.cpu.system",
                                          "hardware.cpu.idle",    "hardware.cpu.wait", "hardware.cpu.interrupt",
                                          "hardware.cpu.softirq", "hardware.cpu.steal"};

struct State {
  const char* meter;
  std::string_view written;
  std::optional<tally::Decimal> ns;  // none: what is written is not a count, or too large for a volume
};

struct Times {
  std::size_t processors = 0;
  std::vector<State> states;  // empty: there is no line "cpu"
};

inline Times read(std::string_view text, const tally::Decimal& tick_ns) {
  Times times;
  for (const std::string_view line : tally::lines(text)) {
    if (line.starts_with("cpu") && line.size() > 3 && line[3] >= '0' && line[3] <= '9') ++times.processors;
    const auto words = tally::words(line);
    if (!times.states.empty() || words.empty() || words[0] != "cpu") continue;
    for (std::size_t i = 0; i < std::size(kMeters) && i + 1 < words.size(); ++i) {
      const auto ticks = tally::to_count(words[i + 1]);
      times.states.push_back({kMeters[i], words[i + 1], ticks ? tally::Decimal::mul(*ticks, tick_ns) : std::nullopt});
    }
  }
  return times;
}

}  // namespace proc_stat

#endif
