// The functions and methods that expressions may call, by name.
// Not for "filter" and "map" with their lambda: evaluate.cc.
#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include <tally/kit/files.h>

#include "syntax_tree.h"

namespace tally::openstack {
namespace {

using Arguments = std::vector<Value>;

constexpr std::string_view kBlank = " \t\r\n\f\v";
constexpr std::size_t kLongestResult = std::size_t{1} << 20;

std::string stripped(std::string_view text, std::string_view of, bool left, bool right) {
  const std::size_t begin = left ? std::min(text.find_first_not_of(of), text.size()) : 0;
  text.remove_prefix(begin);
  if (right) text = text.substr(0, text.find_last_not_of(of) + 1);
  return std::string(text);
}

const std::string& text_of(const Value& value, const char* whose) {
  if (value.text() == nullptr) throw NoValue(std::string(whose) + " needs a text, not " + value.kind());
  return *value.text();
}

Decimal number_of(const Value& value, const char* whose) {
  const std::optional<Decimal> number = value.number();
  if (!number) throw NoValue(std::string(whose) + " needs a number, not " + value.kind());
  return *number;
}

// A text as Python's int() and float() read one; `whole` refuses a point.
Decimal parsed(const Value& value, const char* whose, bool whole) {
  if (value.text() == nullptr) return number_of(value, whose);
  std::string text = stripped(*value.text(), kBlank, true, true);
  if (text.starts_with('+')) text.erase(0, 1);
  while (text.size() > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9') text.erase(0, 1);
  const std::optional<Decimal> number = Decimal::parse(text);
  if (!number || (whole && text.find_first_of(".eE") != std::string::npos))
    throw NoValue(std::string(whose) + " cannot read \"" + value.text()->substr(0, 64) + "\"");
  return *number;
}

Value int_of(const Arguments& a, Budget&) { return truncate(parsed(a[0], "int()", true)); }
Value float_of(const Arguments& a, Budget&) { return parsed(a[0], "float()", false); }
Value bool_of(const Arguments& a, Budget&) { return a[0].truth(); }
Value str_of(const Arguments& a, Budget& budget) {
  if (a[0].is_null()) return "None";
  if (const bool* truth = a[0].boolean()) return *truth ? "True" : "False";
  std::string text = a[0].plain();
  budget.spend(text.size() / 64);
  return text;
}
Value len_of(const Arguments& a, Budget& budget) {
  if (a[0].text() != nullptr) budget.spend(a[0].text()->size() / 16);
  return Decimal(static_cast<std::uint64_t>(a[0].size()));
}
Value abs_of(const Arguments& a, Budget&) {
  const Decimal number = number_of(a[0], "abs()");
  return number.negative() ? -number : number;
}
Value round_of(const Arguments& a, Budget&) {
  int places = 0;
  if (a.size() > 1) {
    const auto wanted = to_number<int>(number_of(a[1], "round()").to_string());
    if (!wanted || *wanted < -38 || *wanted > 18) throw NoValue("round() needs from -38 to 18 places");
    places = *wanted;
  }
  return round_to(number_of(a[0], "round()"), places);
}

Value::List list_or_all(const Arguments& a, Budget& budget) {
  Value::List all = a.size() == 1 ? a[0].items() : a;
  budget.spend(all.size());
  return all;
}
Value extreme(const Arguments& a, Budget& budget, int sign) {
  const Value::List all = list_or_all(a, budget);
  if (all.empty()) throw NotThere("min() or max() of an empty list");
  const Value* best = &all.front();
  for (const Value& one : all)
    if (one.compare(*best) * sign > 0) best = &one;
  return *best;
}
Value max_of(const Arguments& a, Budget& budget) { return extreme(a, budget, 1); }
Value min_of(const Arguments& a, Budget& budget) { return extreme(a, budget, -1); }
Value sum_of_all(const Arguments& a, Budget& budget) {
  DecimalSum sum;
  const Value::List all = list_or_all(a, budget);
  for (const Value& one : all) sum.add(number_of(one, "sum()"));
  const std::optional<Decimal> total = sum.to_decimal();
  if (!total) throw NoValue("a sum has too many digits");
  return *total;
}
Value list_of(const Arguments& a, Budget& budget) { return Value(list_or_all(a, budget)); }
Value next_of(const Arguments& a, Budget& budget) {
  const Value::List all = list_or_all({a[0]}, budget);
  if (!all.empty()) return all.front();
  if (a.size() > 1) return a[1];
  throw NotThere("next() of an empty list");
}
Value any_of_all(const Arguments& a, Budget& budget) {
  const Value::List all = list_or_all(a, budget);
  return std::any_of(all.begin(), all.end(), [](const Value& one) { return one.truth(); });
}
Value all_of_all(const Arguments& a, Budget& budget) {
  const Value::List all = list_or_all(a, budget);
  return std::all_of(all.begin(), all.end(), [](const Value& one) { return one.truth(); });
}
Value needs_lambda(const Arguments&, Budget&) { throw NoValue("filter() and map() need a lambda"); }

Value changed_case(const Value& value, char from, char to, const char* whose, Budget& budget) {
  std::string text = text_of(value, whose);
  budget.spend(text.size() / 64);
  for (char& c : text)
    if (c >= from && c <= from + 25) c = static_cast<char>(c - from + to);
  return text;
}
Value lower(const Arguments& a, Budget& budget) { return changed_case(a[0], 'A', 'a', "lower()", budget); }
Value upper(const Arguments& a, Budget& budget) { return changed_case(a[0], 'a', 'A', "upper()", budget); }

Value strip_sides(const Arguments& a, const char* whose, bool left, bool right, Budget& budget) {
  budget.spend(text_of(a[0], whose).size() / 16);
  return stripped(text_of(a[0], whose), a.size() > 1 ? std::string_view(text_of(a[1], whose)) : kBlank, left, right);
}
Value strip(const Arguments& a, Budget& budget) { return strip_sides(a, "strip()", true, true, budget); }
Value lstrip(const Arguments& a, Budget& budget) { return strip_sides(a, "lstrip()", true, false, budget); }
Value rstrip(const Arguments& a, Budget& budget) { return strip_sides(a, "rstrip()", false, true, budget); }

Value split_text(const Arguments& a, Budget& budget) {
  const std::string& text = text_of(a[0], "split()");
  budget.spend(text.size());
  Value::List pieces;
  if (a.size() == 1 || a[1].is_null()) {
    for (const std::string_view piece : split(text, kBlank)) pieces.emplace_back(std::string(piece));
    return Value(std::move(pieces));
  }
  const std::string& at = text_of(a[1], "split()");
  if (at.empty()) throw NoValue("split() at an empty text");
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = text.find(at, begin)) != std::string::npos; begin = end + at.size())
    pieces.emplace_back(text.substr(begin, end - begin));
  pieces.emplace_back(text.substr(begin));
  return Value(std::move(pieces));
}
Value join_texts(const Arguments& a, Budget& budget) {
  std::string text;
  bool first = true;
  for (const Value& piece : a[1].items()) {
    if (!std::exchange(first, false)) text += text_of(a[0], "join()");
    text += text_of(piece, "join()");
    budget.spend(1 + text.size() / 4096);
    if (text.size() > kLongestResult) throw NoValue("a text grows too long");
  }
  return text;
}
Value replace(const Arguments& a, Budget& budget) {
  const std::string &text = text_of(a[0], "replace()"), &from = text_of(a[1], "replace()");
  const std::string& to = text_of(a[2], "replace()");
  if (from.empty()) throw NoValue("replace() of an empty text");
  budget.spend(text.size());
  std::string out;
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = text.find(from, begin)) != std::string::npos; begin = end + from.size()) {
    out.append(text, begin, end - begin).append(to);
    if (out.size() > kLongestResult) throw NoValue("a text grows too long");
  }
  return out.append(text, begin);
}
// What a text is in a URL: all but letters, digits and "-._~" by their bytes.
Value quote(const Arguments& a, Budget& budget) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  const std::string& text = text_of(a[0], "quote()");
  budget.spend(text.size() / 16);
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : std::string{'%', kHex[byte >> 4], kHex[byte & 15]};
  }
  return out;
}
Value startswith(const Arguments& a, Budget&) {
  return text_of(a[0], "startswith()").starts_with(text_of(a[1], "startswith()"));
}
Value endswith(const Arguments& a, Budget&) {
  return text_of(a[0], "endswith()").ends_with(text_of(a[1], "endswith()"));
}

