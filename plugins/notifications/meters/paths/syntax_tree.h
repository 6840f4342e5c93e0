// A path after parsing: a tree of steps.
// Not for reading or following one: path_parser.cc and path_eval.cc.
#ifndef TALLY_METERS_PATHS_SYNTAX_TREE_H
#define TALLY_METERS_PATHS_SYNTAX_TREE_H

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "paths/regex.h"
#include "values/node.h"

namespace meters {

struct Expr;

// One condition of a filter: a path that finds something, or something that compares with a constant.
struct Test {
  enum class Op { exists, equal, unequal, less, less_equal, greater, greater_equal, matches };
  std::unique_ptr<Expr> path;
  Op op = Op::exists;
  enum class Against { text, integer, number, boolean } against = Against::text;
  std::string text;
  tally::Decimal number;
  std::optional<Regex> regex;
};

struct SortKey {
  std::unique_ptr<Expr> path;
  bool descending = false;
};

struct Expr {
  enum class Kind {
    root,         // $
    self,         // @, `this`
    parent,       // `parent`
    fields,       // names
    index,        // [from]
    slice,        // [from:to]
    child,        // left.right
    descendants,  // left..right
    unite,        // left|right
    where,        // left where right
    filter,       // [?tests]
    sort,         // [\key,/key]
    sorted,       // `sorted`
    length,       // `len`
    split,        // `split(text, from, to)`
    sub,          // `sub(/regex/, text)`
    arithmetic,   // left op right
    text,         // a constant in arithmetic
    number,       // the same
  };

  Kind kind = Kind::self;
  char op = 0;
  bool every = false;  // fields: *
  std::unique_ptr<Expr> left, right;
  std::vector<std::string> names;
  std::optional<std::int64_t> from, to;
  std::vector<Test> tests;
  std::vector<SortKey> keys;
  std::string text;
  std::optional<Regex> regex;
  bool integer = false;  // number
};

}  // namespace meters

#endif
