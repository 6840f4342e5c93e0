// Follows a compiled path through one message.
// Not for compiling: path.h is the way in.
#ifndef TALLY_METERS_PATHS_EVALUATION_H
#define TALLY_METERS_PATHS_EVALUATION_H

#include <string_view>
#include <vector>

#include "paths/path.h"
#include "paths/syntax_tree.h"

namespace meters {

// One path, one message. Every value found costs steps, so that no message keeps it busy.
class Evaluation {
 public:
  Evaluation(const Node& root, Arena& arena) : arena_(arena), root_(new_datum({&root})) {}

  void find(const Expr& expr, Matches& found) { find(expr, root_, found); }

 private:
  void find(const Expr& expr, const Datum* at, Matches& found);
  void fields(const Expr& expr, const Datum* at, Matches& found);
  void index(const Expr& expr, const Datum* at, Matches& found);
  void slice(const Expr& expr, const Datum* at, Matches& found);
  void child(const Expr& expr, const Datum* at, Matches& found);
  void descend(const Expr& right, const Datum* at, Matches& found);
  void text_function(const Expr& expr, const Datum* at, Matches& found);
  void length_of(const Datum* at, Matches& found);
  // path_filter.cc
  void filter(const Expr& expr, const Datum* at, Matches& found);
  bool passes(const Test& test, const Node& item);
  bool compares(const Test& test, const Node& value);
  // path_order.cc
  void sort(const Expr& expr, const Datum* at, Matches& found);
  bool before(const Expr& expr, const Node& a, const Node& b);
  const Node* only(const Expr& path, const Node& item);
  // path_arithmetic.cc
  void arithmetic(const Expr& expr, const Datum* at, Matches& found);
  void operand(const Expr& expr, const Datum* at, Matches& found);
  const Node* calculate(char op, const Node& a, const Node& b);
  const Node* repeat(const Node& what, const Node& times);
  const Node* array_of(const std::vector<Node>& items);

  void charge(std::size_t steps);
  const Datum* new_datum(const Datum& datum);
  void put(Matches& found, const Datum& datum) { found.push_back(new_datum(datum)); }

  static constexpr std::size_t kRegexSteps = 200;
  static constexpr std::size_t kLongestText = std::size_t{1} << 20;

  Arena& arena_;
  std::size_t steps_ = 0;
  const Datum* root_;
};

}  // namespace meters

#endif
