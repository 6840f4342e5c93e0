// Writes and reads the frames of the local transport: u32 length, u8 type, payload; all numbers big-endian.
// Not for sockets.
#include "framing.h"

#include <algorithm>

namespace tally::local {
namespace {

constexpr std::string_view kHelloMagic = "TALLY";
constexpr std::size_t kPrefix = 4;          // the length
constexpr std::size_t kMessageFixed = 11;   // type, sequence, topic's length
constexpr std::size_t kHelloLength = 12;    // type, magic, version, limit
constexpr std::size_t kMostRanges = 65536;  // in one OK frame

void put(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

std::uint64_t get(std::string_view bytes, std::size_t at, std::size_t count) {
  std::uint64_t value = 0;
  for (char byte : bytes.substr(at, count)) value = (value << 8) | static_cast<unsigned char>(byte);
  return value;
}

void put_head(std::string& out, FrameType type, std::size_t payload) {
  put(out, payload + 1, 4);
  put(out, static_cast<std::uint8_t>(type), 1);
}

}  // namespace

void put_hello(std::string& out, const Hello& hello) {
  put_head(out, FrameType::hello, kHelloLength - 1);
  out.append(kHelloMagic);
  put(out, hello.version, 2);
  put(out, hello.max_message, 4);
}

bool get_hello(std::string_view payload, Hello& hello) {
  if (payload.size() < kHelloLength - 1 || payload.substr(0, kHelloMagic.size()) != kHelloMagic) return false;
  hello.version = static_cast<std::uint16_t>(get(payload, 5, 2));
  hello.max_message = static_cast<std::uint32_t>(get(payload, 7, 4));
  return true;
}

void put_message(std::string& out, const MessageFrame& message) {
  put_head(out, FrameType::message, kMessageFixed - 1 + message.topic.size() + message.body.size());
  put(out, message.sequence, 8);
  put(out, message.topic.size(), 2);
  out.append(message.topic);
  out.append(message.body);
}

bool get_message(std::string_view payload, MessageFrame& message) {
  if (payload.size() < kMessageFixed - 1) return false;
  const auto topic = static_cast<std::size_t>(get(payload, 8, 2));
  if (payload.size() < kMessageFixed - 1 + topic) return false;
  message.sequence = get(payload, 0, 8);
  message.topic = payload.substr(10, topic);
  message.body = payload.substr(10 + topic);
  return true;
}

void put_ok(std::string& out, const std::vector<Range>& ranges) {
  for (std::size_t at = 0; at < ranges.size(); at += kMostRanges) {
    const std::size_t count = std::min(ranges.size() - at, kMostRanges);
    put_head(out, FrameType::ok, count * 16);
    for (std::size_t i = at; i < at + count; ++i) {
      put(out, ranges[i].first, 8);
      put(out, ranges[i].last, 8);
    }
  }
}

bool get_ok(std::string_view payload, std::vector<Range>& ranges) {
  if (payload.size() % 16 != 0) return false;
  ranges.clear();
  for (std::size_t at = 0; at < payload.size(); at += 16) {
    ranges.push_back({get(payload, at, 8), get(payload, at + 8, 8)});
    if (ranges.back().first > ranges.back().last) return false;
  }
  return true;
}

void put_no(std::string& out, const No& no) {
  put_head(out, FrameType::no, 9 + no.reason.size());
  put(out, no.sequence, 8);
  put(out, static_cast<std::uint64_t>(no.error_class), 1);
  out.append(no.reason);
}

bool get_no(std::string_view payload, No& no) {
  if (payload.size() < 9) return false;
  no.sequence = get(payload, 0, 8);
  no.error_class = static_cast<std::int32_t>(get(payload, 8, 1));
  no.reason = payload.substr(9);
  return true;
}

void Decoder::feed(std::string_view bytes) {
  const auto passed = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, bytes.size()));
  skip_ -= passed;
  bytes.remove_prefix(passed);
  buffer_.erase(0, at_);
  at_ = 0;
  buffer_.append(bytes);
}

Decoder::Got Decoder::next(Frame& frame) {
  const std::string_view rest = std::string_view(buffer_).substr(at_);
  if (rest.size() < kPrefix) return Got::nothing;
  const auto length = static_cast<std::uint32_t>(get(rest, 0, 4));
  if (length == 0 || length > kAbsurdLength || (!greeted_ && length > 64)) return Got::rubbish;
  if (rest.size() < kPrefix + 1) return Got::nothing;
  const auto type = static_cast<std::uint8_t>(rest[kPrefix]);
  if (type < 1 || type > 4 || (!greeted_ && type != 1)) return Got::rubbish;
  frame.type = static_cast<FrameType>(type);
  const bool too_large = length > kMessageFixed + kMostTopic + std::uint64_t{max_message_};
  if (too_large) {
    if (frame.type != FrameType::message) return Got::rubbish;
    if (rest.size() < kPrefix + 9) return Got::nothing;
    frame.payload = rest.substr(kPrefix + 1, 8);
    const std::uint64_t whole = kPrefix + std::uint64_t{length};
    const auto here = static_cast<std::size_t>(std::min<std::uint64_t>(whole, rest.size()));
    skip_ = whole - here;
    at_ += here;
    return Got::too_large;
  }
  if (rest.size() < kPrefix + length) return Got::nothing;
  frame.payload = rest.substr(kPrefix + 1, length - 1);
  at_ += kPrefix + length;
  greeted_ = true;
  return Got::frame;
}

}  // namespace tally::local
