// An attribute of a definition as Ceilometer writes one: keys down into an entry, then operations, "a.b | value * 2".
// Not for the operations themselves: expression.h.
#ifndef TALLY_OPENSTACK_ATTRIBUTE_H
#define TALLY_OPENSTACK_ATTRIBUTE_H

#include <string>
#include <string_view>
#include <vector>

#include "expression.h"

namespace tally::openstack {

// Immutable; any thread.
class Attribute {
 public:
  // Throws BadExpression.
  static Attribute parse(std::string_view text);

  // Throws NotThere where a key is not there, NoValue where an operation has no result; both name what of the
  // attribute.
  Value evaluate(const Value& entry) const;

  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::vector<std::string> keys_;  // none: the whole entry
  std::vector<Expression> operations_;
};

}  // namespace tally::openstack

#endif
