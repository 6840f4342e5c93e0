// See scan.h.
#include "values/scan.h"

#include <string>

namespace meters {

void Scan::fail(const char* why) const {
  throw NotJson("the message is not JSON: " + std::string(why) + " at byte " + std::to_string(at_ - begin_) + " of " +
                std::to_string(end_ - begin_));
}

void Scan::take(Node& node, Arena& arena) {
  node = Node();
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
    if (!tally::json_scan::is_number(from, at_)) fail("no value at all stands");
  }
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
