// The ids of samples and the digests of messages: derived from what is measured, never random.
// Not for secrets or signatures. The bytes that are hashed are a format: doc/ids.md has the layout and golden vectors.
//
// An id is BLAKE2b with 16 bytes of output, as 32 lower-case hexadecimal digits, over
//   version   1 byte   0x01
//   kind      1 byte   0x01 from a message with an id, 0x02 from a message without one, 0x03 polled
//   source    u32 length, bytes
//   message   u32 length, bytes: the message's id; its digest (32 digits) for kind 0x02; left out for kind 0x03
//   meter     u32 length, bytes
//   resource  u32 length, bytes
//   time      i64: microseconds since 1970 UTC, the lowest i64 where there is none
//   n         u64: how many with the same meter, resource and time came before in the message; left out for kind 0x03
// with all integers little-endian.
#ifndef TALLY_WIRE_IDS_H
#define TALLY_WIRE_IDS_H

#include <tally/model/sample.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wire/sample_list.h"

namespace tally::wire {

// BLAKE2b-128 of `bytes` in 32 lower-case hexadecimal digits: the key of a dead letter, and of a message without id.
std::string digest(std::string_view bytes);

// The id of a polled sample: the same source, meter, resource and time is the same measurement.
// `source` counts where the sample names none.
std::string poll_sample_id(const SampleView& sample, std::string_view source);

// Gives ids to all samples that one message yields. Looks into what it was given, which must outlive it.
class MessageIds {
 public:
  // `source` counts for samples that name none. Without a message id (none, or empty) the digest of `body` stands in.
  MessageIds(std::string_view source, std::optional<std::string_view> message_id, std::string_view body);
  MessageIds(const MessageIds&) = delete;
  MessageIds& operator=(const MessageIds&) = delete;

  // Sets the id of each sample that has none. REQUIRES: these are all samples of the message, in the handlers' order,
  // before any is dropped by configuration. A time that is not the message's own (the moment of arrival) must not be
  // filled in before: it would differ in the next delivery.
  void assign(SampleList& samples) const;

 private:
  using Digits = std::array<char, 32>;
  using Head = std::array<unsigned char, 384>;
  void start(std::string_view source, Head& head) const;
  Digits digits(const SampleView& sample, std::uint64_t n) const;

  std::string_view source_;
  std::string_view message_;
  alignas(64) Head head_;  // for the source that counts
  std::string digest_;     // of a message without id
};

}  // namespace tally::wire

#endif
