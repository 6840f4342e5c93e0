// See scan.h.
#include "scan.h"

#include <tally/sdk/error.h>

#include <string>

namespace meters {

namespace {

const char* digits_end(const char* at, const char* end) {
  while (at != end && *at >= '0' && *at <= '9') ++at;
  return at;
}

// As JSON writes numbers.
bool is_number(const char* at, const char* end) {
  if (at != end && *at == '-') ++at;
  const char* whole = digits_end(at, end);
  if (whole == at || (*at == '0' && whole != at + 1)) return false;
  at = whole;
  if (at != end && *at == '.') {
    const char* fraction = digits_end(at + 1, end);
    if (fraction == at + 1) return false;
    at = fraction;
  }
  if (at != end && (*at == 'e' || *at == 'E')) {
    ++at;
    if (at != end && (*at == '-' || *at == '+')) ++at;
    const char* exponent = digits_end(at, end);
    if (exponent == at) return false;
    at = exponent;
  }
  return at == end;
}

}  // namespace

void Scan::fail(const char* why) const {
  throw tally::Error::permanent("the message is not JSON: " + std::string(why) + " at byte " +
                                std::to_string(at_ - begin_) + " of " + std::to_string(end_ - begin_));
}

Node Scan::take(Arena& arena) {
  Node node;
  const char kind = next();
  const char* from = at_;
  if (kind == '"') {
    bool escaped = false;
    node.kind = Node::Kind::string;
    node.text = string(escaped);
    if (escaped) node.text = unescape(node.text, arena, *this);
  } else {
    skip_value();
  }
  node.raw = {from, static_cast<std::size_t>(at_ - from)};
  if (kind == '{' || kind == '[') {
    node.kind = kind == '{' ? Node::Kind::object : Node::Kind::array;
  } else if (kind == 't' || kind == 'f') {
    node.kind = Node::Kind::boolean;
    if (node.raw != "true" && node.raw != "false") fail("no value at all stands");
  } else if (kind == 'n') {
    if (node.raw != "null") fail("no value at all stands");
  } else if (kind != '"') {
    node.kind = Node::Kind::number;
    if (!is_number(from, at_)) fail("no value at all stands");
  }
  return node;
}

std::string_view unescape(std::string_view written, Arena& arena, const Scan& where) {
  char* const room = static_cast<char*>(arena.allocate(tally::json_scan::unescaped_room(written.size()), 1));
  char* to = room;
  const char* end = written.data() + written.size() + 1;
  if (tally::json_scan::unescape(written.data(), end, to, true) == nullptr)
    where.fail("an escape is none in a string before what stands");
  return {room, static_cast<std::size_t>(to - room)};
}

}  // namespace meters
