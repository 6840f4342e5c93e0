#include "bus/envelope.h"

#include <simdjson.h>

#include <array>
#include <cstdio>

#include "core/json.h"
#include "core/sample_json.h"
#include "core/signature.h"
#include "core/status.h"

namespace tally::bus {

namespace {

namespace ondemand = simdjson::ondemand;
using host::JsonWriter;

constexpr std::string_view kContextPrefix = "_context_";

// A parser reads a little past the end: the room for that must belong to the text.
simdjson::padded_string_view padded(std::string& text) {
  text.reserve(text.size() + simdjson::SIMDJSON_PADDING);
  return simdjson::padded_string_view(text.data(), text.size(), text.capacity());
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n' || text.back() == '\r' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

// The text of a value as it was written, and with it what stands before the next comma or bracket.
simdjson::error_code loose_text(ondemand::value& value, std::string_view& out) {
  ondemand::json_type type;
  if (auto error = value.type().get(type)) return error;
  if (type == ondemand::json_type::object) {
    ondemand::object object;
    if (auto error = value.get_object().get(object)) return error;
    return object.raw_json().get(out);
  }
  if (type == ondemand::json_type::array) {
    ondemand::array array;
    if (auto error = value.get_array().get(array)) return error;
    return array.raw_json().get(out);
  }
  out = value.raw_json_token();
  return simdjson::SUCCESS;
}

// The text of a value as it was written. The view looks into the parsed bytes.
simdjson::error_code raw_text(ondemand::value& value, std::string_view& out) {
  const auto error = loose_text(value, out);
  out = trimmed(out);
  return error;
}

// A string; a number or boolean as written; null leaves `present` false.
simdjson::error_code scalar(ondemand::value& value, std::string& out, bool& present) {
  ondemand::json_type type;
  if (auto error = value.type().get(type)) return error;
  std::string_view view;
  if (type == ondemand::json_type::string) {
    if (auto error = value.get_string().get(view)) return error;
  } else if (auto error = raw_text(value, view)) {
    return error;
  }
  present = type != ondemand::json_type::null;
  out = present ? std::string(view) : std::string();
  return simdjson::SUCCESS;
}

absl::Status broken(std::string_view layer, simdjson::error_code error) {
  return permanent("not a message: " + std::string(layer) + ": " + simdjson::error_message(error));
}

// The version 2 wrapping, where there is one.
struct Wrapping {
  std::string version;
  bool has_version = false, has_message = false;
};

absl::Status check_version(const std::string& version) {
  if (version == "2" || version.starts_with("2.")) return absl::OkStatus();
  return permanent("not a message: envelope version \"" + version + "\", only 2.x and unwrapped ones are known");
}

}  // namespace

// Fills DecodedMessage::Bytes from one layer of JSON; in an error's case the message is given up.
template <class Bytes>
class LayerReader {
 public:
  LayerReader(Bytes& bytes, ondemand::parser& parser) : bytes_(bytes), parser_(parser) {}

  simdjson::error_code read(std::string& text, Wrapping& wrapping) {
    ondemand::document document;
    if (auto error = parser_.iterate(padded(text)).get(document)) return error;
    ondemand::object object;
    if (auto error = document.get_object().get(object)) return error;
    for (auto next : object) {
      ondemand::field field;
      if (auto error = std::move(next).get(field)) return error;
      std::string_view key;
      if (auto error = field.unescaped_key().get(key)) return error;
      if (auto error = member(key, field.value(), wrapping)) return error;
    }
    const char* rest = nullptr;
    const auto end = document.current_location().get(rest);
    return end == simdjson::OUT_OF_BOUNDS ? simdjson::SUCCESS : simdjson::TAPE_ERROR;
  }

  std::string context() const { return context_.str(); }
  bool event_type() const { return event_type_; }

 private:
  simdjson::error_code member(std::string_view key, ondemand::value& value, Wrapping& wrapping) {
    Envelope& envelope = bytes_.envelope;
    if (key == "event_type") return scalar(value, bytes_.event_type, event_type_);
    if (key == "message_id") return optional(value, bytes_.message_id, envelope.message_id);
    if (key == "publisher_id") return optional(value, bytes_.publisher_id, envelope.publisher_id);
    if (key == "priority") return optional(value, bytes_.priority, envelope.priority);
    if (key == "timestamp") return optional(value, bytes_.timestamp, envelope.timestamp);
    if (key == "payload") return raw_text(value, envelope.payload);
    if (key == "oslo.version") return scalar(value, wrapping.version, wrapping.has_version);
    if (key == "oslo.message") return scalar(value, bytes_.inner, wrapping.has_message);
    if (key.starts_with(kContextPrefix)) {
      const std::string name(key.substr(kContextPrefix.size()));  // the parser's buffer moves on
      std::string_view raw;
      if (auto error = raw_text(value, raw)) return error;
      context_.raw(name, raw);
    }
    return simdjson::SUCCESS;
  }

