#include "wire/envelope.h"

#include <simdjson.h>
#include <tally/kit/json_scan.h>

#include <algorithm>

#include "base/json.h"
#include "base/json_repair.h"
#include "base/status.h"
#include "wire/sample_json.h"
#include "wire/signature.h"

namespace tally::wire {

namespace {

namespace scan = json_scan;

constexpr std::string_view kContextPrefix = "_context_";

std::string_view between(const char* from, const char* to) { return {from, static_cast<std::size_t>(to - from)}; }

absl::Status check_version(std::string_view version) {
  if (version == "2" || version.starts_with("2.")) return absl::OkStatus();
  return permanent("not a message: envelope version \"" + std::string(version) +
                   "\", only 2.x and unwrapped ones are known");
}

}  // namespace

// One layer of JSON while its members are found. Each function is false, with `fault` set, where it is none.
class Decoder::EnvelopeLayer {
 public:
  EnvelopeLayer(Decoder& decoder, std::string_view text)
      : decoder_(decoder), begin_(text.data()), at_(begin_), end_(begin_ + text.size()) {
    decoder_.context_.clear();
  }

  bool read() {
    if (next() != '{') return fail("no JSON object");
    ++at_;
    if (next() == '}') {
      ++at_;
    } else {
      do {
        if (!member()) return false;
      } while (pass(','));
      if (!pass('}')) return fail("neither a comma nor a brace after a member");
    }
    return next() == '\0' && at_ == end_ ? true : fail("more stands after the object");
  }

  Envelope envelope;
  std::optional<std::string_view> version, wrapped, event_type;
  std::string_view metadata, request;  // those of an endpoint

  absl::Status fault(std::string_view layer) const {
    return permanent("not a message: " + std::string(layer) + ": " + fault_ + " at byte " +
                     std::to_string(at_ - begin_));
  }

 private:
  bool fail(const char* why) {
    fault_ = why;
    return false;
  }
  char next() {
    at_ = scan::space(at_, end_);
    return at_ == end_ ? '\0' : *at_;
  }
  bool pass(char wanted) {
    if (next() != wanted) return false;
    ++at_;
    return true;
  }

  // Passes a string, `at_` being its opening quote.
  bool string(std::string_view& out, bool& escaped) {
    const char* from = at_ + 1;
    const char* to = scan::string_end(from, end_, escaped);
    if (to == nullptr) return fail("a string that does not end, or has control characters in it, begins");
    if (escaped) {
      const std::size_t room = scan::unescaped_room(static_cast<std::size_t>(to - from));
      return unescape(static_cast<char*>(decoder_.arena_.allocate(room, 1)), out);
    }
    out = between(from, to);
    at_ = to + 1;
    return true;
  }
  // Passes a string whose characters are to be written to `room`.
  bool unescape(char* room, std::string_view& out) {
    char* to = room;
    const char* quote = scan::unescape(at_ + 1, end_, to, true);
    if (quote == nullptr) return fail("a string that does not end, or whose escapes are none, begins");
    out = between(room, to);
    at_ = quote + 1;
    return true;
  }

  // Passes a value: the text of it as it was written.
  bool raw(std::string_view& out) {
    const char* to = scan::value_end(at_, end_);
    if (to == nullptr) return fail("a value that does not end begins");
    out = between(at_, to);
    at_ = to;
    return true;
  }

  // A string's characters; a number or boolean as written; null, and what is not a number: none.
  bool scalar(std::optional<std::string_view>& out) {
    std::string_view text;
    bool escaped = false;
    const bool is_text = *at_ == '"';
    if (!(is_text ? string(text, escaped) : raw(text))) return false;
    const bool none = !is_text && (text == "null" || text == "NaN" || text.ends_with("Infinity"));
    out = none ? std::nullopt : std::optional(text);
    return true;
  }

  static bool begins_value(char c) {
    return c == '"' || c == '{' || c == '[' || c == '-' || (c >= '0' && c <= '9') || c == 't' || c == 'f' || c == 'n' ||
           c == 'N' || c == 'I';
  }

