// See python_regex.h.
#include "paths/python_regex.h"

#include <cctype>

namespace meters {

namespace {

class Translator {
 public:
  Translator(std::string_view from, std::string& why) : from_(from), why_(why) {}

  std::optional<Translated> run() {
    while (at_ < from_.size()) {
      const char c = from_[at_];
      const bool ok = c == '\\' ? escape(false) : c == '[' ? set() : c == '(' ? group() : c == '{' ? repeat() : plain();
      if (!ok) return std::nullopt;
    }
    return to_;
  }

 private:
  bool fail(const std::string& text) {
    why_ = "column " + std::to_string(at_ + 1) + ": " + text;
    return false;
  }

  bool plain() {
    to_.pattern += from_[at_++];
    return true;
  }

  // {,n} counts from nothing.
  bool repeat() {
    to_.pattern += from_.substr(at_).starts_with("{,") ? "{0" : "{";
    ++at_;
    return true;
  }

  bool escape(bool in_set) {
    if (at_ + 1 == from_.size()) return fail("a backslash at its end");
    const char c = from_[at_ + 1];
    if (c == 'u' || c == 'U') return code_point(c == 'u' ? 4 : 8);
    at_ += 2;
    if (c == 'Z' && !in_set) {
      to_.pattern += "\\z";
    } else if (c == 'v') {
      to_.pattern += "\\x0b";
    } else if (c == 'x') {
      to_.pattern += "\\x";
    } else if (std::isalpha(static_cast<unsigned char>(c)) != 0 &&
               std::string_view(in_set ? "abdDfnrsStwW" : "AabBdDfnrsStwW").find(c) == std::string_view::npos) {
      at_ -= 2;
      return fail(std::string("\\") + c + " means nothing here");
    } else {
      (to_.pattern += '\\') += c;
    }
    return true;
  }

  bool code_point(std::size_t digits) {
    const std::string_view hex = from_.substr(at_ + 2, digits);
    if (hex.size() != digits || hex.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos)
      return fail("\\u and \\U need four and eight hexadecimal digits");
    to_.pattern += "\\x{" + std::string(hex) + "}";
    at_ += 2 + digits;
    return true;
  }

  // A bracket within a set is a character; PCRE2 would look for [:names:].
  bool set() {
    const std::size_t begin = at_;
    to_.pattern += '[';
    ++at_;
    if (at_ < from_.size() && from_[at_] == '^') plain();
    if (at_ < from_.size() && from_[at_] == ']') {
      to_.pattern += "\\]";
      ++at_;
    }
    while (at_ < from_.size() && from_[at_] != ']') {
      if (from_[at_] == '\\') {
        if (!escape(true)) return false;
      } else if (from_[at_] == '[') {
        to_.pattern += "\\[";
        ++at_;
      } else {
        plain();
      }
    }
    if (at_ == from_.size()) {
      at_ = begin;
      return fail("a set does not end");
    }
    return plain();
  }

  bool group() {
    std::string_view rest = from_.substr(at_);
    if (rest.starts_with("(*")) return fail("nothing to repeat");
    if (!rest.starts_with("(?")) return plain();
    for (const std::string_view known : {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?P<", "(?P=", "(?#", "(?(", "(?>"}) {
      if (!rest.starts_with(known)) continue;
      to_.pattern += known;
      at_ += known.size();
      if (known == "(?#" || known == "(?(") return until_close();
      return true;
    }
    return flags();
  }

  // A comment, or the condition of (?(1)…): neither has anything to translate.
  bool until_close() {
    const std::size_t end = from_.find(')', at_);
    if (end == std::string_view::npos) return fail("a group does not end");
    to_.pattern += from_.substr(at_, end + 1 - at_);
    at_ = end + 1;
    return true;
  }

  // (?aiLmsux) or (?im-s:…).
  bool flags() {
    const std::size_t end = from_.find_first_of(":)", at_ + 2);
    const std::string_view given = from_.substr(at_ + 2, end == std::string_view::npos ? end : end - at_ - 2);
    if (end == std::string_view::npos || given.empty() || given.find_first_not_of("aimsux-") != std::string_view::npos)
      return fail("no kind of group begins like this");
    std::string kept;
    for (const char flag : given) {
      if (flag == 'a') to_.ascii = true;
      if (flag != 'a' && flag != 'u') kept += flag;
    }
    to_.pattern += kept.empty() && from_[end] == ')' ? "(?:)" : "(?" + kept + from_[end];
    at_ = end + 1;
    return true;
  }

  std::string_view from_;
  std::string& why_;
  std::size_t at_ = 0;
  Translated to_;
};

}  // namespace

std::optional<Translated> translate_python_regex(std::string_view python, std::string& why) {
  return Translator(python, why).run();
}

}  // namespace meters
