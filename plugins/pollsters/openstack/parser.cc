// Reads the words of an expression by a descent in the order of Python's precedence.
// Not for the words themselves: words.h; nor for what an expression is worth: evaluate.cc.
#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "expression.h"
#include "lexer.h"
#include "syntax_tree.h"

namespace tally::openstack {
namespace {

constexpr std::size_t kLongest = 4096;
constexpr int kDeepest = 64;

class Parser {
 public:
  explicit Parser(std::string_view text) {
    if (text.size() > kLongest) throw BadExpression("longer than " + std::to_string(kLongest) + " bytes");
    words_ = words_of(text);
  }

  Node whole() {
    Node root = expression();
    if (here().kind != Word::Kind::end) unexpected();
    return root;
  }

 private:
  const Word& here() const { return words_[at_]; }
  [[noreturn]] void unexpected() const { fail(here().at, "\"" + here().text + "\" is not expected"); }
  bool is(std::string_view text) const {
    return here().text == text && (here().kind == Word::Kind::symbol || here().kind == Word::Kind::name);
  }
  bool take(std::string_view text) { return is(text) && (++at_, true); }
  void need(std::string_view text) {
    if (!take(text)) fail(here().at, "\"" + std::string(text) + "\" is missing before \"" + here().text + "\"");
  }

  // Counts how deep the descent is, for as long as it lives.
  struct Deeper {
    explicit Deeper(Parser& of) : parser(of) {
      if (++parser.depth_ > kDeepest) fail(parser.here().at, "nested too deep");
    }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;
    ~Deeper() { --parser.depth_; }
    Parser& parser;
  };

  static Node join(Op op, std::vector<Node> children) { return {.op = op, .children = std::move(children)}; }
  static Node constant(Value value) { return {.op = Op::constant, .constant = std::move(value)}; }

  Node expression() {
    const Deeper deeper(*this);
    Node node = disjunction();
    if (!take("if")) return node;
    Node condition = disjunction();
    need("else");
    Node otherwise = expression();
    std::vector<Node> children;
    children.push_back(std::move(condition));
    children.push_back(std::move(node));
    children.push_back(std::move(otherwise));
    return join(Op::conditional, std::move(children));
  }

  Node pair(Op op, Node left, Node right) {
    if (++operators_ > 256) fail(here().at, "more than 256 operators");
    std::vector<Node> children;
    children.push_back(std::move(left));
    children.push_back(std::move(right));
    return join(op, std::move(children));
  }
  Node single(Op op, Node operand) {
    std::vector<Node> children;
    children.push_back(std::move(operand));
    return join(op, std::move(children));
  }

  Node disjunction() {
    Node node = conjunction();
    while (take("or")) node = pair(Op::logical_or, std::move(node), conjunction());
    return node;
  }
  Node conjunction() {
    Node node = negation();
    while (take("and")) node = pair(Op::logical_and, std::move(node), negation());
    return node;
  }
  Node negation() {
    const Deeper deeper(*this);
    if (take("not")) return single(Op::logical_not, negation());
    return comparison();
  }

  std::optional<Op> comparison_sign() {
    static constexpr std::array<std::pair<std::string_view, Op>, 7> kSigns = {{{"==", Op::equal},
                                                                               {"!=", Op::unequal},
                                                                               {"<=", Op::less_equal},
                                                                               {">=", Op::greater_equal},
                                                                               {"<", Op::less},
                                                                               {">", Op::greater},
                                                                               {"in", Op::in}}};
    for (const auto& [sign, op] : kSigns)
      if (take(sign)) return op;
    if (take("is")) return take("not") ? Op::is_not : Op::is;
    if (!take("not")) return std::nullopt;
    need("in");
    return Op::not_in;
  }
  Node comparison() {
    Node node = sum();
    const std::optional<Op> op = comparison_sign();
    if (!op) return node;
    node = pair(*op, std::move(node), sum());
    const std::size_t at = here().at;
    if (comparison_sign()) fail(at, "a chain of comparisons is not offered, join two with \"and\"");
    return node;
  }

