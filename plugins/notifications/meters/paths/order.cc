// Sorting lists, by themselves or by what paths find in their items.
// Not for the comparison of two values: node.h.
#include <algorithm>

#include "paths/evaluation.h"

namespace meters {

namespace {

// Stable, and safe with an order that contradicts itself, which sorting by several paths may have.
template <class Before>
void merge_sort(std::vector<Node>& items, Before before) {
  std::vector<Node> from(items.size());
  for (std::size_t width = 1; width < items.size(); width *= 2) {
    from.swap(items);
    for (std::size_t begin = 0, to = 0; begin < from.size(); begin += 2 * width) {
      const std::size_t middle = std::min(begin + width, from.size()), end = std::min(begin + 2 * width, from.size());
      for (std::size_t a = begin, b = middle; a < middle || b < end; ++to) {
        const bool second = a == middle || (b < end && before(from[b], from[a]));
        items[to] = second ? from[b++] : from[a++];
      }
    }
  }
}

}  // namespace

// The only value at `path`; null where there is none, or more.
const Node* Evaluation::only(const Expr& path, const Node& item) {
  Matches there;
  find(path, new_datum({&item}), there);
  return there.size() == 1 ? there[0]->value : nullptr;
}

bool Evaluation::before(const Expr& expr, const Node& a, const Node& b) {
  charge(1);
  for (const SortKey& key : expr.keys) {
    const Node* left = only(*key.path, a);
    const Node* right = only(*key.path, b);
    if (left == nullptr || right == nullptr || equal(*left, *right)) continue;
    if (const auto order = compare(*left, *right); order && *order != 0)
      return key.descending ? *order > 0 : *order < 0;
  }
  return false;
}

// One value: the list in its order. `sorted` makes a list of an object's names, and nothing of a list whose items have
// no order. What is neither stays what it is.
void Evaluation::sort(const Expr& expr, const Datum* at, Matches& found) {
  const Node& value = *at->value;
  const bool by_keys = expr.kind == Expr::Kind::sort;
  if (!value.is_array() && (by_keys || !value.is_object())) return found.push_back(at);
  std::vector<Node> items(value.items().begin(), value.items().end());
  if (value.is_object()) {
    items.clear();
    for (const Node& member : value.items())
      if (value.at(member.key) == &member) items.push_back(string_node(member.key));
  }
  bool ordered = true;
  merge_sort(items, [&](const Node& a, const Node& b) {
    if (by_keys) return before(expr, a, b);
    charge(1);
    const auto order = compare(a, b);
    ordered = ordered && order.has_value();
    return order && *order < 0;
  });
  if (ordered) put(found, {array_of(items)});
}

}  // namespace meters
