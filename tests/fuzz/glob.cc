// Patterns with `*`: the matcher and the dispatcher's index agree with the obvious recursion.
// Not for the regular expressions of definitions.
#include "core/glob.h"

#include <string>
#include <vector>

#include "fuzz.h"
#include "plugin/dispatcher.h"

namespace {

bool obvious(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] != '*') return !text.empty() && pattern[0] == text[0] && obvious(pattern.substr(1), text.substr(1));
  for (std::size_t i = 0; i <= text.size(); ++i)
    if (obvious(pattern.substr(1), text.substr(i))) return true;
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using tally::fuzz::require;
  tally::fuzz::Input input(data, size);
  const std::string_view text = input.line().substr(0, 24);
  tally::host::PatternIndex index;
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
