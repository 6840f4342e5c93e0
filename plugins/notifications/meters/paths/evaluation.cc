// Steps down, sideways and up: the plain part of Evaluation.
// Not for filters, order and arithmetic: path_filter.cc, path_order.cc, path_arithmetic.cc.
#include <tally/sdk/error.h>

#include <algorithm>
#include <new>

#include "paths/evaluation.h"
#include "paths/functions.h"

namespace meters {

std::string Datum::path() const {
  if (context == nullptr) return "";
  std::string before = context->path();
  if (!before.empty()) before += '.';
  return before + (index >= 0 ? "[" + std::to_string(index) + "]" : std::string(name));
}

void Path::find(const Node& root, Arena& arena, Matches& found) const { Evaluation(root, arena).find(*expr_, found); }

void Evaluation::charge(std::size_t steps) {
  steps_ += steps;
  if (steps_ > Path::kMostSteps)
    throw tally::Error::permanent("a path finds more than " + std::to_string(Path::kMostSteps) +
                                  " values in this message, narrow it down");
}

const Datum* Evaluation::new_datum(const Datum& datum) {
  charge(1);
  return new (arena_.allocate(sizeof(Datum), alignof(Datum))) Datum(datum);
}

void Evaluation::find(const Expr& expr, const Datum* at, Matches& found) {
  charge(1);
  switch (expr.kind) {
    case Expr::Kind::root:
      while (at->context != nullptr) at = at->context;
      return found.push_back(at);
    case Expr::Kind::self:
      return found.push_back(at);
    case Expr::Kind::parent:
      if (at->context != nullptr) found.push_back(at->context);
      return;
    case Expr::Kind::fields:
      return fields(expr, at, found);
    case Expr::Kind::index:
      return index(expr, at, found);
    case Expr::Kind::slice:
      return slice(expr, at, found);
    case Expr::Kind::child:
    case Expr::Kind::descendants:
    case Expr::Kind::where:
      return child(expr, at, found);
    case Expr::Kind::unite:
      find(*expr.left, at, found);
      return find(*expr.right, at, found);
    case Expr::Kind::filter:
      return filter(expr, at, found);
    case Expr::Kind::sort:
    case Expr::Kind::sorted:
      return sort(expr, at, found);
    case Expr::Kind::length:
      return length_of(at, found);
    case Expr::Kind::split:
    case Expr::Kind::sub:
      return text_function(expr, at, found);
    case Expr::Kind::arithmetic:
    case Expr::Kind::text:
    case Expr::Kind::number:
      return arithmetic(expr, at, found);
  }
}

void Evaluation::fields(const Expr& expr, const Datum* at, Matches& found) {
  const Node& from = *at->value;
  if (!from.is_object()) return;
  if (!expr.every) {
    for (const std::string& name : expr.names)
      if (const Node* member = from.at(name)) put(found, {member, at, member->key});
    return;
  }
  for (const Node& member : from.items())
    if (from.at(member.key) == &member) put(found, {&member, at, member.key});
}

void Evaluation::index(const Expr& expr, const Datum* at, Matches& found) {
  const Node& from = *at->value;
  std::int64_t size = from.is_array()    ? from.count
                      : from.is_string() ? static_cast<std::int64_t>(length(from.text))
                                         : 0;
  const std::int64_t wanted = *expr.from < 0 ? size + *expr.from : *expr.from;
  if (wanted < 0 || wanted >= size) return;
  if (from.is_array()) return put(found, {&from.first[wanted], at, {}, wanted});
  charge(from.text.size() / 64);
  const std::string_view before = cut(from.text, static_cast<std::size_t>(wanted));
  const Node one = string_node(cut(from.text.substr(before.size()), 1));
  put(found, {keep(arena_, one), at, {}, wanted});
}

// What is not a list is taken for a list of one.
void Evaluation::slice(const Expr& expr, const Datum* at, Matches& found) {
  if (at->value->is_null()) return;
  if (!at->value->is_array()) {
    Node list;
    list.kind = Node::Kind::array;
    list.count = 1;
    list.first = at->value;
    Datum wrapped = *at;
    wrapped.value = keep(arena_, list);
    at = new_datum(wrapped);
  }
  const auto size = static_cast<std::int64_t>(at->value->count);
  const auto place = [&](const std::optional<std::int64_t>& bound, std::int64_t otherwise) {
    if (!bound) return otherwise;
    return std::clamp<std::int64_t>(*bound < 0 ? *bound + size : *bound, 0, size);
  };
  const std::int64_t end = place(expr.to, size);
  for (std::int64_t i = place(expr.from, 0); i < end; ++i) put(found, {&at->value->first[i], at, {}, i});
}

void Evaluation::child(const Expr& expr, const Datum* at, Matches& found) {
  Matches left;
  find(*expr.left, at, left);
  for (const Datum* one : left) {
    if (expr.kind == Expr::Kind::child) {
      find(*expr.right, one, found);
    } else if (expr.kind == Expr::Kind::descendants) {
      descend(*expr.right, one, found);
    } else {
      Matches there;
      find(*expr.right, one, there);
      if (!there.empty()) found.push_back(one);
    }
  }
}

void Evaluation::descend(const Expr& right, const Datum* at, Matches& found) {
  find(right, at, found);
  std::int64_t i = 0;
  for (const Node& item : at->value->items()) {
    if (!at->value->is_object()) {
      descend(right, new_datum({&item, at, {}, i}), found);
    } else if (at->value->at(item.key) == &item) {
      descend(right, new_datum({&item, at, item.key}), found);
    }
    ++i;
  }
}

void Evaluation::length_of(const Datum* at, Matches& found) {
  const Node& value = *at->value;
  if (!value.is_string() && !value.is_array() && !value.is_object()) return;
  const std::size_t count = value.is_string() ? length(value.text) : value.count;
  put(found, {keep(arena_, number_node(arena_, tally::Decimal(static_cast<std::int64_t>(count))))});
}

void Evaluation::text_function(const Expr& expr, const Datum* at, Matches& found) {
  if (!at->value->is_string()) return;
  charge(at->value->text.size() / 64);
  if (expr.kind == Expr::Kind::split) {
    if (const auto piece = split(expr, at->value->text)) put(found, {keep(arena_, string_node(*piece))});
    return;
  }
  charge(kRegexSteps);
  const std::string changed = expr.regex->substitute(at->value->text, expr.text);
  if (changed != at->value->text) put(found, {keep(arena_, string_node(keep(arena_, changed)))});
}

}  // namespace meters
