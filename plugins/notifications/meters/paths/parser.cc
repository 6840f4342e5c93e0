// See path_parser.h. The part between brackets is in path_brackets.cc, functions in path_functions.cc.
#include "paths/parser.h"

#include <algorithm>

#include "paths/functions.h"

namespace meters {

namespace {

constexpr int kDeepest = 64;

std::unique_ptr<Expr> pair(Expr::Kind kind, std::unique_ptr<Expr> left, std::unique_ptr<Expr> right, char op = 0) {
  auto made = std::make_unique<Expr>();
  made->kind = kind;
  made->left = std::move(left);
  made->right = std::move(right);
  made->op = op;
  return made;
}

struct Binary {
  Expr::Kind kind;
  int strength;  // 0: none here
};

Binary binary(const Token& token) {
  if (token.kind == Token::Kind::descend) return {Expr::Kind::descendants, 1};
  if (token.is('.')) return {Expr::Kind::child, 2};
  if (token.is('|')) return {Expr::Kind::unite, 3};
  if (token.kind == Token::Kind::where) return {Expr::Kind::where, 5};
  return {Expr::Kind::self, 0};
}

// In arithmetic a name alone is a text.
void as_constant(Expr& expr) {
  if (expr.kind != Expr::Kind::fields || expr.names.size() != 1) return;
  expr.kind = Expr::Kind::text;
  expr.text = expr.names[0];
}

char operator_of(const Token& token) {
  for (const char op : {'+', '-', '*'})
    if (token.is(op)) return op;
  return 0;
}

std::unique_ptr<Expr> calculate(char op, std::unique_ptr<Expr> left, std::unique_ptr<Expr> right) {
  as_constant(*left);
  as_constant(*right);
  return pair(Expr::Kind::arithmetic, std::move(left), std::move(right), op);
}

}  // namespace

struct PathParser::Deeper {
  explicit Deeper(PathParser& parser) : depth(parser.depth_) {
    if (++depth > kDeepest) parser.fail("nested deeper than 64 levels");
  }
  ~Deeper() { --depth; }
  Deeper(const Deeper&) = delete;
  Deeper& operator=(const Deeper&) = delete;
  int& depth;
};

void PathParser::fail(const std::string& text) const { throw PathFault{now().column, text}; }

bool PathParser::skip(char sign) {
  if (!now().is(sign)) return false;
  ++at_;
  return true;
}

void PathParser::expect(char sign, const char* where) {
  if (!skip(sign)) fail(std::string("\"") + sign + "\" is missing " + where);
}

std::unique_ptr<Expr> PathParser::path() {
  Made made = arithmetic();
  if (now().kind == Token::Kind::sort && now().text == "/") fail("there is no division, multiply instead");
  if (now().is('&')) fail("\"&\" has a meaning in filters only");
  if (now().kind != Token::Kind::end) fail("\"" + now().text + "\" stands where nothing or an operator should");
  if (made->kind == Expr::Kind::number) throw PathFault{1, "a number alone is not a path"};
  return made;
}

PathParser::Made PathParser::arithmetic() {
  const Deeper deeper(*this);
  const std::size_t begin = at_;
  Made made = options_.right_to_left ? backwards(operand()) : sum();
  // The two ways agree while there is no more than one operator, or nothing but additions, or nothing but products.
  std::size_t pluses = 0, minuses = 0, products = 0;
  int inside = 0;
  for (std::size_t i = begin; i < at_; ++i) {
    inside += tokens_[i].is('(') || tokens_[i].is('[') ? 1 : tokens_[i].is(')') || tokens_[i].is(']') ? -1 : 0;
    if (inside > 0) continue;
    pluses += tokens_[i].is('+') ? 1 : 0;
    minuses += tokens_[i].is('-') ? 1 : 0;
    products += tokens_[i].is('*') && (i == begin || !tokens_[i - 1].is('.')) ? 1 : 0;
  }
  if (minuses > 1 || (minuses == 1 && pluses + products > 0) || (products > 0 && pluses > 0)) ambiguous_ = true;
  return made;
}

PathParser::Made PathParser::sum() {
  Made left = product();
  while (now().is('+') || now().is('-')) {
    const char op = take().text[0];
    left = calculate(op, std::move(left), product());
  }
  return left;
}

PathParser::Made PathParser::product() {
  Made left = operand();
  while (now().is('*')) {
    ++at_;
    left = calculate('*', std::move(left), operand());
  }
  return left;
}

// All operators alike, from the right.
PathParser::Made PathParser::backwards(Made left) {
  std::vector<std::pair<Made, char>> before;
  while (const char op = operator_of(now())) {
    ++at_;
    before.emplace_back(std::move(left), op);
    left = operand();
  }
  for (; !before.empty(); before.pop_back())
    left = calculate(before.back().second, std::move(before.back().first), std::move(left));
  return left;
}

PathParser::Made PathParser::operand() {
  if (now().kind != Token::Kind::integer && now().kind != Token::Kind::number) return steps(0);
  auto made = std::make_unique<Expr>();
  made->kind = Expr::Kind::number;
  made->integer = now().kind == Token::Kind::integer;
  made->text = now().text;
  const auto value = tally::Decimal::parse(made->text);
  if (!value) fail("the number " + made->text + " cannot be held");
  made->text = value->to_string();
  ++at_;
  return made;
}

PathParser::Made PathParser::steps(int floor) { return continued(primary(), floor); }

// Brackets belong to all that stands before them, operators to what their strength gives them.
PathParser::Made PathParser::continued(Made left, int floor) {
  for (;;) {
    if (floor == 0 && now().is('[')) {
      left = pair(Expr::Kind::child, std::move(left), bracket());
      continue;
    }
    const Binary next = binary(now());
    if (next.strength == 0 || next.strength <= floor) return left;
    ++at_;
    left = pair(next.kind, std::move(left), steps(next.strength));
  }
}

PathParser::Made PathParser::primary() {
  const Deeper deeper(*this);
  auto made = std::make_unique<Expr>();
  if (now().kind == Token::Kind::function) return function();
  if (now().kind == Token::Kind::name) return names();
  if (now().is('[')) return bracket();
  if (skip('$')) {
    made->kind = Expr::Kind::root;
  } else if (skip('@')) {
    made->kind = Expr::Kind::self;
  } else if (skip('*')) {
    made->kind = Expr::Kind::fields;
    made->every = true;
  } else if (skip('(')) {
    made = arithmetic();
    expect(')', "after what is in parentheses");
  } else if (now().kind == Token::Kind::end) {
    fail("it ends where a name or a path should stand");
  } else if (now().kind == Token::Kind::boolean) {
    fail("\"" + now().text + "\" is a value, put the name into quotes");
  } else {
    fail("\"" + now().text + "\" stands where a name or a path should");
  }
  return made;
}

PathParser::Made PathParser::names() {
  auto made = std::make_unique<Expr>();
  made->kind = Expr::Kind::fields;
  do {
    if (now().kind != Token::Kind::name) fail("a name is missing after the comma");
    made->every = made->every || now().text == "*";
    made->names.push_back(take().text);
  } while (skip(','));
  return made;
}

PathParser::Made PathParser::function() {
  std::string why;
  Made made = parse_function(now().text, why);
  if (!made) fail(why);
  ++at_;
  return made;
}

namespace {

// The names where the path is nothing but names and `$` at its front.
bool plain(const Expr& expr, std::vector<std::string>& names) {
  if (expr.kind == Expr::Kind::child) return plain(*expr.left, names) && plain(*expr.right, names);
  if (expr.kind == Expr::Kind::root) return names.empty();
  if (expr.kind != Expr::Kind::fields || expr.every || expr.names.size() != 1) return false;
  names.push_back(expr.names[0]);
  return true;
}

}  // namespace

std::optional<Path> Path::parse(std::string_view text, std::string& why, PathOptions options) {
  Path path;
  const auto wrong = [&](const std::string& reason) {
    why = "path \"" + std::string(text.substr(0, 200)) + "\": " + reason;
    return std::nullopt;
  };
  if (text.size() > kLongest) return wrong("longer than 4096 bytes");
  std::string reason;
  auto tokens = lex_path(text, reason);
  if (!tokens) return wrong(reason);
  path.rooted_ = tokens->front().is('$');
  try {
    PathParser parser(*std::move(tokens), options);
    path.expr_ = parser.path();
    path.ambiguous_ = parser.ambiguous();
  } catch (const PathFault& fault) {
    return wrong("column " + std::to_string(fault.column) + ": " + fault.text);
  }
  if (!plain(*path.expr_, path.names_)) path.names_.clear();
  return path;
}

}  // namespace meters