Value get(const Arguments& a, Budget& budget) {
  if (!a[0].is_object()) throw NoValue(std::string("get() needs an object, not ") + a[0].kind());
  budget.spend(a[0].size() / 8);
  try {
    return a[0].member(a[1]);
  } catch (const NotThere&) {
    return a.size() > 2 ? a[2] : Value();
  }
}
Value keys(const Arguments& a, Budget& budget) {
  Value::List all;
  for (const auto& member : a[0].members()) all.emplace_back(member.first);
  budget.spend(all.size());
  return Value(std::move(all));
}
Value values(const Arguments& a, Budget& budget) {
  Value::List all;
  for (const auto& member : a[0].members()) all.push_back(member.second);
  budget.spend(all.size());
  return Value(std::move(all));
}
Value items(const Arguments& a, Budget& budget) {
  Value::List all;
  for (const auto& member : a[0].members()) all.emplace_back(Value::List{Value(member.first), member.second});
  budget.spend(all.size());
  return Value(std::move(all));
}

constexpr std::array<Callable, 17> kFunctions = {{{"abs", 1, 1, abs_of},
                                                  {"all", 1, 1, all_of_all},
                                                  {"any", 1, 1, any_of_all},
                                                  {"bool", 1, 1, bool_of},
                                                  {"filter", 2, 2, needs_lambda},
                                                  {"float", 1, 1, float_of},
                                                  {"int", 1, 1, int_of},
                                                  {"len", 1, 1, len_of},
                                                  {"list", 1, 1, list_of},
                                                  {"map", 2, 2, needs_lambda},
                                                  {"max", 1, 64, max_of},
                                                  {"min", 1, 64, min_of},
                                                  {"next", 1, 2, next_of},
                                                  {"quote", 1, 1, quote},
                                                  {"round", 1, 2, round_of},
                                                  {"str", 1, 1, str_of},
                                                  {"sum", 1, 1, sum_of_all}}};
