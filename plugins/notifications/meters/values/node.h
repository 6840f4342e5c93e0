// One JSON value as paths see it: a piece of a message, or what a function made of one.
// Not for reading JSON: scan.h looks for pieces, tree.h reads whole values.
#ifndef TALLY_METERS_VALUES_NODE_H
#define TALLY_METERS_VALUES_NODE_H

#include <tally/model/decimal.h>

#include <compare>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace meters {

// What is made while a message is handled lives here, and goes all at once.
using Arena = std::pmr::monotonic_buffer_resource;

// A view: it and what it points to live as long as the message and the arena.
struct Node {
  enum class Kind : std::uint8_t { null, boolean, number, string, array, object };

  Kind kind = Kind::null;
  std::uint32_t count = 0;
  const Node* first = nullptr;  // of the items; null too where they were not read
  std::string_view raw;         // JSON as it was written; empty for what a function made
  std::string_view text;        // a string's characters
  std::string_view key;         // where this is a member of an object

  bool is_null() const { return kind == Kind::null; }
  bool is_object() const { return kind == Kind::object; }
  bool is_array() const { return kind == Kind::array; }
  bool is_string() const { return kind == Kind::string; }
  std::span<const Node> items() const { return {first, count}; }
  // The member of an object; of a key written twice the last. Null where there is none.
  const Node* at(std::string_view wanted) const;
};

std::string_view keep(Arena& arena, std::string_view text);
const Node* keep(Arena& arena, const Node& node);
Node string_node(std::string_view text);  // does not copy
Node number_node(Arena& arena, const tally::Decimal& value);

// Appends it as JSON.
void append_json(const Node& node, std::string& out);
// A string's characters, anything else as JSON.
std::string as_text(const Node& node);
// A number, or a boolean as 0 or 1; none for anything else and for what a decimal cannot hold.
std::optional<tally::Decimal> as_number(const Node& node);
// Whether a number was written without point and exponent; booleans are integers.
bool is_integer(const Node& node);

// Equal by value: 1 is 1.0, members in any order. At most 128 levels deep, as trees are.
bool equal(const Node& a, const Node& b);
// None where the two have no order: a text and a number, objects, null.
std::optional<std::strong_ordering> compare(const Node& a, const Node& b);

}  // namespace meters

#endif