  static simdjson::error_code optional(ondemand::value& value, std::string& text,
                                       std::optional<std::string_view>& view) {
    bool present = false;
    const auto error = scalar(value, text, present);
    view = present ? std::optional<std::string_view>(text) : std::nullopt;
    return error;
  }

  Bytes& bytes_;
  ondemand::parser& parser_;
  JsonWriter context_;
  bool event_type_ = false;
};

absl::StatusOr<DecodedMessage> decode(std::string body) {
  thread_local ondemand::parser parser;
  DecodedMessage message;
  auto& bytes = *message.bytes_;
  bytes.body = std::move(body);
  Wrapping wrapping;
  LayerReader<DecodedMessage::Bytes> outer(bytes, parser);
  if (const auto error = outer.read(bytes.body, wrapping)) return broken("body", error);
  std::string context = outer.context();
  bool has_event_type = outer.event_type();
  if (wrapping.has_version && wrapping.has_message) {
    if (absl::Status status = check_version(wrapping.version); !status.ok()) return status;
    bytes.envelope = Envelope();
    Wrapping ignored;
    std::string inner = std::move(bytes.inner);
    LayerReader<DecodedMessage::Bytes> reader(bytes, parser);
    // `inner` is read in place, and `bytes.inner` only takes it up afterwards: its heap block, and so every view,
    // stays.
    const auto error = reader.read(inner, ignored);
    if (error) return broken("oslo.message", error);
    bytes.inner = std::move(inner);
    context = reader.context();
    has_event_type = reader.event_type();
  }
  if (!has_event_type || bytes.event_type.empty()) return permanent("not a message: \"event_type\" is missing");
  bytes.context = std::move(context);
  Envelope& envelope = bytes.envelope;
  envelope.context = bytes.context;
  envelope.event_type = bytes.event_type;
  for (char& c : bytes.priority)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  if (envelope.timestamp) envelope.time = Time::parse(*envelope.timestamp);
  const std::string_view type = envelope.event_type;
  envelope.samples =
      type == "telemetry.polling" || type == "telemetry.api" || type == "metering" || type.starts_with("metering.");
  return message;
}

namespace {

absl::StatusOr<Sample> read_sample(const Json& item, std::string_view secret) {
  if (item.is_object()) {
    const absl::Status authentic = host::verify_signature(item, secret);
    if (!authentic.ok()) return absl::Status(kBadSignature, authentic.message());
  }
  return host::sample_from_json(item, host::SampleKeys::bus);
}

}  // namespace

absl::StatusOr<std::vector<absl::StatusOr<Sample>>> decode_samples(const Envelope& envelope, std::string_view secret) {
  std::string why = "neither an array of samples nor an object that has one as \"samples\"";
  const std::optional<Json> payload = Json::parse(envelope.payload, &why);
  const Json* list = payload && payload->is_object() ? payload->at("samples") : payload ? &*payload : nullptr;
  if (list == nullptr || !list->is_array()) return permanent(std::string(envelope.event_type) + ": payload: " + why);
  std::vector<absl::StatusOr<Sample>> samples;
  samples.reserve(list->items().size());
  for (const Json& item : list->items()) samples.push_back(read_sample(item, secret));
  return samples;
}

namespace {

// As services write it: "2026-01-02 03:04:05.678901".
std::string bus_time(Time time) {
  std::string text = time.to_string();
  text[10] = ' ';
  text.resize(text.size() - std::string_view("+00:00").size());
  if (text.size() == std::string_view("2026-01-02 03:04:05").size()) text += ".000000";
  return text;
}

}  // namespace

std::string encode_notification(const OutgoingNotification& notification) {
  JsonWriter inner;
  inner.text("message_id", notification.message_id).text("publisher_id", notification.publisher_id);
  inner.text("event_type", notification.event_type).text("priority", notification.priority);
  inner.raw("payload", notification.payload).text("timestamp", bus_time(notification.time));
  return JsonWriter().text("oslo.version", "2.0").text("oslo.message", inner.str()).str();
}

std::string encode_samples(std::span<const Sample> samples, std::string_view publisher_id, std::string_view message_id,
                           Time now, std::string_view secret) {
  std::string payload = "{\"samples\":[";
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (i > 0) payload += ',';
    payload += host::to_json(samples[i], host::SampleKeys::bus, secret);
  }
  payload += "]}";
  return encode_notification({message_id, "telemetry.polling", publisher_id, "SAMPLE", payload, now});
}

}  // namespace tally::bus
