// Matches names against patterns in which `*` is any run of characters, the empty one too.
// Not for paths, and not for matching one name against thousands: the dispatcher has an index.
#ifndef TALLY_KIT_GLOB_H
#define TALLY_KIT_GLOB_H

#include <cstddef>
#include <string_view>

namespace tally {

// Linear in pattern times text at worst; no recursion.
constexpr bool glob_match(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace tally

#endif
