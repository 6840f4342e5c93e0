// What an expression is worth.
// Not for reading it: parser.cc; nor for what functions do: functions.cc.
#include <algorithm>
#include <cstdint>
#include <utility>

#include <tally/kit/files.h>

#include "expression.h"
#include "syntax_tree.h"

namespace tally::openstack {
namespace {

constexpr std::size_t kLongestText = std::size_t{1} << 20;

[[noreturn]] void wrong_operands(const char* sign, const Value& a, const Value& b) {
  throw NoValue(std::string("\"") + sign + "\" between " + a.kind() + " and " + b.kind());
}

Value fitting(const std::optional<Decimal>& result) {
  if (!result) throw NoValue("a result has too many digits");
  return *result;
}

Value sum_of(const Value& a, const Value& b, Budget& budget) {
  if (a.text() != nullptr && b.text() != nullptr) {
    budget.spend((a.text()->size() + b.text()->size()) / 64);
    if (a.text()->size() + b.text()->size() > kLongestText) throw NoValue("a text grows too long");
    return *a.text() + *b.text();
  }
  if (a.is_list() && b.is_list()) {
    budget.spend(a.size() + b.size());
    Value::List all = a.items();
    for (Value& item : b.items()) all.push_back(std::move(item));
    return Value(std::move(all));
  }
  const std::optional<Decimal> x = a.number(), y = b.number();
  if (!x || !y) wrong_operands("+", a, b);
  return fitting(Decimal::add(*x, *y));
}

Value arithmetic(Op op, const Value& a, const Value& b, Budget& budget) {
  if (op == Op::add) return sum_of(a, b, budget);
  const std::optional<Decimal> x = a.number(), y = b.number();
  const char* sign = op == Op::subtract ? "-" : op == Op::multiply ? "*" : op == Op::modulo ? "%" : "/";
  if (!x || !y) wrong_operands(sign, a, b);
  if (op == Op::subtract) return fitting(Decimal::sub(*x, *y));
  if (op == Op::multiply) return fitting(Decimal::mul(*x, *y));
  if (y->zero()) throw NoValue("a division by zero");
  if (op == Op::divide) return divide(*x, *y);
  budget.spend(10);
  const Decimal whole = floor_divide(*x, *y);
  if (op == Op::floor_divide) return whole;
  return fitting(Decimal::sub(*x, *fitting(Decimal::mul(*y, whole)).number()));
}

bool contains(const Value& all, const Value& one, Budget& budget) {
  if (all.text() != nullptr) {
    if (one.text() == nullptr) wrong_operands("in", one, all);
    budget.spend(all.text()->size() / 64);
    return all.text()->find(*one.text()) != std::string::npos;
  }
  const Value::List items = all.items();
  budget.spend(items.size());
  return std::any_of(items.begin(), items.end(), [&](const Value& item) { return item.equals(one); });
}

// A place counted from the end where it is negative; may be outside, where all are alike beyond a billion.
std::int64_t place(const Value& at) {
  static constexpr std::int64_t kFar = 1'000'000'000;
  const std::optional<Decimal> number = at.number();
  if (!number || number->exponent() < 0)
    throw NoValue("the index " + at.json().substr(0, 64) + " is not a whole number");
  if (*number > Decimal(kFar)) return kFar;
  if (*number < Decimal(-kFar)) return -kFar;
  return to_number<std::int64_t>(number->to_string()).value_or(0);
}

Value item_at(const Value& of, const Value& at, Budget& budget) {
  if (of.is_object()) {
    budget.spend(of.size() / 8);
    return of.member(at);
  }
  const Value::List items = of.items();
  budget.spend(items.size());
  const auto size = static_cast<std::int64_t>(items.size());
  std::int64_t index = place(at);
  if (index < 0) index += size;
  if (index < 0 || index >= size)
    throw NotThere("no item " + at.plain() + ", there are " + std::to_string(items.size()));
  return items[static_cast<std::size_t>(index)];
}

Value slice_of(const Value& of, const Value& from, const Value& to, Budget& budget) {
  if (of.is_object()) throw NoValue("a slice of an object");
  const Value::List items = of.items();
  budget.spend(items.size());
  const auto size = static_cast<std::int64_t>(items.size());
  const auto bound = [&](const Value& at, std::int64_t absent) {
    if (at.is_null()) return absent;
    const std::int64_t index = place(at);
    return std::clamp<std::int64_t>(index < 0 ? index + size : index, 0, size);
  };
  const std::int64_t begin = bound(from, 0), end = std::max(begin, bound(to, size));
  if (of.text() == nullptr) return Value(Value::List(items.begin() + begin, items.begin() + end));
  std::string text;
  for (std::int64_t i = begin; i < end; ++i) text += *items[static_cast<std::size_t>(i)].text();
  return text;
}

class Evaluator {
 public:
  explicit Evaluator(const Value& value) { scope_.emplace_back("value", value); }

