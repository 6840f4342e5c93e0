// See node.h. Not for arithmetic: path_arithmetic.cc.
#include "values/node.h"

#include <tally/kit/json.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace meters {

const Node* Node::at(std::string_view wanted) const {
  if (kind != Kind::object) return nullptr;
  for (std::uint32_t i = count; i-- > 0;)
    if (first[i].key == wanted) return &first[i];
  return nullptr;
}

std::string_view keep(Arena& arena, std::string_view text) {
  if (text.empty()) return "";
  char* to = static_cast<char*>(arena.allocate(text.size(), 1));
  std::memcpy(to, text.data(), text.size());
  return {to, text.size()};
}

const Node* keep(Arena& arena, const Node& node) {
  return new (arena.allocate(sizeof(Node), alignof(Node))) Node(node);
}

Node string_node(std::string_view text) {
  Node node;
  node.kind = Node::Kind::string;
  node.text = text;
  return node;
}

Node number_node(Arena& arena, const tally::Decimal& value) {
  Node node;
  node.kind = Node::Kind::number;
  node.raw = keep(arena, value.to_string());
  return node;
}

void append_json(const Node& node, std::string& out) {
  if (!node.raw.empty()) {
    out += node.raw;
  } else if (node.is_string()) {
    out += tally::json_detail::quote(node.text);
  } else if (node.is_array() || node.is_object()) {
    out += node.is_array() ? '[' : '{';
    for (const Node& item : node.items()) {
      if (&item != node.first) out += ',';
      if (node.is_object()) out += tally::json_detail::quote(item.key) + ':';
      append_json(item, out);
    }
    out += node.is_array() ? ']' : '}';
  } else {
    out += "null";
  }
}

std::string as_text(const Node& node) {
  if (node.is_string()) return std::string(node.text);
  std::string out;
  append_json(node, out);
  return out;
}

std::optional<tally::Decimal> as_number(const Node& node) {
  if (node.kind == Node::Kind::number) return tally::Decimal::parse(node.raw);
  if (node.kind == Node::Kind::boolean) return tally::Decimal(node.raw == "true" ? 1 : 0);
  return std::nullopt;
}

bool is_integer(const Node& node) {
  if (node.kind == Node::Kind::boolean) return true;
  return node.kind == Node::Kind::number && node.raw.find_first_of(".eE") == std::string_view::npos;
}

bool equal(const Node& a, const Node& b) {
  const auto number = as_number(a), other = as_number(b);
  if (number || other) return number == other;
  if (a.kind != b.kind) return false;
  if (a.is_string()) return a.text == b.text;
  if (a.is_array()) {
    return std::equal(a.items().begin(), a.items().end(), b.items().begin(), b.items().end(), equal);
  }
  if (a.is_object()) {
    const auto within = [](const Node& one, const Node& two) {
      return std::all_of(one.items().begin(), one.items().end(), [&](const Node& member) {
        const Node* same = two.at(member.key);
        return same != nullptr && equal(*one.at(member.key), *same);
      });
    };
    return within(a, b) && a.count == b.count;
  }
  return a.raw == b.raw;
}

std::optional<std::strong_ordering> compare(const Node& a, const Node& b) {
  const auto number = as_number(a), other = as_number(b);
  if (number && other) return *number <=> *other;
  if (a.is_string() && b.is_string()) return a.text <=> b.text;
  if (!a.is_array() || !b.is_array()) return std::nullopt;
  for (std::uint32_t i = 0; i < std::min(a.count, b.count); ++i) {
    if (equal(a.first[i], b.first[i])) continue;
    return compare(a.first[i], b.first[i]);
  }
  return a.count <=> b.count;
}

}  // namespace meters