  Node sum() {
    Node node = product();
    while (true) {
      if (take("+")) {
        node = pair(Op::add, std::move(node), product());
      } else if (take("-")) {
        node = pair(Op::subtract, std::move(node), product());
      } else {
        return node;
      }
    }
  }
  Node product() {
    Node node = factor();
    while (true) {
      const Op op = is("*") ? Op::multiply : is("/") ? Op::divide : is("//") ? Op::floor_divide : Op::modulo;
      if (op == Op::modulo && !is("%")) return node;
      ++at_;
      node = pair(op, std::move(node), factor());
    }
  }
  Node factor() {
    const Deeper deeper(*this);
    if (take("-")) return single(Op::negative, factor());
    if (take("+")) return factor();
    Node node = atom();
    while (true) {
      if (take("[")) {
        node = subscript(std::move(node));
      } else if (take(".")) {
        node = method(std::move(node));
      } else {
        return node;
      }
    }
  }

  Node subscript(Node of) {
    if (++operators_ > 256) fail(here().at, "more than 256 operators");
    Node from = is(":") ? constant({}) : expression();
    if (take("]")) return pair(Op::index, std::move(of), std::move(from));
    need(":");
    Node to = is("]") ? constant({}) : expression();
    need("]");
    std::vector<Node> children;
    children.push_back(std::move(of));
    children.push_back(std::move(from));
    children.push_back(std::move(to));
    return join(Op::slice, std::move(children));
  }

  Node method(Node of) {
    if (++operators_ > 256) fail(here().at, "more than 256 operators");
    const Word name = name_word();
    const Callable* known = find_method(name.text);
    if (known == nullptr) fail(name.at, "the method \"" + name.text + "\" is not offered; there are " + method_names());
    need("(");
    Node node{.op = Op::method, .name = name.text};
    node.children.push_back(std::move(of));
    arguments(node, *known, name);
    return node;
  }

  void arguments(Node& node, const Callable& known, const Word& name) {
    const std::size_t before = node.children.size();
    if (!take(")")) {
      do node.children.push_back(is("lambda") ? lambda() : expression());
      while (take(","));
      if (is("for")) fail(here().at, "a loop in a call is not offered, put it in brackets");
      need(")");
    }
    const std::size_t count = node.children.size() - before;
    if (count < known.least || count > known.most)
      fail(name.at, "\"" + name.text + "\" takes not " + std::to_string(count) + " arguments");
    const bool wants = name.text == "filter" || name.text == "map";
    for (std::size_t i = before; i < node.children.size(); ++i)
      if ((node.children[i].op == Op::lambda) != (wants && i == before))
        fail(name.at, "\"filter\" and \"map\", and they alone, take a lambda, first");
  }

  Word name_word() {
    if (here().kind != Word::Kind::name) unexpected();
    return words_[at_++];
  }

  // The names bound while `body` is read.
  template <class Body>
  auto bound(const std::vector<std::string>& names, Body body) {
    for (const std::string& name : names) scope_.push_back(name);
    auto result = body();
    scope_.resize(scope_.size() - names.size());
    return result;
  }

  std::vector<std::string> new_names() {
    std::vector<std::string> names;
    do names.push_back(name_word().text);
    while (take(","));
    return names;
  }

  Node lambda() {
    need("lambda");
    Node node{.op = Op::lambda};
    node.names = new_names();
    if (node.names.size() != 1) fail(here().at, "a lambda takes one name");
    need(":");
    node.children.push_back(bound(node.names, [&] { return expression(); }));
    return node;
  }

  // After "[": a list, or a comprehension. Its element comes before the names that it uses, so it is read twice.
  Node list() {
    const Deeper deeper(*this);
    if (take("]")) return {.op = Op::list};
    const std::size_t begin = at_;
    if (const std::optional<std::size_t> loop = find_for()) {
      if (++comprehensions_ > 8) fail(here().at, "more than 8 loops");
      at_ = *loop + 1;
      return comprehension(begin);
    }
    Node node{.op = Op::list};
    do node.children.push_back(expression());
    while (take(",") && !is("]"));
    need("]");
    return node;
  }