  bool member() {
    if (next() != '"') return fail("no key");
    std::string_view key;
    const char* const from = at_ + 1;
    bool escaped = false;
    if (!string(key, escaped)) return false;
    const std::string_view written = between(from, at_ - 1);
    if (!pass(':')) return fail("no colon after a key");
    if (!begins_value(next())) return fail("no value after a key");
    if (!key.empty() && key[0] == '_' && key.starts_with(kContextPrefix)) return add_context(key, escaped, written);
    std::optional<std::string_view>* const target = wanted(key);
    if (target == nullptr) return raw(other(key));
    // The long one, of which every third byte is an escape, is not looked through for its end first.
    if (target == &wrapped && *at_ == '"')
      return unescape(decoder_.wrapped_room(static_cast<std::size_t>(end_ - at_)), wrapped.emplace());
    return scalar(*target);
  }

  // Where the text of a member that is not a scalar goes.
  std::string_view& other(std::string_view key) {
    return key == "payload" ? envelope.payload : key == "metadata" ? metadata : key == "ctxt" ? request : ignored_;
  }

  std::optional<std::string_view>* wanted(std::string_view key) {
    switch (key.size()) {
      case 8:
        return key == "priority" ? &envelope.priority : nullptr;
      case 9:
        return key == "timestamp" ? &envelope.timestamp : nullptr;
      case 10:
        if (key[0] == 'e') return key == "event_type" ? &event_type : nullptr;
        return key == "message_id" ? &envelope.message_id : nullptr;
      case 12:
        return key == "publisher_id"   ? &envelope.publisher_id
               : key == "oslo.version" ? &version
               : key == "oslo.message" ? &wrapped
                                       : nullptr;
      default:
        return nullptr;
    }
  }

  bool add_context(std::string_view key, bool escaped, std::string_view written) {
    std::string_view value;
    if (!raw(value)) return false;
    std::string& context = decoder_.context_;
    context += context.empty() ? '{' : ',';
    if (escaped) {
      context += json_quote(key.substr(kContextPrefix.size())) + ':';
    } else {
      context += '"';
      context += written.substr(kContextPrefix.size());
      context += "\":";
    }
    context += value;
    return true;
  }

