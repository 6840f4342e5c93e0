// A message from a bus, in both versions of the envelope, and the samples in it.
// Not for what handlers make of it: notification.cc.
#include "wire/envelope.h"

#include <tally/kit/json.h>

#include <string>
#include <vector>

#include "base/json.h"
#include "fuzz.h"

namespace {

using namespace tally;
using fuzz::require;

// Samples that were taken travel on, signed, and come out the same.
void travels(const std::vector<Sample>& samples) {
  const std::string written = wire::encode_samples(samples, "fuzz", "m-1", Time{0}, "secret");
  wire::Decoder decoder;
  const auto again = decoder.read(written);
  require(again.ok() && (*again)->samples, "an envelope that is written is read");
  const auto list = wire::decode_samples(**again, "secret");
  require(list.ok() && list->size() == samples.size(), "all samples travel");
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const auto& sample = (*list)[i];
    require(sample.ok(), "a sample that was taken is taken again");
    require(sample->volume == samples[i].volume && sample->name == samples[i].name && sample->id == samples[i].id &&
                sample->timestamp == samples[i].timestamp && sample->type == samples[i].type &&
                sample->resource_id == samples[i].resource_id && sample->project_id == samples[i].project_id,
            "a sample travels unchanged");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string body(reinterpret_cast<const char*>(data), size);
  wire::Decoder decoder;
  const auto decoded = decoder.read(body);
  if (!decoded.ok()) {
    require(!decoded.status().message().empty(), "an error says what is wrong");
    return 0;
  }
  const wire::Envelope& envelope = **decoded;
  require(!envelope.event_type.empty(), "a message has an event type");
  require(is_utf8(envelope.event_type), "texts are UTF-8");
  require(!envelope.time || envelope.timestamp, "a time comes from a timestamp");
  // What is looked at only loosely on the way in must not become worse on the way.
  const auto whole = Json::parse(body);
  if (whole && whole->at("oslo.message") == nullptr) {
    const auto context = Json::parse(envelope.context);
    require(context && context->is_object(), "the context of a valid message is an object");
    require(Json::parse(envelope.payload).has_value(), "the payload of a valid message is valid");
    require(is_utf8(envelope.context) && is_utf8(envelope.payload), "what is handed on is UTF-8");
  }
  static_cast<void>(wire::decode_samples(envelope, "secret"));
  const auto samples = wire::decode_samples(envelope);
  if (!samples.ok()) return 0;
  std::vector<Sample> good;
  for (const auto& sample : *samples)
    if (sample.ok()) good.push_back(*sample);
  travels(good);
  return 0;
}
