#include "wire/sample_json.h"

#include <array>
#include <charconv>
#include <cmath>

#include "base/json.h"
#include "base/json_repair.h"
#include "base/status.h"
#include "wire/signature.h"

namespace tally::wire {

namespace {

struct Names {
  const char *id, *name, *type, *unit, *volume;
};
constexpr Names kTally = {"id", "name", "type", "unit", "volume"};
constexpr Names kBus = {"message_id", "counter_name", "counter_type", "counter_unit", "counter_volume"};

// A finite double in its shortest form, or null.
std::string number_or_null(std::optional<double> value) {
  if (!value || !std::isfinite(*value)) return "null";
  std::array<char, 64> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), *value);
  return {text.data(), end.ptr};
}

absl::Status wrong(std::string_view key, std::string_view wanted) {
  return permanent("sample: \"" + std::string(key) + "\" " + std::string(wanted));
}

// The text of a member, a number as it was written; none where it is absent or null.
absl::Status read_text(const Json& object, std::string_view key, std::optional<std::string>& out) {
  const Json* value = object.at(key);
  if (value == nullptr || value->is_null()) return absl::OkStatus();
  const bool number = value->kind() == Json::Kind::number && value->raw().find_first_of("NI") == std::string_view::npos;
  const auto text = number ? value->raw() : value->text();
  if (!text) return wrong(key, "is " + std::string(value->raw().substr(0, 80)) + ", neither a text nor a number");
  out = std::string(*text);
  return absl::OkStatus();
}

absl::Status read_required(const Json& object, std::string_view key, std::string& out) {
  std::optional<std::string> text;
  if (absl::Status status = read_text(object, key, text); !status.ok()) return status;
  if (!text || text->empty()) return wrong(key, "is missing");
  out = *std::move(text);
  return absl::OkStatus();
}

absl::Status read_type(const Json& object, std::string_view key, SampleType& out) {
  std::string word;
  if (absl::Status status = read_required(object, key, word); !status.ok()) return status;
  for (SampleType type : {SampleType::gauge, SampleType::delta, SampleType::cumulative}) {
    if (word == to_string(type)) {
      out = type;
      return absl::OkStatus();
    }
  }
  return wrong(key, "is \"" + word + "\", neither gauge, delta nor cumulative");
}

absl::Status read_volume(const Json& object, std::string_view key, Decimal& out) {
  const Json* value = object.at(key);
  if (value == nullptr || value->is_null()) return wrong(key, "is missing");
  std::string why;
  const auto parsed = Decimal::parse(value->text().value_or(value->raw()), &why);
  if (!parsed) return wrong(key, "is " + std::string(value->raw().substr(0, 80)) + ": " + why);
  out = *parsed;
  return absl::OkStatus();
}

absl::Status read_timestamp(const Json& object, std::optional<Time>& out) {
  std::optional<std::string> text;
  if (absl::Status status = read_text(object, "timestamp", text); !status.ok()) return status;
  if (!text) return absl::OkStatus();
  out = Time::parse(*text);
  return out ? absl::OkStatus() : wrong("timestamp", "is \"" + *text + "\", not an ISO 8601 time");
}

absl::Status read_metadata(const Json& object, std::string& out) {
  const Json* value = object.at("resource_metadata");
  if (value == nullptr || value->is_null()) return absl::OkStatus();
  if (!value->is_object()) return wrong("resource_metadata", "is not an object");
  out = repair_json(value->raw());
  return absl::OkStatus();
}

// The signature of an object as it is written, so that a reader's numbers are the signer's.
std::string signature_of(const std::string& object, std::string_view secret) {
  if (secret.empty()) return "";
  const std::optional<Json> written = Json::parse(object);
  return written ? signature(*written, secret) : "";  // nested too deep: its reader says so
}

}  // namespace

