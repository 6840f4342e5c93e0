// Walks over JSON text without building anything: finds where strings and values end.
// Not for judging JSON: what is only skipped is not looked into; what is taken is checked by `take`.
#ifndef TALLY_METERS_VALUES_SCAN_H
#define TALLY_METERS_VALUES_SCAN_H

#include <tally/kit/json_scan.h>
#include <tally/sdk/error.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "values/node.h"

namespace meters {

// What may come next, as it is written: a key with its quotes and all signs and spaces before and after it.
class Expected {
 public:
  Expected() = default;
  // What is longer than there is room for is never met.
  explicit Expected(std::string_view written) {
    if (written.size() > text_.size()) return;
    std::memcpy(text_.data(), written.data(), written.size());
    size_ = static_cast<std::uint32_t>(written.size());
    mask_ = size_ == 32 ? UINT32_MAX : (std::uint32_t{1} << size_) - 1;
  }
  std::size_t size() const { return size_; }
  bool known() const { return size_ != 0; }
  bool meets(const char* at, const char* end) const {
    if (size_ == 0) return false;
#ifdef __SSE2__
    if (end - at >= 32) {
      using tally::json_scan::detail::block, tally::json_scan::detail::marks;
      const unsigned low = marks(_mm_cmpeq_epi8(block(at), block(text_.data()))) | ~0xffffU;
      if ((~low & mask_) != 0) return false;
      if (size_ <= 16) return true;
      const unsigned high = marks(_mm_cmpeq_epi8(block(at + 16), block(text_.data() + 16)));
      return (~high & mask_ >> 16) == 0;
    }
#endif
    return static_cast<std::size_t>(end - at) >= size_ && std::memcmp(at, text_.data(), size_) == 0;
  }

 private:
  std::array<char, 32> text_{};
  std::uint32_t size_ = 0;
  std::uint32_t mask_ = 0;
};

// Thrown where a message is not JSON.
class NotJson : public tally::Error {
 public:
  explicit NotJson(const std::string& why) : Error(tally::Outcome::permanent, why) {}
};

// A place in a text that goes forward only, never past its end. Whatever is wrong throws NotJson.
class Scan {
 public:
  explicit Scan(std::string_view text) : begin_(text.data()), at_(text.data()), end_(text.data() + text.size()) {}

  // Passes white space; the next character, or 0 at the end.
  char next() {
    at_ = tally::json_scan::space(at_, end_);
    return at_ == end_ ? '\0' : *at_;
  }
  // Passes `wanted`, which must come next.
  void expect(char wanted) {
    if (next() != wanted) fail("something else stands where a sign should");
    ++at_;
  }
  // Passes `wanted` where it comes next.
  bool skip(char wanted) {
    if (next() != wanted) return false;
    ++at_;
    return true;
  }
  // Passes what is expected where exactly that comes next.
  bool skip(const Expected& wanted) {
    if (!wanted.meets(at_, end_)) return false;
    at_ += wanted.size();
    return true;
  }

  // Passes a string; its characters between the quotes as written. `escaped`: whether there are backslashes.
  std::string_view string(bool& escaped) {
    expect('"');
    const char* from = at_;
    escaped = false;
    const char* to = tally::json_scan::string_end(from, end_, escaped);
    if (to == nullptr) fail("a string has a control character in it or does not end, which begins");
    at_ = to + 1;
    return {from, static_cast<std::size_t>(to - from)};
  }
  // Passes a value of any kind, looking at no more than where it ends.
  void skip_value() {
    next();
    const char* to = tally::json_scan::value_end(at_, end_);
    if (to == nullptr) fail("a value is missing or does not end, which begins");
    at_ = to;
  }
  // Passes a value and says what it is: a scalar is checked and a string's escapes resolved; arrays and objects are
  // only skipped, their items not read.
  void take(Node& node, Arena& arena);

  const char* here() const { return at_; }
  bool done() const { return at_ == end_; }

  [[noreturn]] void fail(const char* why) const;

 private:
  const char* begin_;
  const char* at_;
  const char* end_;
};

// The characters of a string whose escapes are still there. Half a surrogate pair becomes U+FFFD.
// REQUIRES: its closing quote stands after it.
std::string_view unescape(std::string_view written, Arena& arena, const Scan& where);

}  // namespace meters

#endif
