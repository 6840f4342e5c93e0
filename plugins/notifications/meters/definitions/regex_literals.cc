// See written_out.h.
#include "definitions/regex_literals.h"

#include <algorithm>
#include <cctype>

namespace meters {

namespace {

constexpr std::size_t kMost = 64;
constexpr int kDeepestGroup = 32;

using Texts = std::vector<std::string>;

// Reads an expression from left to right; each part is the texts that it may stand for.
class Writer {
 public:
  explicit Writer(std::string_view regex) : rest_(regex) {}

  // Up to the end, or to the bracket that closes a group.
  Texts alternatives(int depth) {
    Texts all = sequence(depth);
    while (take('|')) {
      const Texts more = sequence(depth);
      all.insert(all.end(), more.begin(), more.end());
      if (all.size() > kMost) all.resize(kMost);
    }
    return all;
  }

 private:
  bool take(char wanted) {
    if (!rest_.starts_with(wanted)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  Texts sequence(int depth) {
    Texts so_far = {""};
    while (!rest_.empty() && rest_.front() != '|' && rest_.front() != ')') {
      const Texts part = repeated(one(depth));
      Texts longer;
      for (const std::string& begin : so_far)
        for (const std::string& end : part)
          if (longer.size() < kMost) longer.push_back(begin + end);
      so_far = std::move(longer);
    }
    return so_far;
  }

  Texts one(int depth) {
    const char c = rest_.front();
    if (c == '[') return {set()};
    rest_.remove_prefix(1);
    if (c == '(') return group(depth);
    if (c == '.') return {"."};  // what most mean by it
    if (c == '^' || c == '$') return {""};
    if (c != '\\' || rest_.empty()) return {std::string(1, c)};
    const char escaped = rest_.front();
    rest_.remove_prefix(1);
    if (std::ispunct(static_cast<unsigned char>(escaped)) != 0) return {std::string(1, escaped)};
    return {escaped == 'd' ? "1" : escaped == 'w' ? "x" : ""};
  }

  Texts group(int depth) {
    const bool looks =
        rest_.starts_with("?=") || rest_.starts_with("?!") || rest_.starts_with("?<=") || rest_.starts_with("?<!");
    if (rest_.starts_with("?P<") || rest_.starts_with("?<"))
      rest_.remove_prefix(std::min(rest_.find('>') + 1, rest_.size()));
    if (take('?')) rest_.remove_prefix(std::min(rest_.find_first_of(":=!"), rest_.size() - 1) + 1);
    Texts inside = depth < kDeepestGroup ? alternatives(depth + 1) : Texts{""};
    take(')');
    return looks ? Texts{""} : inside;
  }

  std::string set() {
    rest_.remove_prefix(1);
    const bool others = take('^');
    const std::size_t end = rest_.find(']', 1);
    const std::string_view inside = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    for (char c = 'a'; others && c <= 'z'; ++c)
      if (inside.find(c) == std::string_view::npos) return std::string(1, c);
    return std::string(inside.substr(0, 1));
  }

  Texts repeated(Texts part) {
    if (rest_.starts_with('*') || rest_.starts_with('?') || rest_.starts_with("{0")) part = {""};
    if (rest_.starts_with('{')) {
      rest_.remove_prefix(std::min(rest_.find('}'), rest_.size() - 1) + 1);
    } else if (!rest_.empty() && std::string_view("*+?").find(rest_.front()) != std::string_view::npos) {
      rest_.remove_prefix(1);
    }
    take('?');
    return part;
  }

  std::string_view rest_;
};

}  // namespace

std::vector<std::string> written_out(std::string_view regex) { return Writer(regex).alternatives(0); }

}  // namespace meters