std::string to_json(const SampleView& sample, SampleKeys keys, std::string_view secret) {
  JsonWriter out;
  const std::string volume = sample.volume.to_string();
  const auto id = sample.id.empty() ? std::nullopt : std::optional(sample.id);
  const auto source = sample.source.empty() ? std::nullopt : std::optional(sample.source);
  const auto time = sample.timestamp ? std::optional(sample.timestamp->to_string()) : std::nullopt;
  const std::string monotonic = number_or_null(sample.monotonic_time);
  const auto metadata = sample.resource_metadata.empty() ? std::string_view("{}") : sample.resource_metadata;
  if (keys == SampleKeys::tally) {
    out.text("id", id).text("name", sample.name).text("type", to_string(sample.type));
    out.text("unit", sample.unit).raw("volume", volume).text("resource_id", sample.resource_id);
    out.text("project_id", sample.project_id).text("project_name", sample.project_name);
    out.text("user_id", sample.user_id).text("user_name", sample.user_name).text("timestamp", time);
    out.raw("resource_metadata", metadata).text("source", source).raw("monotonic_time", monotonic);
  } else {
    out.text("source", source).text("counter_name", sample.name);
    out.text("counter_type", to_string(sample.type)).text("counter_unit", sample.unit);
    out.raw("counter_volume", volume).text("user_id", sample.user_id).text("user_name", sample.user_name);
    out.text("project_id", sample.project_id).text("project_name", sample.project_name);
    out.text("resource_id", sample.resource_id).text("timestamp", time).raw("resource_metadata", metadata);
    out.text("message_id", id).raw("monotonic_time", monotonic);
    out.text(kSignatureKey, signature_of(out.str(), secret));
  }
  return out.str();
}

absl::StatusOr<Sample> sample_from_json(std::string_view text, SampleKeys keys) {
  if (!is_utf8(text)) {
    const std::optional<std::string> marked = mark_bytes(text);
    if (!marked) return permanent(kAmbiguousBytes);
    absl::StatusOr<Sample> sample = sample_from_json(*marked, keys);
    if (sample.ok()) unmark_sample(*sample);
    return sample;
  }
  std::string why;
  const std::optional<Json> object = python_json(text, &why);
  if (!object) return permanent("sample: not JSON: " + why);
  return sample_from_json(*object, keys);
}

absl::StatusOr<Sample> sample_from_json(const Json& object, SampleKeys keys) {
  if (!object.is_object()) return permanent("sample: not a JSON object");
  const Names& names = keys == SampleKeys::tally ? kTally : kBus;
  Sample sample;
  std::optional<std::string> id, unit, source;
  absl::Status status = read_text(object, names.id, id);
  status.Update(read_required(object, names.name, sample.name));
  status.Update(read_type(object, names.type, sample.type));
  status.Update(read_text(object, names.unit, unit));
  status.Update(read_volume(object, names.volume, sample.volume));
  status.Update(read_required(object, "resource_id", sample.resource_id));
  status.Update(read_text(object, "project_id", sample.project_id));
  status.Update(read_text(object, "project_name", sample.project_name));
  status.Update(read_text(object, "user_id", sample.user_id));
  status.Update(read_text(object, "user_name", sample.user_name));
  status.Update(read_timestamp(object, sample.timestamp));
  status.Update(read_metadata(object, sample.resource_metadata));
  status.Update(read_text(object, "source", source));
  if (!status.ok()) return status;
  sample.id = id.value_or("");
  sample.unit = unit.value_or("");
  sample.source = source.value_or("");
  if (const Json* monotonic = object.at("monotonic_time"); monotonic != nullptr)
    if (const auto seconds = monotonic->number(); seconds && std::isfinite(*seconds)) sample.monotonic_time = seconds;
  return sample;
}

void unmark_sample(Sample& sample) {
  const auto change = [](std::optional<std::string>& text, auto by) {
    if (text) text = by(*text);
  };
  for (std::string* const identity : {&sample.id, &sample.name, &sample.resource_id})
    *identity = unmark_identity(*identity);
  for (std::string* const text : {&sample.unit, &sample.resource_metadata, &sample.source}) *text = unmark_text(*text);
  for (auto* const identity : {&sample.project_id, &sample.user_id}) change(*identity, unmark_identity);
  for (auto* const text : {&sample.project_name, &sample.user_name}) change(*text, unmark_text);
}

}  // namespace tally::wire
