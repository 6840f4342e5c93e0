// What stands between brackets: names, indexes, slices, filters, orders. The rest of PathParser is in path_parser.cc.
#include <charconv>

#include "paths/parser.h"

namespace meters {

namespace {

std::int64_t integer(const Token& token) {
  std::int64_t value = 0;
  const char* end = token.text.data() + token.text.size();
  if (std::from_chars(token.text.data(), end, value).ec != std::errc() || value > INT32_MAX || value < -INT32_MAX)
    throw PathFault{token.column, "the index " + token.text + " is too large"};
  return value;
}

Test::Op operation(const std::string& sign) {
  if (sign == "!=") return Test::Op::unequal;
  if (sign == "<") return Test::Op::less;
  if (sign == "<=") return Test::Op::less_equal;
  if (sign == ">") return Test::Op::greater;
  if (sign == ">=") return Test::Op::greater_equal;
  return sign == "~" ? Test::Op::matches : Test::Op::equal;
}

}  // namespace

PathParser::Made PathParser::bracket() {
  expect('[', "here");
  Made made;
  if (now().kind == Token::Kind::name) {
    made = names();
  } else if (skip('?')) {
    made = std::make_unique<Expr>();
    made->kind = Expr::Kind::filter;
    made->tests = tests();
  } else if (now().kind == Token::Kind::sort) {
    made = sorts();
  } else {
    made = slice();
  }
  expect(']', "at the bracket's end");
  return made;
}

PathParser::Made PathParser::slice() {
  auto made = std::make_unique<Expr>();
  made->kind = Expr::Kind::slice;
  if (skip('*')) return made;
  const bool begins = now().kind == Token::Kind::integer;
  if (begins) made->from = integer(take());
  if (!skip(':')) {
    if (!begins) fail("none of: [name], ['name'], [n], [n:m], [*], [?filter], [/order]");
    made->kind = Expr::Kind::index;
    return made;
  }
  if (now().kind == Token::Kind::integer) made->to = integer(take());
  return made;
}

PathParser::Made PathParser::sorts() {
  auto made = std::make_unique<Expr>();
  made->kind = Expr::Kind::sort;
  while (now().kind == Token::Kind::sort) {
    SortKey key;
    key.descending = take().text == "\\";
    key.path = arithmetic();
    made->keys.push_back(std::move(key));
  }
  return made;
}

std::vector<Test> PathParser::tests() {
  std::vector<Test> all;
  do {
    if (!now().is('(')) {
      all.push_back(test());
      continue;
    }
    // Either conditions together, or a path that begins with a parenthesis.
    ++at_;
    if (++depth_ > 64) fail("nested deeper than 64 levels");
    std::vector<Test> inner = tests();
    --depth_;
    expect(')', "after what is in parentheses");
    if (inner.size() == 1 && inner[0].op == Test::Op::exists) {
      inner[0].path = continued(std::move(inner[0].path), 0);
      compare_with(inner[0]);
    }
    for (Test& one : inner) all.push_back(std::move(one));
  } while (skip('&'));
  return all;
}

Test PathParser::test() {
  Test made;
  made.path = arithmetic();
  compare_with(made);
  return made;
}

void PathParser::compare_with(Test& test) {
  if (now().kind != Token::Kind::compare) return;
  test.op = operation(take().text);
  const Token& right = now();
  test.text = right.text;
  switch (right.kind) {
    case Token::Kind::name:
      test.against = Test::Against::text;
      break;
    case Token::Kind::boolean:
      test.against = Test::Against::boolean;
      test.number = right.text == "true" ? 1 : 0;
      break;
    case Token::Kind::integer:
    case Token::Kind::number: {
      test.against = right.kind == Token::Kind::integer ? Test::Against::integer : Test::Against::number;
      const auto value = tally::Decimal::parse(right.text);
      if (!value) fail("the number " + right.text + " cannot be held");
      test.number = *value;
      break;
    }
    default:
      fail("a text, a number, true or false should stand here");
  }
  if (test.op == Test::Op::matches) {
    std::string why;
    test.regex = Regex::compile(test.text, why);
    if (!test.regex) fail("no regular expression: " + why);
  }
  ++at_;
}

}  // namespace meters
