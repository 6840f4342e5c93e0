// Reads a JSON value whole, for the paths that need more than a few members of it.
// Not for paths of plain names: wants.h finds those without a tree.
#ifndef TALLY_METERS_VALUES_JSON_TREE_H
#define TALLY_METERS_VALUES_JSON_TREE_H

#include <string_view>

#include "values/node.h"

namespace meters {

// The value with all its items. Throws tally::Error::permanent where it is not JSON, or nested deeper than 128 levels.
Node read_tree(std::string_view json, Arena& arena);

}  // namespace meters

#endif
