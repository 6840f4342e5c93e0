// Reads a command's lines.
// Not for more than one line at a time.
#include "output.h"

#include <tally/kit/files.h>
#include <tally/kit/json.h>
#include <tally/kit/text.h>

#include <algorithm>
#include <iterator>

namespace {

using tally::Json;
using tally::Sample;

std::optional<Sample> reject(std::string& why, std::string text) {
  why = std::move(text);
  return std::nullopt;
}

std::optional<Sample> read_words(std::string_view line, const std::string& host, std::string& why) {
  const auto words = tally::words(line);
  if (words.size() < 2 || words.size() > 3) return reject(why, "neither JSON nor \"name value [unit]\"");
  const auto volume = tally::Decimal::parse(words[1]);
  if (!volume) return reject(why, "\"" + tally::replace_invalid_utf8(words[1].substr(0, 40)) + "\" is not a number");
  Sample sample;
  sample.name = words[0];
  sample.volume = *volume;
  if (words.size() == 3) sample.unit = words[2];
  sample.resource_id = host;
  return sample;
}

constexpr std::string_view kKeys =
    "name, type, unit, volume, resource_id, project_id, project_name, user_id, user_name, timestamp, "
    "resource_metadata, source, id";

// What a value is, for a reason.
std::string shown(const Json& value) {
  if (value.raw().size() <= 40) return tally::replace_invalid_utf8(value.raw());
  return value.is_array() ? "an array" : value.is_object() ? "an object" : "a long value";
}

// Each reads one member. False, and the reason, where its value is of another type than is accepted; null is as good
// as absent.
using Reader = bool (*)(const Json& value, Sample& sample, std::string& why);

template <auto Member>
bool read_text(const Json& value, Sample& sample, std::string& why) {
  if (value.text()) {
    sample.*Member = std::string(*value.text());
    return true;
  }
  why = "a text is accepted";
  return false;
}

// An id may be a number too: its text is what is written.
template <auto Member>
bool read_id(const Json& value, Sample& sample, std::string& why) {
  if (value.kind() == Json::Kind::number) {
    sample.*Member = std::string(value.raw());
    return true;
  }
  if (read_text<Member>(value, sample, why)) return true;
  why = "a text or a number is accepted";
  return false;
}

// May also be a text that holds a number, as Ceilometer's users write it.
bool read_volume(const Json& value, Sample& sample, std::string& why) {
  std::string reason;
  const auto volume = tally::Decimal::parse(value.text().value_or(value.raw()), &reason);
  if (volume) sample.volume = *volume;
  why = "a number is accepted, or a text that holds one" + (reason.empty() ? "" : " (" + reason + ")");
  return volume.has_value();
}

bool read_type(const Json& value, Sample& sample, std::string& why) {
  for (const auto known : {tally::SampleType::gauge, tally::SampleType::delta, tally::SampleType::cumulative}) {
    if (value.text() != tally::to_string(known)) continue;
    sample.type = known;
    return true;
  }
  why = "gauge, delta and cumulative are accepted";
  return false;
}

bool read_timestamp(const Json& value, Sample& sample, std::string& why) {
  if (value.text()) sample.timestamp = tally::Time::parse(*value.text());
  why = "a time is accepted, such as \"2026-01-02T03:04:05+00:00\"";
  return sample.timestamp.has_value();
}

bool read_metadata(const Json& value, Sample& sample, std::string& why) {
  if (value.is_object()) sample.resource_metadata = value.raw();
  why = "an object is accepted";
  return value.is_object();
}

struct Key {
  std::string_view name;
  Reader read;
};
constexpr Key kReaders[] = {
    {"name", read_text<&Sample::name>},
    {"type", read_type},
    {"unit", read_text<&Sample::unit>},
    {"volume", read_volume},
    {"resource_id", read_id<&Sample::resource_id>},
    {"project_id", read_id<&Sample::project_id>},
    {"project_name", read_text<&Sample::project_name>},
    {"user_id", read_id<&Sample::user_id>},
    {"user_name", read_text<&Sample::user_name>},
    {"timestamp", read_timestamp},
    {"resource_metadata", read_metadata},
    {"source", read_text<&Sample::source>},
    {"id", read_id<&Sample::id>},
};

std::optional<Sample> read_object(const Json& object, const std::string& host, std::string& why) {
  Sample sample;
  sample.resource_id = host;
  bool has_volume = false;
  for (const Json& member : object.items()) {
    const auto* const key = std::find_if(std::begin(kReaders), std::end(kReaders),
                                         [&](const Key& known) { return known.name == member.key(); });
    const std::string quoted = "\"" + tally::replace_invalid_utf8(member.key().substr(0, 40)) + "\"";
    if (key == std::end(kReaders)) {
      return reject(why, "unknown key " + quoted + ", accepted are " + std::string(kKeys));
    }
    if (object.at(member.key()) != &member || member.is_null()) continue;  // of a key written twice the last counts
    std::string accepted;
    if (!key->read(member, sample, accepted)) return reject(why, quoted + " is " + shown(member) + ": " + accepted);
    has_volume = has_volume || key->name == "volume";
  }
  if (sample.name.empty()) return reject(why, "no \"name\": a text is needed");
  if (!has_volume) return reject(why, "no \"volume\": a number is needed");
  return sample;
}

// What a command writes may be any bytes.
void make_utf8(Sample& sample) {
  for (std::string* identity : {&sample.name, &sample.resource_id}) *identity = tally::escape_identity(*identity);
  for (auto* identity : {&sample.project_id, &sample.user_id}) {
    if (*identity) *identity = tally::escape_identity(**identity);
  }
  for (auto* name : {&sample.project_name, &sample.user_name}) {
    if (*name) *name = tally::replace_invalid_utf8(**name);
  }
  for (std::string* text : {&sample.unit, &sample.source, &sample.id, &sample.resource_metadata}) {
    *text = tally::replace_invalid_utf8(*text);
  }
}

}  // namespace

bool is_comment(std::string_view line) {
  const std::size_t begin = line.find_first_not_of(" \t\r");
  return begin == std::string_view::npos || line[begin] == '#';
}

std::optional<Sample> read_line(std::string_view line, const std::string& host, std::string& why) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t\r"), line.size()));
  std::optional<Sample> sample;
  if (!line.starts_with('{')) {
    sample = read_words(line, host, why);
  } else if (const auto object = Json::parse(line, &why)) {
    sample = read_object(*object, host, why);
  }
  if (sample) make_utf8(*sample);
  return sample;
}
