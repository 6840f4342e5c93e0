// A pattern of event types, and how the definitions that take one are found among many.
// Not for expressions within paths: matcher.h.
#ifndef TALLY_METERS_DEFINITIONS_EVENT_PATTERN_H
#define TALLY_METERS_DEFINITIONS_EVENT_PATTERN_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "paths/regex.h"

namespace meters {

// A regular expression that must match from the first character on, not to the last; or where it is not a valid one, a
// text in which `*` stands for any run of characters.
class EventPattern {
 public:
  static std::optional<EventPattern> parse(const std::string& text, std::string& why);

  bool matches(std::string_view event_type) const;
  // What every match begins with, one for each alternative: characters, and kAny for any one.
  const std::vector<std::string>& beginnings() const { return beginnings_; }
  // What the host can index: the characters up to the first that is not certain, then `*`.
  std::vector<std::string> claims() const;
  // Event types that match, one at least for each alternative, as far as they are found by writing the expression out.
  std::vector<std::string> examples() const;
  // As it was written.
  const std::string& text() const { return text_; }

  static constexpr char kAny = '\0';

 private:
  std::string text_;
  std::vector<std::string> beginnings_;
  bool whole_ = false;  // the beginnings are all there is to match
  std::string glob_;
  std::optional<Regex> regex_;
};

// Numbers by event type. The cost grows with the event type and with the patterns that begin like it, not with the
// rest.
class EventIndex {
 public:
  void add(const EventPattern& pattern, std::uint32_t number);
  // Those whose pattern matches, in ascending order, each once.
  std::vector<std::uint32_t> match(std::string_view event_type) const;

 private:
  struct Entry {
    EventPattern pattern;
    std::uint32_t number;
  };
  std::vector<Entry> entries_;
  std::vector<std::vector<std::uint32_t>> nodes_ = std::vector<std::vector<std::uint32_t>>(1);  // -> entries
  std::unordered_map<std::uint64_t, std::uint32_t> edges_;  // node << 8 | character -> node
};

}  // namespace meters

#endif
