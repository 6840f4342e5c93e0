// Regular expressions as Python writes them, matched with bounded work.
// Not for what is a pattern of event types: event_pattern.h.
#ifndef TALLY_METERS_PATHS_REGEX_H
#define TALLY_METERS_PATHS_REGEX_H

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct pcre2_real_code_8;
struct pcre2_real_match_data_8;

namespace meters {

// A plain value: copies share what was compiled. One thread at a time.
//
// Matching stops at kMatchLimit steps of the engine and throws tally::Error::permanent that names the expression: a
// message cannot keep it busy.
class Regex {
 public:
  static constexpr std::uint32_t kMatchLimit = 100'000;

  // None with the reason and its column in `why`.
  static std::optional<Regex> compile(std::string_view python, std::string& why);

  // Whether `text` begins with a match.
  bool matches_start(std::string_view text) const;
  // `text` with every match replaced. The replacement was checked by valid_replacement.
  std::string substitute(std::string_view text, std::string_view replacement) const;
  // Whether \1, \g<1>, \g<name> in it name groups that there are.
  bool valid_replacement(std::string_view replacement, std::string& why) const;

 private:
  bool search(std::string_view text, std::size_t from, std::uint32_t options) const;
  bool expand(std::string_view replacement, std::string_view text, std::string* out, std::string& why) const;
  int group(std::string_view name) const;

  std::string pattern_;
  std::shared_ptr<pcre2_real_code_8> code_;
  std::shared_ptr<pcre2_real_match_data_8> match_;
};

}  // namespace meters

#endif
