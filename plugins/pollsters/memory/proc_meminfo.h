// Reads /proc/meminfo as text.
// Not for /proc/meminfo of single NUMA nodes, whose lines begin with another word.
#ifndef TALLY_PLUGINS_MEMORY_PROC_MEMINFO_H
#define TALLY_PLUGINS_MEMORY_PROC_MEMINFO_H

#include <tally/kit/files.h>

#include <map>
#include <optional>
#include <string_view>

namespace proc_meminfo {

// By field; none: what is written is not a count, or too large for a volume.
using Fields = std::map<std::string_view, std::optional<tally::Decimal>>;

// Lines such as "MemTotal:  16314040 kB"; those of another form are not measured.
inline Fields read(std::string_view text) {
  Fields fields;
  for (const std::string_view line : tally::lines(text)) {
    const auto words = tally::words(line);
    if (words.size() != 3 || words[2] != "kB" || !words[0].ends_with(':')) continue;
    fields.emplace(words[0].substr(0, words[0].size() - 1), tally::to_count(words[1]));
  }
  return fields;
}

}  // namespace proc_meminfo

#endif