  Value of(const Node& node) {
    budget_.spend(1);
    switch (node.op) {
      case Op::constant:
        return node.constant;
      case Op::variable:
        return variable(node.name);
      case Op::list:
        return Value(each(node));
      case Op::map:
        return map(node);
      case Op::negative:
        return negative(of(node.children[0]));
      case Op::logical_not:
        return !of(node.children[0]).truth();
      case Op::logical_and: {
        Value left = of(node.children[0]);
        return left.truth() ? of(node.children[1]) : left;
      }
      case Op::logical_or: {
        Value left = of(node.children[0]);
        return left.truth() ? left : of(node.children[1]);
      }
      case Op::conditional:
        return of(node.children[of(node.children[0]).truth() ? 1 : 2]);
      case Op::index:
        return item_at(of(node.children[0]), of(node.children[1]), budget_);
      case Op::slice:
        return slice_of(of(node.children[0]), of(node.children[1]), of(node.children[2]), budget_);
      case Op::function:
        return node.children[0].op == Op::lambda ? filter_or_map(node)
                                                 : find_function(node.name)->call(each(node), budget_);
      case Op::method:
        return find_method(node.name)->call(each(node), budget_);
      case Op::comprehension:
        return comprehension(node);
      default:
        return binary(node);
    }
  }

 private:
  Value binary(const Node& node) {
    const Value a = of(node.children[0]), b = of(node.children[1]);
    switch (node.op) {
      case Op::equal:
        return spent(a, b).equals(b);
      case Op::unequal:
        return !spent(a, b).equals(b);
      case Op::is:
        return same(a, b);
      case Op::is_not:
        return !same(a, b);
      case Op::less:
        return a.compare(b) < 0;
      case Op::less_equal:
        return a.compare(b) <= 0;
      case Op::greater:
        return a.compare(b) > 0;
      case Op::greater_equal:
        return a.compare(b) >= 0;
      case Op::in:
        return contains(b, a, budget_);
      case Op::not_in:
        return !contains(b, a, budget_);
      default:
        return arithmetic(node.op, a, b, budget_);
    }
  }

  // Comparing two trees costs what they hold.
  const Value& spent(const Value& a, const Value& b) {
    for (const Value* value : {&a, &b})
      if (value->is_list() || value->is_object()) budget_.spend(value->json().size() / 8);
    return a;
  }
  // True is not 1 here.
  static bool same(const Value& a, const Value& b) {
    return (a.boolean() != nullptr) == (b.boolean() != nullptr) && a.is_null() == b.is_null() && a.equals(b);
  }

  static Value negative(const Value& value) {
    const std::optional<Decimal> number = value.number();
    if (!number) throw NoValue(std::string("\"-\" before ") + value.kind());
    return -*number;
  }

  Value variable(const std::string& name) const {
    for (std::size_t i = scope_.size(); i-- > 0;)
      if (scope_[i].first == name) return scope_[i].second;
    throw NoValue("\"" + name + "\" has no value");
  }

  Value::List each(const Node& node) {
    Value::List values;
    for (const Node& child : node.children) values.push_back(of(child));
    return values;
  }

  Value map(const Node& node) {
    Value::Map members;
    for (std::size_t i = 0; i + 1 < node.children.size(); i += 2) {
      Value key = of(node.children[i]);
      members.emplace_back(std::move(key), of(node.children[i + 1]));
    }
    budget_.spend(members.size() * members.size() / 8);
    return Value::of_members(std::move(members));
  }

  // `body` with the names bound to an item, or to what is in it.
  Value with(const std::vector<std::string>& names, const Value& item, const Node& body) {
    const std::size_t before = scope_.size();
    bind(names, item);
    Value result = of(body);
    scope_.resize(before);
    return result;
  }
  void bind(const std::vector<std::string>& names, const Value& item) {
    if (names.size() == 1) {
      scope_.emplace_back(names.front(), item);
      return;
    }
    Value::List parts = item.items();
    if (parts.size() != names.size())
      throw NoValue(std::to_string(names.size()) + " names for " + std::to_string(parts.size()) + " values");
    for (std::size_t i = 0; i < names.size(); ++i) scope_.emplace_back(names[i], std::move(parts[i]));
  }

  Value::List items_of(const Value& from) {
    Value::List items = from.items();
    budget_.spend(items.size());
    return items;
  }

  Value filter_or_map(const Node& node) {
    const Node& lambda = node.children[0];
    Value::List made;
    for (Value& item : items_of(of(node.children[1]))) {
      Value answer = with(lambda.names, item, lambda.children[0]);
      if (node.name == "map") {
        made.push_back(std::move(answer));
      } else if (answer.truth()) {
        made.push_back(std::move(item));
      }
    }
    return Value(std::move(made));
  }

  Value comprehension(const Node& node) {
    Value::List made;
    for (const Value& item : items_of(of(node.children[1]))) {
      if (node.children.size() > 2 && !with(node.names, item, node.children[2]).truth()) continue;
      made.push_back(with(node.names, item, node.children[0]));
    }
    return Value(std::move(made));
  }

  std::vector<std::pair<std::string, Value>> scope_;
  Budget budget_;
};

}  // namespace

Value Expression::evaluate(const Value& value) const { return Evaluator(value).of(*root_); }

}  // namespace tally::openstack
