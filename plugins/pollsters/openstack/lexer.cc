// See words.h.
#include "lexer.h"

#include <array>

#include "expression.h"

namespace tally::openstack {
namespace {

bool begins_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// A text between quotes, its escapes resolved; `at` is after its opening quote, and then after its closing one.
std::string read_text(std::string_view in, std::size_t& at) {
  const std::size_t begin = at - 1;
  const char quote = in[begin];
  std::string text;
  for (; at < in.size(); ++at) {
    if (in[at] == quote) return ++at, text;
    if (in[at] != '\\') {
      text += in[at];
      continue;
    }
    static constexpr std::string_view kNames = "nrt\\'\"", kValues = "\n\r\t\\'\"";
    const std::size_t known = ++at < in.size() ? kNames.find(in[at]) : std::string_view::npos;
    if (known == std::string_view::npos) fail(at - 1, "an unknown escape");
    text += kValues[known];
  }
  fail(begin, "a text that does not end");
}

Word next_word(std::string_view in, std::size_t& at) {
  static constexpr std::array<std::string_view, 5> kDouble = {"==", "!=", "<=", ">=", "//"};
  while (at < in.size() && (in[at] == ' ' || in[at] == '\t' || in[at] == '\n' || in[at] == '\r')) ++at;
  const std::size_t begin = at;
  if (at == in.size()) return {Word::Kind::end, "the end", at};
  const char c = in[at];
  if (begins_name(c)) {
    while (at < in.size() && (begins_name(in[at]) || is_digit(in[at]))) ++at;
    if (at < in.size() && (in[at] == '\'' || in[at] == '"')) fail(begin, "texts with a prefix are not offered");
    return {Word::Kind::name, std::string(in.substr(begin, at - begin)), begin};
  }
  if (is_digit(c) || (c == '.' && at + 1 < in.size() && is_digit(in[at + 1]))) {
    while (at < in.size() && (is_digit(in[at]) || in[at] == '.' || begins_name(in[at]) ||
                              ((in[at] == '-' || in[at] == '+') && (in[at - 1] == 'e' || in[at - 1] == 'E'))))
      ++at;
    return {Word::Kind::number, std::string(in.substr(begin, at - begin)), begin};
  }
  if (c == '\'' || c == '"') return ++at, Word{Word::Kind::text, read_text(in, at), begin};
  for (const std::string_view symbol : kDouble)
    if (in.substr(at, 2) == symbol) return at += 2, Word{Word::Kind::symbol, std::string(symbol), begin};
  static constexpr std::string_view kSingle = "+-*/%()[]{}<>,.:";
  if (kSingle.find(c) == std::string_view::npos)
    fail(begin, "the character \"" + std::string(1, c) + "\" is not offered");
  return ++at, Word{Word::Kind::symbol, std::string(1, c), begin};
}

}  // namespace

void fail(std::size_t at, const std::string& why) {
  throw BadExpression(why + " at character " + std::to_string(at + 1));
}

std::vector<Word> words_of(std::string_view text) {
  std::vector<Word> words;
  std::size_t at = 0;
  do words.push_back(next_word(text, at));
  while (words.back().kind != Word::Kind::end);
  return words;
}

}  // namespace tally::openstack
