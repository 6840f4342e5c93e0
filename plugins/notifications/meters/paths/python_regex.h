// Turns a regular expression of Python's into one that means the same to PCRE2.
// Not for compiling it: matcher.h.
#ifndef TALLY_METERS_PATHS_PYTHON_REGEX_H
#define TALLY_METERS_PATHS_PYTHON_REGEX_H

#include <optional>
#include <string>
#include <string_view>

namespace meters {

struct Translated {
  std::string pattern;
  bool ascii = false;  // (?a): classes like \w hold for ASCII alone
};

// None with the reason in `why` where Python has no such construct: what only PCRE2 knows is refused.
std::optional<Translated> translate_python_regex(std::string_view python, std::string& why);

}  // namespace meters

#endif
