// Arithmetic between what paths find and constants: in exact decimals, and + and * of texts and lists.
// Not for numbers that become volumes: sample.cc.
#include <tally/sdk/error.h>

#include <algorithm>
#include <memory>
#include <new>

#include "paths/evaluation.h"

namespace meters {

void Evaluation::operand(const Expr& expr, const Datum* at, Matches& found) {
  if (expr.kind == Expr::Kind::text) return put(found, {keep(arena_, string_node(expr.text))});
  if (expr.kind != Expr::Kind::number) return find(expr, at, found);
  Node node;
  node.kind = Node::Kind::number;
  node.raw = expr.text;
  put(found, {keep(arena_, node)});
}

// Pair by pair; a constant goes with each. One pair that cannot be calculated leaves nothing at all.
void Evaluation::arithmetic(const Expr& expr, const Datum* at, Matches& found) {
  if (expr.kind != Expr::Kind::arithmetic) return operand(expr, at, found);
  const auto constant = [](const Expr& side) {
    return side.kind == Expr::Kind::text || side.kind == Expr::Kind::number;
  };
  Matches left, right;
  operand(*expr.left, at, left);
  operand(*expr.right, at, right);
  const bool same_left = constant(*expr.left), same_right = constant(*expr.right);
  if (!same_left && !same_right && left.size() != right.size()) return;
  const std::size_t pairs = same_left ? right.size() : left.size();
  Matches made;
  for (std::size_t i = 0; i < pairs; ++i) {
    const Node* value = calculate(expr.op, *left[same_left ? 0 : i]->value, *right[same_right ? 0 : i]->value);
    if (value == nullptr) return;
    put(made, {value});
  }
  found.insert(found.end(), made.begin(), made.end());
}

// Null where the two do not go together.
const Node* Evaluation::calculate(char op, const Node& a, const Node& b) {
  const auto numeric = [](const Node& node) {
    return node.kind == Node::Kind::number || node.kind == Node::Kind::boolean;
  };
  if (numeric(a) && numeric(b)) {
    const auto x = as_number(a), y = as_number(b);
    const auto made = !x || !y    ? std::nullopt
                      : op == '+' ? tally::Decimal::add(*x, *y)
                      : op == '-' ? tally::Decimal::sub(*x, *y)
                                  : tally::Decimal::mul(*x, *y);
    if (!made)
      throw tally::Error::permanent(as_text(a) + " " + op + " " + as_text(b) +
                                    " needs more than 38 digits or 18 decimal places");
    return keep(arena_, number_node(arena_, *made));
  }
  if (op == '*') return is_integer(b) ? repeat(a, b) : is_integer(a) ? repeat(b, a) : nullptr;
  if (op != '+' || a.kind != b.kind) return nullptr;
  if (a.is_string()) {
    if (a.text.size() + b.text.size() > kLongestText) throw tally::Error::permanent("a path makes a text over 1 MiB");
    charge((a.text.size() + b.text.size()) / 64);
    return keep(arena_, string_node(keep(arena_, std::string(a.text).append(b.text))));
  }
  if (!a.is_array()) return nullptr;
  std::vector<Node> items(a.items().begin(), a.items().end());
  items.insert(items.end(), b.items().begin(), b.items().end());
  return array_of(items);
}

const Node* Evaluation::repeat(const Node& what, const Node& times) {
  if (!what.is_string() && !what.is_array()) return nullptr;
  const auto count = as_number(times);
  const std::size_t size = what.is_string() ? what.text.size() : what.count * sizeof(Node);
  std::size_t repeats = 0;
  if (!count || *count > tally::Decimal(std::int64_t{kLongestText})) {
    if (size > 0) throw tally::Error::permanent("a path repeats a value more than a million times");
  } else if (size > 0 && !count->negative()) {
    repeats = static_cast<std::size_t>(count->to_double());
  }
  if (size * repeats > kLongestText) throw tally::Error::permanent("a path repeats a value to more than 1 MiB");
  charge(size * repeats / 64);
  if (what.is_string()) {
    std::string text;
    for (std::size_t i = 0; i < repeats; ++i) text += what.text;
    return keep(arena_, string_node(keep(arena_, text)));
  }
  std::vector<Node> items;
  for (std::size_t i = 0; i < repeats; ++i) items.insert(items.end(), what.items().begin(), what.items().end());
  return array_of(items);
}

const Node* Evaluation::array_of(const std::vector<Node>& items) {
  charge(items.size());
  Node list;
  list.kind = Node::Kind::array;
  list.count = static_cast<std::uint32_t>(items.size());
  if (!items.empty()) {
    Node* to = static_cast<Node*>(arena_.allocate(items.size() * sizeof(Node), alignof(Node)));
    std::uninitialized_copy(items.begin(), items.end(), to);
    list.first = to;
  }
  return keep(arena_, list);
}

}  // namespace meters
