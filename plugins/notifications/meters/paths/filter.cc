// Filters: which items of a list pass all conditions.
// Not for reading conditions: path_brackets.cc.
#include <algorithm>
#include <charconv>

#include "paths/evaluation.h"

namespace meters {

namespace {

// As a number without its fraction; of a text one that is nothing but an integer.
std::optional<tally::Decimal> whole(const Node& value) {
  if (value.is_string()) {
    std::string_view text = value.text;
    while (!text.empty() && std::string_view(" \t\r\n\v\f").find(text.front()) != std::string_view::npos)
      text.remove_prefix(1);
    while (!text.empty() && std::string_view(" \t\r\n\v\f").find(text.back()) != std::string_view::npos)
      text.remove_suffix(1);
    const bool minus = text.starts_with('-');
    if (minus || text.starts_with('+')) text.remove_prefix(1);
    while (text.size() > 1 && text.front() == '0') text.remove_prefix(1);
    if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
    const auto number = tally::Decimal::parse(text);
    return number && minus ? std::optional(-*number) : number;
  }
  const auto number = as_number(value);
  if (!number || is_integer(value)) return number;
  const std::string text = number->to_string();
  const auto cut = tally::Decimal::parse(text.substr(0, text.find('.')));
  return cut ? cut : tally::Decimal(0);
}

bool holds(Test::Op op, std::strong_ordering order) {
  switch (op) {
    case Test::Op::equal:
      return order == 0;
    case Test::Op::unequal:
      return order != 0;
    case Test::Op::less:
      return order < 0;
    case Test::Op::less_equal:
      return order <= 0;
    case Test::Op::greater:
      return order > 0;
    default:
      return order >= 0;
  }
}

}  // namespace

// An item is a document of its own: `$` is the item, and nothing is above it.
void Evaluation::filter(const Expr& expr, const Datum* at, Matches& found) {
  if (!at->value->is_array()) return;
  for (std::uint32_t i = 0; i < at->value->count; ++i) {
    const Node& item = at->value->first[i];
    if (std::all_of(expr.tests.begin(), expr.tests.end(), [&](const Test& test) { return passes(test, item); }))
      put(found, {&item, at, {}, i});
  }
}

bool Evaluation::passes(const Test& test, const Node& item) {
  Matches there;
  find(*test.path, new_datum({&item}), there);
  if (test.op == Test::Op::exists) return !there.empty();
  return std::any_of(there.begin(), there.end(), [&](const Datum* one) { return compares(test, *one->value); });
}

bool Evaluation::compares(const Test& test, const Node& value) {
  if (value.is_null()) return false;
  if (test.op == Test::Op::matches) {
    charge(kRegexSteps);
    return value.is_string() && test.regex->matches_start(value.text);
  }
  if (test.against == Test::Against::text) {
    if (value.is_string()) return holds(test.op, value.text <=> std::string_view(test.text));
    return test.op == Test::Op::unequal;
  }
  // An integer on the right makes one of what is on the left; what cannot become one does not pass.
  const bool convert = test.against != Test::Against::number;
  const auto number = convert ? whole(value) : as_number(value);
  if (number) return holds(test.op, *number <=> test.number);
  return !convert && test.op == Test::Op::unequal;
}

}  // namespace meters
