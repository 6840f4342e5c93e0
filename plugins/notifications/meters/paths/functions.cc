// See path_functions.h.
#include "paths/functions.h"

#include <tally/kit/text.h>

#include <algorithm>
#include <charconv>

namespace meters {

namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

// Digits off the front, or -1 where it may be; too large is as large as can be.
bool digits(std::string_view& rest, std::int64_t& value, bool minus_one) {
  if (minus_one && rest.starts_with("-1")) {
    value = -1;
    rest.remove_prefix(2);
    return true;
  }
  std::size_t size = 0;
  while (size < rest.size() && rest[size] >= '0' && rest[size] <= '9') ++size;
  if (size == 0) return false;
  if (std::from_chars(rest.data(), rest.data() + size, value).ec != std::errc()) value = INT64_MAX;
  rest.remove_prefix(size);
  return true;
}

// A comma and at least one space.
bool comma(std::string_view& rest) {
  if (!rest.starts_with(',')) return false;
  rest.remove_prefix(1);
  const std::string_view after = rest.substr(std::min(rest.find_first_not_of(" \t\r\n\v\f"), rest.size()));
  const bool spaced = after.size() < rest.size();
  rest = after;
  return spaced;
}

std::unique_ptr<Expr> parse_split(std::string_view rest, std::string& why) {
  auto made = std::make_unique<Expr>();
  made->kind = Expr::Kind::split;
  std::size_t size = rest.empty() ? 0 : 1;
  while (size < rest.size() && tally::text_detail::continues(rest[size])) ++size;
  made->text = rest.substr(0, size);
  rest.remove_prefix(size);
  std::int64_t piece = 0, most = 0;
  const bool well = size > 0 && comma(rest) && digits(rest, piece, false) && comma(rest) && digits(rest, most, true) &&
                    rest.starts_with(')');
  if (!well) {
    why =
        "split is written `split(c, n, m)`: one character, the piece's number, how many cuts (-1: all), each comma "
        "with a space after it";
    return nullptr;
  }
  made->from = piece;
  made->to = most;
  return made;
}

std::unique_ptr<Expr> parse_sub(std::string_view rest, std::string& why) {
  const std::size_t close = rest.rfind(')');
  const std::string_view inner = rest.substr(0, close == std::string_view::npos ? 0 : close);
  // The expression ends at the last slash that a comma and a space follow.
  for (std::size_t slash = inner.rfind('/'); slash != std::string_view::npos && slash > 0;
       slash = inner.rfind('/', slash - 1)) {
    std::string_view replacement = inner.substr(slash + 1);
    if (!comma(replacement)) continue;
    auto made = std::make_unique<Expr>();
    made->kind = Expr::Kind::sub;
    made->text = trimmed(replacement);
    std::string reason;
    made->regex = Regex::compile(trimmed(inner.substr(1, slash - 1)), reason);
    if (!made->regex || !made->regex->valid_replacement(made->text, reason)) {
      why = "sub: " + reason;
      return nullptr;
    }
    return made;
  }
  why = "sub is written `sub(/expression/, replacement)`, with a space after the comma";
  return nullptr;
}

}  // namespace

std::unique_ptr<Expr> parse_function(const std::string& text, std::string& why) {
  auto made = std::make_unique<Expr>();
  if (text == "this") return made;
  if (text == "parent" || text == "len" || text == "sorted") {
    made->kind = text == "parent" ? Expr::Kind::parent : text == "len" ? Expr::Kind::length : Expr::Kind::sorted;
    return made;
  }
  if (text.starts_with("split(")) return parse_split(std::string_view(text).substr(6), why);
  if (text.starts_with("sub(/")) return parse_sub(std::string_view(text).substr(4), why);
  if (text.starts_with("sub(")) return parse_sub("", why);
  why = "no function `" + text + "`, there are: len, sorted, parent, this, split(c, n, m), sub(/expression/, text)";
  return nullptr;
}

std::optional<std::string_view> split(const Expr& expr, std::string_view text) {
  std::int64_t cuts = 0;
  for (std::int64_t piece = 0;; ++piece, ++cuts) {
    const std::size_t end = *expr.to >= 0 && cuts >= *expr.to ? std::string_view::npos : text.find(expr.text);
    if (piece == *expr.from) return text.substr(0, end);
    if (end == std::string_view::npos) return std::nullopt;
    text.remove_prefix(end + expr.text.size());
  }
}

std::size_t length(std::string_view utf8) {
  return utf8.size() - static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), tally::text_detail::continues));
}

std::string_view cut(std::string_view utf8, std::size_t most) {
  std::size_t end = 0;
  for (; end < utf8.size(); ++end)
    if (!tally::text_detail::continues(utf8[end]) && most-- == 0) break;
  return utf8.substr(0, end);
}

}  // namespace meters
