// Patterns with `*`: the matcher and the dispatcher's index agree with the obvious way.
// Not for the regular expressions of definitions.

#include <tally/kit/glob.h>

#include <string>
#include <vector>

#include "fuzz.h"
#include "plugin/managers/dispatcher.h"

namespace {

// Character by character of the pattern: after how many of the text's it may be, all ways at once.
bool obvious(std::string_view pattern, std::string_view text) {
  std::vector<bool> here(text.size() + 1, false);
  here[0] = true;
  for (const char wanted : pattern) {
    std::vector<bool> next(text.size() + 1, false);
    for (std::size_t i = 0; i <= text.size(); ++i) {
      if (wanted == '*') {
        next[i] = here[i] || (i > 0 && next[i - 1]);
      } else {
        next[i] = i > 0 && here[i - 1] && text[i - 1] == wanted;
      }
    }
    here = next;
  }
  return here.back();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using tally::fuzz::require;
  tally::fuzz::Input input(data, size);
  const std::string_view text = input.line().substr(0, 24);
  tally::plugin::PatternIndex index;
  std::vector<std::uint32_t> expected, found;
  for (std::uint32_t number = 0; !input.empty() && number < 16; ++number) {
    const std::string_view pattern = input.line().substr(0, 12);
    const bool matches = tally::glob_match(pattern, text);
    require(matches == obvious(pattern, text), "a pattern matches what it should");
    index.add(pattern, number);
    if (matches) expected.push_back(number);
  }
  index.match(text, found);
  require(found == expected, "the index finds all that match, once, in order");
  return 0;
}
