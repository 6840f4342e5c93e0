// A stream of the local transport: cut anywhere it gives the same frames, and a frame read is a frame written.
// Not for sockets, nor for what a frame leads to.
#include "local/framing.h"

#include <string>
#include <vector>

#include "fuzz.h"

namespace {

using namespace tally::local;
using tally::fuzz::require;

struct Seen {
  Decoder::Got got;
  FrameType type;
  std::string payload;
  bool operator==(const Seen&) const = default;
};

// Feeds the stream in pieces of `piece` bytes.
std::vector<Seen> frames(std::string_view stream, std::uint32_t max_message, std::size_t piece) {
  Decoder decoder(max_message);
  std::vector<Seen> seen;
  for (; !stream.empty(); stream.remove_prefix(std::min(piece, stream.size()))) {
    decoder.feed(stream.substr(0, piece));
    Frame frame;
    for (auto got = decoder.next(frame); got != Decoder::Got::nothing; got = decoder.next(frame)) {
      if (got == Decoder::Got::rubbish) {
        seen.push_back({got, FrameType::hello, {}});
        return seen;
      }
      seen.push_back({got, frame.type, std::string(frame.payload)});
    }
  }
  return seen;
}

void read(const Seen& frame) {
  Hello hello;
  static_cast<void>(get_hello(frame.payload, hello));
  No no;
  if (get_no(frame.payload, no)) require(no.reason.size() + 9 == frame.payload.size(), "a reason ends with its frame");
  std::vector<Range> ranges;
  if (get_ok(frame.payload, ranges)) require(ranges.size() * 16 == frame.payload.size(), "ranges are all read");
  MessageFrame message;
  if (!get_message(frame.payload, message)) return;
  std::string again;
  put_message(again, message);
  require(std::string_view(again).substr(5) == frame.payload, "a message that is written is the one read");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tally::fuzz::Input input(data, size);
  const auto max_message = static_cast<std::uint32_t>(input.number(2));
  const std::size_t piece = 1 + input.byte();
  const std::string_view stream = input.rest();
  const std::vector<Seen> whole = frames(stream, max_message, stream.size());
  require(frames(stream, max_message, piece) == whole, "where a stream is cut makes no difference");
  for (const Seen& frame : whole)
    if (frame.got == Decoder::Got::frame) read(frame);
  return 0;
}
