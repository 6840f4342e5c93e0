// Makes a tree of steps out of a path's text.
// Not for following it: path_eval.cc.
#ifndef TALLY_METERS_PATHS_PARSER_H
#define TALLY_METERS_PATHS_PARSER_H

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "paths/lexer.h"
#include "paths/path.h"
#include "paths/syntax_tree.h"

namespace meters {

// A path is wrong at this column; caught by Path::parse.
struct PathFault {
  std::size_t column;
  std::string text;
};

// From weakest to strongest: + -, * /, [brackets], .., ., |, &, where. Throws PathFault.
class PathParser {
 public:
  PathParser(std::vector<Token> tokens, PathOptions options) : tokens_(std::move(tokens)), options_(options) {}

  std::unique_ptr<Expr> path();
  bool ambiguous() const { return ambiguous_; }

 private:
  using Made = std::unique_ptr<Expr>;
  struct Deeper;

  const Token& now() const { return tokens_[at_]; }
  const Token& take() { return tokens_[at_++]; }
  bool skip(char sign);
  void expect(char sign, const char* where);
  [[noreturn]] void fail(const std::string& text) const;

  Made arithmetic();
  Made sum();
  Made product();
  Made backwards(Made left);
  Made operand();
  Made steps(int floor);
  Made continued(Made left, int floor);
  Made primary();
  Made names();
  Made bracket();
  Made function();
  Made slice();
  Made sorts();
  std::vector<Test> tests();
  Test test();
  void compare_with(Test& test);

  std::vector<Token> tokens_;
  PathOptions options_;
  std::size_t at_ = 0;
  int depth_ = 0;
  bool ambiguous_ = false;
};

}  // namespace meters

#endif