constexpr std::array<Callable, 14> kMethods = {{{"endswith", 1, 1, endswith},
                                                {"get", 1, 2, get},
                                                {"items", 0, 0, items},
                                                {"join", 1, 1, join_texts},
                                                {"keys", 0, 0, keys},
                                                {"lower", 0, 0, lower},
                                                {"lstrip", 0, 1, lstrip},
                                                {"replace", 2, 2, replace},
                                                {"rstrip", 0, 1, rstrip},
                                                {"split", 0, 1, split_text},
                                                {"startswith", 1, 1, startswith},
                                                {"strip", 0, 1, strip},
                                                {"upper", 0, 0, upper},
                                                {"values", 0, 0, values}}};

template <std::size_t kCount>
const Callable* find_in(const std::array<Callable, kCount>& all, std::string_view name) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const Callable& one) { return one.name == name; });
  return found == all.end() ? nullptr : &*found;
}
template <std::size_t kCount>
std::string names_in(const std::array<Callable, kCount>& all) {
  std::string names;
  for (const Callable& one : all) names += (names.empty() ? "" : ", ") + std::string(one.name);
  return names;
}

}  // namespace

const Callable* find_function(std::string_view name) { return find_in(kFunctions, name); }
const Callable* find_method(std::string_view name) { return find_in(kMethods, name); }
std::string function_names() { return names_in(kFunctions); }
std::string method_names() { return names_in(kMethods); }

}  // namespace tally::openstack
