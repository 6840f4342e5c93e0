// Walks over JSON text without building anything: finds where strings and values end.
// Not for judging JSON: what is only skipped is not looked into; what is taken is checked by `take`.
#ifndef TALLY_PLUGINS_METERS_SCAN_H
#define TALLY_PLUGINS_METERS_SCAN_H

#include <string_view>

#include "node.h"

namespace meters {

// A place in a text that goes forward only, never past its end. Whatever is wrong throws tally::Error::permanent.
class Scan {
 public:
  explicit Scan(std::string_view text) : begin_(text.data()), at_(text.data()), end_(text.data() + text.size()) {}

  // Passes white space; the next character, or 0 at the end.
  char next() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
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

  // Passes a string; its characters between the quotes as written. `escaped`: whether there are backslashes.
  std::string_view string(bool& escaped);
  // Passes a value of any kind, looking at no more than where it ends; the text of it.
  std::string_view skip_value();
  // Passes a value and says what it is: a scalar is checked and a string's escapes resolved; arrays and objects are
  // only skipped, their items not read.
  Node take(Arena& arena);

  const char* here() const { return at_; }
  bool done() const { return at_ == end_; }

  [[noreturn]] void fail(const char* why) const;

 private:
  void skip_container();
  void skip_token();

  const char* begin_;
  const char* at_;
  const char* end_;
};

// The characters of a string whose escapes are still there. Half a surrogate pair becomes U+FFFD.
std::string_view unescape(std::string_view written, Arena& arena, const Scan& where);

}  // namespace meters

#endif
