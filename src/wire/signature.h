// The signature of a sample on the bus, as Ceilometer makes it: HMAC-SHA256 over the object's keys and values as Python
// prints them. Not for hiding anything, nor against replay: a sample's id makes that harmless. doc/signatures.md has
// the format and says what it covers.
#ifndef TALLY_WIRE_SIGNATURE_H
#define TALLY_WIRE_SIGNATURE_H

#include <tally/kit/json.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace tally::wire {

// The member of a sample that holds its signature, and is not signed itself.
inline constexpr std::string_view kSignatureKey = "message_signature";

// 64 lower-case hexadecimal digits; empty where `secret` is. Any thread. REQUIRES: message.is_object().
std::string signature(const Json& message, std::string_view secret);

// OK where `message` carries the signature that `secret` gives it, and always where `secret` is empty. Else permanent,
// and says whether the signature is missing or wrong. Compares in constant time. Any thread.
absl::Status verify_signature(const Json& message, std::string_view secret);

}  // namespace tally::wire

#endif