  Decoder& decoder_;
  const char* const begin_;
  const char* at_;
  const char* const end_;
  const char* fault_ = "";
  std::string_view ignored_;
};

// Room for the long text of one message; what was there is given up.
char* Decoder::wrapped_room(std::size_t size) {
  const std::size_t wanted = scan::unescaped_room(size);
  if (wanted > wrapped_size_ || (wrapped_size_ > kKeep && wanted <= kKeep)) {
    wrapped_ = std::make_unique<char[]>(wanted);
    wrapped_size_ = wanted;
  }
  return wrapped_.get();
}

absl::StatusOr<const Envelope*> Decoder::read(std::string_view body) {
  arena_.release();
  if (simdjson::validate_utf8(body.data(), body.size())) return read_utf8(body);
  std::optional<std::string> marked = mark_bytes(body);
  if (!marked) return permanent(std::string("not a message: body: ") + kAmbiguousBytes);
  marked_ = *std::move(marked);
  const auto envelope = read_utf8(marked_);
  if (envelope.ok()) unmark();
  return envelope;
}

absl::StatusOr<const Envelope*> Decoder::read_utf8(std::string_view body) {
  EnvelopeLayer outer(*this, body);
  if (!outer.read()) return outer.fault("body");
  if (!outer.version || !outer.wrapped) return finish(outer);
  if (absl::Status status = check_version(*outer.version); !status.ok()) return status;
  EnvelopeLayer inner(*this, *outer.wrapped);
  if (!inner.read()) return inner.fault("oslo.message");
  return finish(inner);
}

absl::StatusOr<const Envelope*> Decoder::finish(const EnvelopeLayer& layer) {
  const std::string_view type = layer.event_type.value_or("");
  if (type.empty()) return permanent("not a message: \"event_type\" is missing");
  envelope_ = layer.envelope;
  envelope_.event_type = type;
  if (!context_.empty()) {
    context_ += '}';
    envelope_.context = context_;
  } else if (layer.request.starts_with('{')) {
    envelope_.context = layer.request;
  }
  if (!layer.metadata.empty() && !(envelope_.message_id && envelope_.timestamp))
    if (absl::Status status = read_metadata(layer.metadata); !status.ok()) return status;
  if (envelope_.priority) {
    priority_ = *envelope_.priority;
    for (char& c : priority_)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    envelope_.priority = priority_;
  }
  if (envelope_.timestamp) envelope_.time = Time::parse(*envelope_.timestamp);
  envelope_.samples =
      type == "telemetry.polling" || type == "telemetry.api" || type == "metering" || type.starts_with("metering.");
  return &envelope_;
}

std::string_view Decoder::keep(std::string_view text) {
  char* const to = static_cast<char*>(arena_.allocate(text.size() + 1, 1));
  std::copy(text.begin(), text.end(), to);
  return {to, text.size()};
}

// What an endpoint is given beside the payload: {"message_id": …, "timestamp": …}.
absl::Status Decoder::read_metadata(std::string_view json) {
  std::string why;
  const std::optional<Json> metadata = python_json(json, &why);
  if (!metadata) return permanent("not a message: metadata: " + why);
  const auto take = [&](std::string_view key, std::optional<std::string_view>& out) {
    const Json* const value = out ? nullptr : metadata->at(key);
    if (value == nullptr || value->is_null()) return;
    out = keep(value->text().value_or(value->raw()));
  };
  take("message_id", envelope_.message_id);
  take("timestamp", envelope_.timestamp);
  return absl::OkStatus();
}

// The envelope's own texts are done with; payload and context are for who reads them.
void Decoder::unmark() {
  envelope_.marked = true;
  envelope_.event_type = keep(unmark_text(envelope_.event_type));
  if (envelope_.message_id) envelope_.message_id = keep(unmark_identity(*envelope_.message_id));
  for (auto* const text : {&envelope_.publisher_id, &envelope_.priority, &envelope_.timestamp})
    if (*text) *text = keep(unmark_text(**text));
}

namespace {

absl::StatusOr<Sample> read_sample(const Json& item, std::string_view secret) {
  if (item.is_object()) {
    const absl::Status authentic = wire::verify_signature(item, secret);
    if (!authentic.ok()) return absl::Status(kBadSignature, authentic.message());
  }
  return wire::sample_from_json(item, wire::SampleKeys::bus);
}

}  // namespace

absl::StatusOr<std::vector<absl::StatusOr<Sample>>> decode_samples(const Envelope& envelope, std::string_view secret,
                                                                   std::vector<std::string_view>* written) {
  std::string why = "neither an array of samples nor an object that has one as \"samples\"";
  const std::optional<Json> payload = python_json(envelope.payload, &why);
  const Json* list = payload && payload->is_object() ? payload->at("samples") : payload ? &*payload : nullptr;
  if (list == nullptr || !list->is_array()) return permanent(std::string(envelope.event_type) + ": payload: " + why);
  std::vector<absl::StatusOr<Sample>> samples;
  samples.reserve(list->items().size());
  for (const Json& item : list->items()) {
    absl::StatusOr<Sample>& sample = samples.emplace_back(read_sample(item, secret));
    if (envelope.marked && sample.ok()) wire::unmark_sample(*sample);
    if (written != nullptr) written->push_back(item.raw());
  }
  return samples;
}

absl::StatusOr<Sample> decode_sample(std::string_view json, std::string_view secret, bool from_bus) {
  const bool plain = simdjson::validate_utf8(json.data(), json.size());
  const std::optional<std::string> marked = plain ? std::string() : mark_bytes(json);
  if (!marked) return permanent(std::string("sample: ") + kAmbiguousBytes);
  std::string why;
  const std::optional<Json> item = python_json(plain ? json : std::string_view(*marked), &why);
  if (!item) return permanent("sample: not JSON: " + why);
  const bool travelled = from_bus || (item->is_object() && item->at("counter_name") != nullptr);
  auto sample = travelled ? read_sample(*item, secret) : wire::sample_from_json(*item);
  if (!plain && sample.ok()) wire::unmark_sample(*sample);
  return sample;
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
    payload += wire::to_json(samples[i], wire::SampleKeys::bus, secret);
  }
  payload += "]}";
  return encode_notification({message_id, "telemetry.polling", publisher_id, "SAMPLE", payload, now});
}

}  // namespace tally::wire
