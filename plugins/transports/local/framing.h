// The frames of the local transport: how bytes on a stream become frames, and back.
// Not for sockets, and not for what a frame leads to. The format is told in doc/local-framing.md.
#ifndef TALLY_LOCAL_FRAMING_H
#define TALLY_LOCAL_FRAMING_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tally::local {

inline constexpr std::uint16_t kVersion = 1;
inline constexpr std::uint32_t kMostTopic = 65535;
// Longer than any frame can be: whoever announces one does not speak this language.
inline constexpr std::uint32_t kAbsurdLength = 1U << 30;

enum class FrameType : std::uint8_t { hello = 1, message = 2, ok = 3, no = 4 };

struct Hello {
  std::uint16_t version = kVersion;
  std::uint32_t max_message = 0;  // the consumer's limit for a body; 0 from a sender
};

// Views into the frame.
struct MessageFrame {
  std::uint64_t sequence = 0;
  std::string_view topic;
  std::string_view body;
};

struct Range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

struct No {
  std::uint64_t sequence = 0;
  std::int32_t error_class = 0;  // TALLY_TRANSIENT or TALLY_PERMANENT
  std::string_view reason;
};

void put_hello(std::string& out, const Hello& hello);
void put_message(std::string& out, const MessageFrame& message);
void put_ok(std::string& out, const std::vector<Range>& ranges);
void put_no(std::string& out, const No& no);

// Each reads the payload of a frame of its type; false: rubbish.
bool get_hello(std::string_view payload, Hello& hello);
bool get_message(std::string_view payload, MessageFrame& message);
bool get_ok(std::string_view payload, std::vector<Range>& ranges);
bool get_no(std::string_view payload, No& no);

struct Frame {
  FrameType type = FrameType::hello;
  std::string_view payload;
};

// Cuts a stream into frames. Holds at most one frame and what was fed with it.
class Decoder {
 public:
  enum class Got {
    nothing,    // feed more
    frame,      // `frame` is set; valid until the next feed()
    too_large,  // a message longer than allowed: `frame` holds its sequence alone, its body is passed over
    rubbish,    // not this language: give the connection up
  };

  explicit Decoder(std::uint32_t max_message) : max_message_(max_message) {}

  void feed(std::string_view bytes);
  Got next(Frame& frame);
  // Whether a frame has begun and not ended.
  bool inside() const { return skip_ > 0 || at_ < buffer_.size(); }

 private:
  std::uint32_t max_message_;
  bool greeted_ = false;
  std::uint64_t skip_ = 0;  // bytes of a too large message still to come
  std::string buffer_;
  std::size_t at_ = 0;
};

}  // namespace tally::local

#endif
