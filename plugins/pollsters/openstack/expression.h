// The part of Python's expressions that attributes of definitions may use, made for reading JSON and nothing else.
// Not for the keys before the first "|": attribute.h.
//
// There is nothing in it that could reach outside: its functions are those that the parser knows by name, it has no
// assignment and no loop but the one over a list, and a calculation ends after a set number of steps.
#ifndef TALLY_OPENSTACK_EXPRESSION_H
#define TALLY_OPENSTACK_EXPRESSION_H

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "value.h"

namespace tally::openstack {

// An expression that cannot be read, or that needs what is not offered.
struct BadExpression : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Node;

// Immutable; any thread.
class Expression {
 public:
  // Throws BadExpression with what is wrong and where.
  static Expression parse(std::string_view text);

  // What the text is with `value` as the variable of that name. Throws NoValue; the result may look into `value`'s
  // tree.
  Value evaluate(const Value& value) const;

 private:
  explicit Expression(std::shared_ptr<const Node> root) : root_(std::move(root)) {}

  std::shared_ptr<const Node> root_;
};

}  // namespace tally::openstack

#endif