  // Where the "for" of this bracket is.
  std::optional<std::size_t> find_for() const {
    int depth = 0;
    for (std::size_t at = at_; at < words_.size(); ++at) {
      const Word& word = words_[at];
      if (word.kind == Word::Kind::symbol && (word.text == "[" || word.text == "(" || word.text == "{")) ++depth;
      if (word.kind == Word::Kind::symbol && (word.text == "]" || word.text == ")" || word.text == "}") && depth-- == 0)
        return std::nullopt;
      if (depth == 0 && word.kind == Word::Kind::name && word.text == "for") return at;
    }
    return std::nullopt;
  }

  Node comprehension(std::size_t element_at) {
    Node node{.op = Op::comprehension};
    node.names = new_names();
    need("in");
    Node from = disjunction();
    std::optional<Node> condition;
    if (take("if")) condition = bound(node.names, [&] { return disjunction(); });
    if (is("for") || is("if")) fail(here().at, "a second \"" + here().text + "\" in brackets is not offered");
    need("]");
    const std::size_t end = std::exchange(at_, element_at);
    node.children.push_back(bound(node.names, [&] { return expression(); }));
    if (!is("for")) unexpected();
    at_ = end;
    node.children.push_back(std::move(from));
    if (condition) node.children.push_back(*std::move(condition));
    return node;
  }

  // After "{".
  Node map() {
    const Deeper deeper(*this);
    Node node{.op = Op::map};
    if (take("}")) return node;
    do {
      node.children.push_back(expression());
      if (is(",") || is("}")) fail(here().at, "a set is not offered, write a list");
      need(":");
      node.children.push_back(expression());
      if (is("for")) fail(here().at, "a loop in braces is not offered, put it in brackets");
    } while (take(",") && !is("}"));
    need("}");
    return node;
  }

  Node atom() {
    const Word word = here();
    if (word.kind == Word::Kind::text) return ++at_, constant(Value(word.text));
    if (word.kind == Word::Kind::number) return ++at_, number(word);
    if (word.kind == Word::Kind::name) return ++at_, name(word);
    if (take("[")) return list();
    if (take("{")) return map();
    if (!take("(")) unexpected();
    Node inner = expression();
    if (is(",")) {  // a tuple is a list
      Node tuple{.op = Op::list};
      tuple.children.push_back(std::move(inner));
      while (take(",") && !is(")")) tuple.children.push_back(expression());
      inner = std::move(tuple);
    }
    need(")");
    return inner;
  }

  static Node number(const Word& word) {
    std::string text = word.text;
    if (text.front() == '.') text.insert(0, 1, '0');
    if (text.back() == '.') text += '0';
    std::string why;
    const std::optional<Decimal> value = Decimal::parse(text, &why);
    if (!value) fail(word.at, "\"" + word.text + "\": " + why);
    return constant(Value(*value));
  }

  Node name(const Word& word) {
    if (word.text == "None") return constant({});
    if (word.text == "True") return constant(Value(true));
    if (word.text == "False") return constant(Value(false));
    if (take("(")) {
      const Callable* known = find_function(word.text);
      if (known == nullptr)
        fail(word.at, "the function \"" + word.text + "\" is not offered; there are " + function_names());
      Node node{.op = Op::function, .name = word.text};
      arguments(node, *known, word);
      return node;
    }
    if (word.text != "value" && std::find(scope_.begin(), scope_.end(), word.text) == scope_.end())
      fail(word.at, "\"" + word.text + "\" is not offered; the variable is \"value\", a text stands in quotes");
    return {.op = Op::variable, .name = word.text};
  }

  std::vector<Word> words_;
  std::vector<std::string> scope_;
  std::size_t at_ = 0;
  int depth_ = 0;
  int operators_ = 0;
  int comprehensions_ = 0;
};

bool mentions_value(const Node& node) {
  return (node.op == Op::variable && node.name == "value") ||
         std::any_of(node.children.begin(), node.children.end(), mentions_value);
}

}  // namespace

Expression Expression::parse(std::string_view text) {
  auto root = std::make_shared<const Node>(Parser(text).whole());
  if (!mentions_value(*root)) throw BadExpression("the variable \"value\" is not in it");
  return Expression(std::move(root));
}

}  // namespace tally::openstack
