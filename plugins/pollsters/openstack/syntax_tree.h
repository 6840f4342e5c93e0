// The tree that an expression is read into, and the functions that it may call.
// Not for callers of expressions: expression.h.
#ifndef TALLY_OPENSTACK_SYNTAX_TREE_H
#define TALLY_OPENSTACK_SYNTAX_TREE_H

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "value.h"

namespace tally::openstack {

enum class Op {
  constant,
  variable,
  list,
  map,  // a key, its value, the next key, …
  negative,
  logical_not,
  logical_and,
  logical_or,
  add,
  subtract,
  multiply,
  divide,
  floor_divide,
  modulo,
  equal,
  unequal,
  less,
  less_equal,
  greater,
  greater_equal,
  in,
  not_in,
  is,
  is_not,
  conditional,    // condition, then, else
  index,          // of, at
  slice,          // of, from, to; an absent bound is the constant None
  function,       // name; the arguments
  method,         // name; the object, the arguments
  lambda,         // names; the body
  comprehension,  // names; the element, the list, the condition if there is one
};

struct Node {
  Op op = Op::constant;
  Value constant{};
  std::string name{};
  std::vector<std::string> names{};
  std::vector<Node> children{};
};

// What a calculation may cost.
class Budget {
 public:
  void spend(std::size_t steps) {
    if (steps > left_) throw NoValue("the calculation takes too long");
    left_ -= steps;
  }

 private:
  std::size_t left_ = 1'000'000;
};

// A function or a method with the numbers of arguments that it takes; null where there is none of that name.
struct Callable {
  std::string_view name;
  std::size_t least, most;                                             // arguments, without a method's object
  Value (*call)(const std::vector<Value>& arguments, Budget& budget);  // a method's object first
};
const Callable* find_function(std::string_view name);
const Callable* find_method(std::string_view name);
// "int, float, …", for messages.
std::string function_names();
std::string method_names();

// Decimals as Python's numbers; each throws NoValue where the result does not fit. Division is rounded half-even to 18
// places.
Decimal divide(const Decimal& a, const Decimal& b);
Decimal floor_divide(const Decimal& a, const Decimal& b);  // exact
Decimal truncate(const Decimal& value);
Decimal round_to(const Decimal& value, int places);

}  // namespace tally::openstack

#endif
