// See event_pattern.h.
#include "definitions/event_pattern.h"

#include <tally/kit/glob.h>

#include <algorithm>
#include <cctype>

#include "definitions/regex_literals.h"

namespace meters {

namespace {

constexpr std::string_view kSpecial = "\\^$.|?*+()[]{}";

bool special(char c) { return kSpecial.find(c) != std::string_view::npos; }

// The alternatives at the top of an expression.
std::vector<std::string_view> alternatives(std::string_view regex) {
  std::vector<std::string_view> found;
  std::size_t begin = 0;
  int depth = 0;
  bool set = false;
  for (std::size_t i = 0; i < regex.size(); ++i) {
    const char c = regex[i];
    if (c == '\\') {
      ++i;
    } else if (set) {
      set = c != ']';
    } else if (c == '[') {
      set = true;
      if (i + 1 < regex.size() && regex[i + 1] == '^') ++i;
      if (i + 1 < regex.size() && regex[i + 1] == ']') ++i;
    } else if (c == '(' || c == ')') {
      depth += c == '(' ? 1 : -1;
    } else if (c == '|' && depth == 0) {
      found.push_back(regex.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  found.push_back(regex.substr(begin));
  return found;
}

// What every match of it begins with. `whole`: and there is nothing more to it.
std::string beginning(std::string_view regex, bool& whole) {
  std::string found;
  std::size_t i = regex.starts_with('^') ? 1 : 0;
  for (; i < regex.size(); ++i) {
    char c = regex[i];
    if (c == '.') {
      c = EventPattern::kAny;
    } else if (c == '\\' && i + 1 < regex.size() && std::ispunct(static_cast<unsigned char>(regex[i + 1])) != 0) {
      c = regex[++i];
    } else if (special(c)) {
      // What stands before these may be missing from a match.
      if ((c == '?' || c == '*' || c == '{') && !found.empty()) found.pop_back();
      break;
    }
    found += c;
  }
  const std::string_view rest = regex.substr(i);
  if (rest == "*" && regex.ends_with(".*")) return found;  // `.*` at the end asks for nothing
  whole = whole && rest.empty();
  return found;
}

bool begins(std::string_view text, std::string_view beginning) {
  if (text.size() < beginning.size()) return false;
  for (std::size_t i = 0; i < beginning.size(); ++i)
    if (beginning[i] == EventPattern::kAny ? text[i] == '\n' : beginning[i] != text[i]) return false;
  return true;
}

bool ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80 && c != 0; });
}

}  // namespace

std::optional<EventPattern> EventPattern::parse(const std::string& text, std::string& why) {
  EventPattern pattern;
  pattern.text_ = text;
  pattern.regex_ = Regex::compile(text, why);
  if (!pattern.regex_) {
    if (text.find('*') == std::string::npos || text.find_first_of("\\^$|?+()[]{}") != std::string::npos) {
      why = "event_type \"" + text + "\" is not a regular expression: " + why;
      return std::nullopt;
    }
    pattern.glob_ = text;
    pattern.beginnings_ = {text.substr(0, text.find('*'))};
    return pattern;
  }
  // Flags change what characters mean, and a dot is one character of several bytes.
  const bool simple = ascii(text) && text.find("(?") == std::string::npos;
  pattern.whole_ = simple;
  for (const std::string_view one : alternatives(text)) {
    std::string begin = beginning(one, pattern.whole_);
    if (!ascii(text) || text.starts_with("(?")) begin.clear();
    pattern.beginnings_.push_back(std::move(begin));
  }
  return pattern;
}

bool EventPattern::matches(std::string_view event_type) const {
  if (!glob_.empty()) return tally::glob_match(glob_, event_type);
  const bool plain = ascii(event_type);  // else a dot takes several bytes
  if (plain && std::none_of(beginnings_.begin(), beginnings_.end(),
                            [&](const std::string& begin) { return begins(event_type, begin); }))
    return false;
  return (whole_ && plain) || regex_->matches_start(event_type);
}

std::vector<std::string> EventPattern::claims() const {
  if (!glob_.empty()) return {glob_};
  std::vector<std::string> found;
  for (const std::string& begin : beginnings_) {
    const std::string certain = begin.substr(0, begin.find(kAny));
    found.push_back(certain.substr(0, certain.find('*')) + "*");
  }
  return found;
}

std::vector<std::string> EventPattern::examples() const {
  std::vector<std::string> found;
  std::vector<std::string> written = glob_.empty() ? written_out(text_) : std::vector<std::string>();
  if (!glob_.empty()) {
    written.push_back(glob_);
    std::erase(written.back(), '*');
  }
  for (std::string& one : written)
    if (!one.empty() && matches(one) && std::find(found.begin(), found.end(), one) == found.end())
      found.push_back(std::move(one));
  return found;
}

void EventIndex::add(const EventPattern& pattern, std::uint32_t number) {
  const auto entry = static_cast<std::uint32_t>(entries_.size());
  entries_.push_back({pattern, number});
  for (const std::string& begin : pattern.beginnings()) {
    std::uint32_t node = 0;
    for (const unsigned char c : begin) {
      const auto [edge, fresh] =
          edges_.try_emplace(std::uint64_t{node} << 8 | c, static_cast<std::uint32_t>(nodes_.size()));
      if (fresh) nodes_.emplace_back();
      node = edge->second;
    }
    nodes_[node].push_back(entry);
  }
}

std::vector<std::uint32_t> EventIndex::match(std::string_view event_type) const {
  std::vector<std::uint32_t> found, here = {0}, next;
  std::vector<std::uint32_t> tried;
  const bool plain = ascii(event_type);
  for (std::size_t i = 0;; ++i) {
    for (const std::uint32_t node : here) tried.insert(tried.end(), nodes_[node].begin(), nodes_[node].end());
    if (i == event_type.size() || here.empty()) break;
    next.clear();
    for (const std::uint32_t node : here) {
      const auto c = static_cast<unsigned char>(event_type[i]);
      if (const auto edge = edges_.find(std::uint64_t{node} << 8 | c); c != 0 && edge != edges_.end())
        next.push_back(edge->second);
      if (const auto any = edges_.find(std::uint64_t{node} << 8); any != edges_.end()) next.push_back(any->second);
    }
    here.swap(next);
  }
  if (!plain) {  // rare: a dot may have taken several bytes
    tried.clear();
    for (std::uint32_t i = 0; i < entries_.size(); ++i) tried.push_back(i);
  }
  std::sort(tried.begin(), tried.end());
  tried.erase(std::unique(tried.begin(), tried.end()), tried.end());
  for (const std::uint32_t entry : tried)
    if ((found.empty() || found.back() != entries_[entry].number) && entries_[entry].pattern.matches(event_type))
      found.push_back(entries_[entry].number);
  return found;
}

}  // namespace meters
