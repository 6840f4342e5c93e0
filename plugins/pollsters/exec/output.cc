// Reads a command's lines.
// Not for more than one line at a time.
#include "output.h"

#include <tally/sdk/files.h>
#include <tally/sdk/json.h>

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
  if (!volume) return reject(why, "\"" + std::string(words[1].substr(0, 40)) + "\" is not a number");
  Sample sample;
  sample.name = words[0];
  sample.volume = *volume;
  if (words.size() == 3) sample.unit = words[2];
  sample.resource_id = host;
  return sample;
}

// The volume may also be a text that holds a number, as Ceilometer's users write it.
std::optional<tally::Decimal> read_volume(const Json& object) {
  const Json* volume = object.at("volume");
  if (volume == nullptr) return std::nullopt;
  return volume->text() ? tally::Decimal::parse(*volume->text()) : volume->decimal();
}

bool read_type(const Json& object, Sample& sample) {
  const Json* type = object.at("type");
  if (type == nullptr) return true;
  for (const auto known : {tally::SampleType::gauge, tally::SampleType::delta, tally::SampleType::cumulative}) {
    if (type->text() == tally::to_string(known)) {
      sample.type = known;
      return true;
    }
  }
  return false;
}

template <class Text>
void take_text(const Json& object, std::string_view key, Text& to) {
  const Json* found = object.at(key);
  if (found != nullptr && found->text()) to = std::string(*found->text());
}

std::optional<Sample> read_object(const Json& object, const std::string& host, std::string& why) {
  Sample sample;
  sample.resource_id = host;
  take_text(object, "name", sample.name);
  take_text(object, "unit", sample.unit);
  take_text(object, "resource_id", sample.resource_id);
  take_text(object, "project_id", sample.project_id);
  take_text(object, "project_name", sample.project_name);
  take_text(object, "user_id", sample.user_id);
  take_text(object, "user_name", sample.user_name);
  take_text(object, "source", sample.source);
  take_text(object, "id", sample.id);
  if (sample.name.empty()) return reject(why, "no \"name\"");
  const auto volume = read_volume(object);
  if (!volume) return reject(why, "\"volume\" is no number");
  sample.volume = *volume;
  if (!read_type(object, sample)) return reject(why, "\"type\" is none of gauge, delta, cumulative");
  const Json* timestamp = object.at("timestamp");
  if (timestamp != nullptr && timestamp->text()) {
    sample.timestamp = tally::Time::parse(*timestamp->text());
    if (!sample.timestamp) return reject(why, "\"timestamp\" cannot be read, write it as 2026-01-02T03:04:05+00:00");
  }
  const Json* metadata = object.at("resource_metadata");
  if (metadata != nullptr && metadata->kind() == Json::Kind::object) sample.resource_metadata = metadata->raw();
  return sample;
}

}  // namespace

bool is_comment(std::string_view line) {
  const std::size_t begin = line.find_first_not_of(" \t\r");
  return begin == std::string_view::npos || line[begin] == '#';
}

std::optional<Sample> read_line(std::string_view line, const std::string& host, std::string& why) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t\r"), line.size()));
  if (!line.starts_with('{')) return read_words(line, host, why);
  const auto object = Json::parse(line, &why);
  return object ? read_object(*object, host, why) : std::nullopt;
}
