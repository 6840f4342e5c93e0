#include "definition.h"

#include <tally/sdk/error.h>

namespace meters {

using tally::Json;

namespace {

// An event type longer than this matches nothing: std::regex goes down once a character.
constexpr std::size_t kLongest = 255;

std::string as_text(std::string_view raw) {
  if (const auto value = Json::parse(raw))
    if (const auto text = value->text()) return std::string(*text);
  return std::string(raw);
}

std::string regex_of_glob(const std::string& glob) {
  std::string regex;
  for (char c : glob) {
    if (c == '*') {
      regex += ".*";
    } else {
      if (std::string_view("\\^$.|?+()[]{}").find(c) != std::string_view::npos) regex += '\\';
      regex += c;
    }
  }
  return regex + "$";
}

// Characters that every match begins with.
std::string literal_prefix(std::string_view regex) {
  int depth = 0;
  for (char c : regex) {
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (c == '|' && depth == 0) return "";
  }
  std::string prefix;
  for (std::size_t i = regex.starts_with('^') ? 1 : 0; i < regex.size(); ++i) {
    char c = regex[i];
    if (c == '\\' && i + 1 < regex.size() && std::ispunct(static_cast<unsigned char>(regex[i + 1]))) {
      c = regex[++i];
    } else if (std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos) {
      // What stands before these may be missing from a match.
      if ((c == '?' || c == '*' || c == '{') && !prefix.empty()) prefix.pop_back();
      break;
    }
    prefix += c;
  }
  return prefix;
}

// What a sample gets that asks for no metadata of its own: the whole payload, the event type and the publisher.
std::string whole_payload(const Json& message) {
  tally::JsonObject out;
  const Json* payload = message.at("payload");
  if (payload != nullptr && payload->is_object())
    for (const Json& member : payload->items())
      if (member.key() != "event_type" && member.key() != "host") out.set(member.key(), member);
  out.set("event_type", *message.at("event_type")).set("host", *message.at("publisher_id"));
  return out.str();
}

}  // namespace

std::optional<std::string_view> Field::raw(const Json& message) const {
  if (paths.empty()) return constant.empty() ? std::nullopt : std::optional<std::string_view>(constant);
  std::vector<const Json*> found;
  for (const Path& path : paths) path.match(message, found);
  for (const Json* value : found)
    if (!value->is_null()) return value->raw();
  return std::nullopt;
}

std::optional<std::string> Field::text(const Json& message) const {
  const auto found = raw(message);
  return found ? std::optional(as_text(*found)) : std::nullopt;
}

std::optional<EventPattern> EventPattern::parse(const std::string& text, std::string& why) {
  EventPattern pattern;
  try {
    pattern.regex_.assign(text, std::regex::ECMAScript | std::regex::optimize);
    pattern.claim_ = literal_prefix(text) + "*";
    return pattern;
  } catch (const std::regex_error&) {
  }
  try {
    pattern.regex_.assign(regex_of_glob(text), std::regex::ECMAScript | std::regex::optimize);
    pattern.claim_ = text;
    return pattern;
  } catch (const std::regex_error& error) {
    why = "event_type \"" + text + "\" is neither a regular expression nor a glob: " + error.what();
    return std::nullopt;
  }
}

bool EventPattern::matches(const std::string& event_type) const {
  return event_type.size() <= kLongest && std::regex_search(event_type, regex_, std::regex_constants::match_continuous);
}

bool Definition::matches(const std::string& event_type) const {
  for (const EventPattern& pattern : event_types)
    if (pattern.matches(event_type)) return true;
  return false;
}

std::optional<tally::Sample> Definition::sample(const Json& message) const {
  const auto wrong = [&](const std::string& text) { return tally::Error::permanent(place + ": " + text); };
  const auto written = volume.text(message);
  if (!written) return std::nullopt;
  tally::Sample sample;
  std::string why;
  const auto number = tally::Decimal::parse(*written, &why);
  if (!number) throw wrong("volume \"" + written->substr(0, 80) + "\" of " + name_key + ": " + why);
  sample.volume = *number;
  sample.name = name.text(message).value_or("");
  if (sample.name.empty()) throw wrong("the message has no name for the meter " + name_key);
  const std::string kind = type.text(message).value_or("");
  if (kind == "gauge") {
    sample.type = tally::SampleType::gauge;
  } else if (kind == "delta") {
    sample.type = tally::SampleType::delta;
  } else if (kind == "cumulative") {
    sample.type = tally::SampleType::cumulative;
  } else {
    throw wrong("type \"" + kind + "\" of " + sample.name + " is neither gauge, delta nor cumulative");
  }
  sample.unit = unit.text(message).value_or("");
  sample.resource_id = resource_id.text(message).value_or("");
  if (sample.resource_id.empty()) throw wrong("the message has no resource_id for " + sample.name);
  sample.project_id = project_id.text(message);
  sample.user_id = user_id.text(message);
  if (const auto time = timestamp.text(message)) {
    sample.timestamp = tally::Time::parse(*time);
    if (!sample.timestamp) throw wrong("timestamp \"" + *time + "\" of " + sample.name + " is not an ISO 8601 time");
  }
  tally::JsonObject values;
  for (const auto& [key, field] : metadata)
    if (const auto value = field.raw(message)) values.raw(key, *value);
  sample.resource_metadata = values.empty() ? whole_payload(message) : values.str();
  return sample;
}

}  // namespace meters
