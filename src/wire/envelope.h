// Messages as they travel: the notification envelope, versions 1 and 2, read and written, and the samples in it.
// Not for deciding what becomes of a message, nor for moving bytes: that is a transport's.
#ifndef TALLY_WIRE_ENVELOPE_H
#define TALLY_WIRE_ENVELOPE_H

#include <tally/model/sample.h>

#include <array>
#include <cstddef>
#include <memory>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tally::wire {

// One message, seen. The views live as long as what gave it says.
struct Envelope {
  std::optional<std::string_view> message_id;
  std::string_view event_type;
  std::optional<std::string_view> publisher_id;
  std::optional<std::string_view> priority;   // lower case
  std::optional<std::string_view> timestamp;  // as written
  std::optional<Time> time;                   // `timestamp`, where it can be read
  std::string_view payload = "null";          // JSON text as written; its insides are checked by who reads them
  std::string_view context = "{}";            // JSON object: `ctxt`, or the members `_context_…` without that
  bool samples = false;  // carries samples: event type telemetry.polling, telemetry.api, metering[.NAME]
  bool marked = false;   // the message is not UTF-8: payload and context have marks for bytes (base/json_repair.h)
};

// Reads message after message in the same memory. One thread at a time.
class Decoder {
 public:
  Decoder() = default;
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  // Reads a message: a JSON object with `event_type`, bare (version 1) or as text in an `oslo.message` (version 2). In
  // both the id and the time may stand in an object `metadata` and the request's context in `ctxt`, as a service's
  // endpoint is given them and tools record them. An error is permanent, and says what is wrong where. What is answered
  // looks into `body` and into this, and lives until the next call.
  //
  // Half of a surrogate pair in the envelope's own texts is U+FFFD, and so is a byte that is not UTF-8, but in the
  // message id, which is escaped.
  absl::StatusOr<const Envelope*> read(std::string_view body);

 private:
  class EnvelopeLayer;
  static constexpr std::size_t kKeep = std::size_t{1} << 20;  // of a longer message the memory is not kept

  char* wrapped_room(std::size_t size);
  absl::StatusOr<const Envelope*> read_utf8(std::string_view body);
  absl::StatusOr<const Envelope*> finish(const EnvelopeLayer& layer);
  absl::Status read_metadata(std::string_view json);
  std::string_view keep(std::string_view text);
  void unmark();

  std::array<std::byte, 1024> first_;
  std::pmr::monotonic_buffer_resource arena_{first_.data(), first_.size()};
  std::unique_ptr<char[]> wrapped_;
  std::size_t wrapped_size_ = 0;
  std::string context_, priority_;
  std::string marked_;  // a body that is not UTF-8
  Envelope envelope_;
};

// The class of a sample whose signature is missing or wrong.
inline constexpr absl::StatusCode kBadSignature = absl::StatusCode::kUnauthenticated;

// The samples of a message with `envelope.samples`, each read or refused on its own: kBadSignature, or permanent. With
// a `secret` each must carry the signature that it gives; without one signatures are not looked at. An error: the
// payload holds none. `written` gets each as it stands in the payload.
absl::StatusOr<std::vector<absl::StatusOr<Sample>>> decode_samples(const Envelope& envelope,
                                                                   std::string_view secret = {},
                                                                   std::vector<std::string_view>* written = nullptr);

// A sample that stands alone, as a message carries it or with Tally's own keys; only the former are signed.
absl::StatusOr<Sample> decode_sample(std::string_view json, std::string_view secret = {}, bool from_bus = false);

// A version 2 message `telemetry.polling` with these samples, each with its id and signed with `secret`; where that is
// empty, so is the signature.
std::string encode_samples(std::span<const Sample> samples, std::string_view publisher_id, std::string_view message_id,
                           Time now = Time::now(), std::string_view secret = {});

struct OutgoingNotification {
  std::string_view message_id;
  std::string_view event_type;
  std::string_view publisher_id;
  std::string_view priority = "INFO";
  std::string_view payload = "null";  // JSON text
  Time time;
};

// A version 2 message.
std::string encode_notification(const OutgoingNotification& notification);

}  // namespace tally::wire

#endif
