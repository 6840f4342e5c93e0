// See tree.h.
#include "values/json_tree.h"

#include <memory>
#include <vector>

#include "values/scan.h"

namespace meters {

namespace {

constexpr int kDepth = 128;

Node read(Scan& scan, Arena& arena, int depth);

// The items of one array or object, moved to the arena when their number is known.
void read_items(Scan& scan, Arena& arena, int depth, Node& node) {
  if (depth == kDepth) scan.fail("it is nested deeper than 128 levels");
  std::vector<Node> items;
  const bool object = node.is_object();
  const char end = object ? '}' : ']';
  scan.expect(object ? '{' : '[');
  if (!scan.skip(end)) {
    do {
      std::string_view key;
      if (object) {
        bool escaped = false;
        key = scan.string(escaped);
        if (escaped) key = unescape(key, arena, scan);
        scan.expect(':');
      }
      items.push_back(read(scan, arena, depth + 1));
      items.back().key = key;
    } while (scan.skip(','));
    scan.expect(end);
  }
  node.count = static_cast<std::uint32_t>(items.size());
  if (items.empty()) return;
  Node* to = static_cast<Node*>(arena.allocate(items.size() * sizeof(Node), alignof(Node)));
  std::uninitialized_copy(items.begin(), items.end(), to);
  node.first = to;
}

Node read(Scan& scan, Arena& arena, int depth) {
  const char kind = scan.next();
  Node node;
  if (kind != '{' && kind != '[') {
    scan.take(node, arena);
    return node;
  }
  node.kind = kind == '{' ? Node::Kind::object : Node::Kind::array;
  const char* from = scan.here();
  read_items(scan, arena, depth, node);
  node.raw = {from, static_cast<std::size_t>(scan.here() - from)};
  return node;
}

}  // namespace

Node read_tree(std::string_view json, Arena& arena) {
  Scan scan(json);
  const Node node = read(scan, arena, 0);
  if (scan.next() != '\0' || !scan.done()) scan.fail("more stands after the value");
  return node;
}

}  // namespace meters
