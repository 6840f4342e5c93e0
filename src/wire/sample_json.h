// Samples as JSON objects: Tally's own keys, and those that travel on the bus.
// Not for envelopes (wire/envelope.h), nor for tables and CSV.
#ifndef TALLY_WIRE_SAMPLE_JSON_H
#define TALLY_WIRE_SAMPLE_JSON_H

#include <tally/kit/json.h>
#include <tally/model/sample.h>

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace tally::wire {

enum class SampleKeys {
  tally,  // id, name, type, unit, volume, resource_id, project_id, project_name, user_id, user_name, timestamp,
          // resource_metadata, source, monotonic_time: what every output shows
  bus,    // source, counter_name, counter_type, counter_unit, counter_volume, user_id, user_name, project_id,
          // project_name, resource_id, timestamp, resource_metadata, message_id, monotonic_time, message_signature
};

// All keys, always, in that order; absent values are null. The volume is a number with all its digits.
// `secret` signs the bus's form (wire/signature.h); where it is empty the signature is an empty text.
std::string to_json(const SampleView& sample, SampleKeys keys = SampleKeys::tally, std::string_view secret = {});

// Reads the same. Required: name, type, volume (a number, or a text that is one) and resource_id; unknown keys are let
// be. A number where a text is wanted is the text of it, as it was written. The error names the key. A timestamp that
// cannot be read is an error, an absent one is none. In metadata NaN and the infinities become texts, halves of
// surrogate pairs U+FFFD.
//
// Bytes that are not UTF-8 are escaped in name, resource, project and user, and U+FFFD elsewhere.
absl::StatusOr<Sample> sample_from_json(std::string_view text, SampleKeys keys = SampleKeys::tally);
// REQUIRES: what `object` was read from is UTF-8.
absl::StatusOr<Sample> sample_from_json(const Json& object, SampleKeys keys = SampleKeys::tally);

// Makes texts of a sample's marked bytes (base/json_repair.h).
void unmark_sample(Sample& sample);

}  // namespace tally::wire

#endif
