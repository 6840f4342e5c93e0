// See matcher.h.
#include "paths/regex.h"

#include <tally/sdk/error.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "paths/python_regex.h"

namespace meters {

namespace {

constexpr std::uint32_t kHeapLimit_kib = 8192;

// Both are only read after they were made.
pcre2_match_context* limits() {
  static pcre2_match_context* const made = [] {
    pcre2_match_context* context = pcre2_match_context_create(nullptr);
    pcre2_set_match_limit(context, Regex::kMatchLimit);
    pcre2_set_depth_limit(context, Regex::kMatchLimit);
    pcre2_set_heap_limit(context, kHeapLimit_kib);
    return context;
  }();
  return made;
}

pcre2_compile_context* dialect() {
  static pcre2_compile_context* const made = [] {
    pcre2_compile_context* context = pcre2_compile_context_create(nullptr);
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    pcre2_set_parens_nest_limit(context, 100);
    return context;
  }();
  return made;
}

PCRE2_SPTR units(std::string_view text) {
  return reinterpret_cast<PCRE2_SPTR>(text.data() == nullptr ? "" : text.data());
}

}  // namespace

std::optional<Regex> Regex::compile(std::string_view python, std::string& why) {
  const auto translated = translate_python_regex(python, why);
  if (!translated) return std::nullopt;
  int number = 0;
  std::size_t place = 0;
  const std::string& pattern = translated->pattern;
  const std::uint32_t options =
      PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C | (translated->ascii ? 0 : PCRE2_UCP);
  pcre2_code* code = pcre2_compile(units(pattern), pattern.size(), options, &number, &place, dialect());
  if (code == nullptr) {
    std::array<unsigned char, 160> text{};
    pcre2_get_error_message(number, text.data(), text.size());
    why = "column " + std::to_string(place + 1) + ": " + reinterpret_cast<const char*>(text.data());
    return std::nullopt;
  }
  Regex regex;
  regex.pattern_ = python;
  regex.code_.reset(code, pcre2_code_free);
  regex.match_.reset(pcre2_match_data_create_from_pattern(code, nullptr), pcre2_match_data_free);
  return regex;
}

bool Regex::search(std::string_view text, std::size_t from, std::uint32_t options) const {
  const int found = pcre2_match(code_.get(), units(text), text.size(), from, options, match_.get(), limits());
  if (found >= 0) return true;
  if (found == PCRE2_ERROR_NOMATCH) return false;
  throw tally::Error::permanent("the regular expression \"" + pattern_ + "\" takes too long on \"" +
                                std::string(text.substr(0, 80)) + "\"" + (text.size() > 80 ? " and what follows" : "") +
                                ", write it without nested repeats");
}

bool Regex::matches_start(std::string_view text) const { return search(text, 0, PCRE2_ANCHORED); }

std::string Regex::substitute(std::string_view text, std::string_view replacement) const {
  std::string out, why;
  std::size_t done = 0;
  std::uint32_t options = 0;
  while (search(text, done, options)) {
    const std::size_t* ends = pcre2_get_ovector_pointer(match_.get());
    const std::size_t begin = ends[0], end = ends[1];
    if (begin < done || end < begin) break;  // \K and the like, which the translation refuses
    out += text.substr(done, begin - done);
    expand(replacement, text, &out, why);
    done = end;
    options = begin == end ? PCRE2_NOTEMPTY_ATSTART : 0;
    if (out.size() > (std::size_t{1} << 20))
      throw tally::Error::permanent("`sub(/" + pattern_ + "/…)` makes more than 1 MiB");
  }
  return out += text.substr(done);
}

int Regex::group(std::string_view name) const {
  int number = 0;
  const auto read = std::from_chars(name.data(), name.data() + name.size(), number);
  if (read.ec == std::errc() && read.ptr == name.data() + name.size()) return number;
  return pcre2_substring_number_from_name(code_.get(), units(std::string(name)));
}

bool Regex::valid_replacement(std::string_view replacement, std::string& why) const {
  return expand(replacement, "", nullptr, why);
}

// Where `out` is null it is only checked.
bool Regex::expand(std::string_view replacement, std::string_view text, std::string* out, std::string& why) const {
  const auto put_group = [&](int number) {
    std::uint32_t groups = 0;
    pcre2_pattern_info(code_.get(), PCRE2_INFO_CAPTURECOUNT, &groups);
    if (number < 0 || static_cast<std::uint32_t>(number) > groups) {
      why = "the replacement names a group that there is not";
      return false;
    }
    if (out == nullptr) return true;
    const std::size_t* ends = pcre2_get_ovector_pointer(match_.get()) + 2 * static_cast<std::size_t>(number);
    if (ends[0] != PCRE2_UNSET) *out += text.substr(ends[0], ends[1] - ends[0]);
    return true;
  };
  const auto put = [&](char c) {
    if (out != nullptr) *out += c;
  };
  for (std::size_t i = 0; i < replacement.size(); ++i) {
    const char c = replacement[i];
    if (c != '\\') {
      put(c);
      continue;
    }
    const std::string_view rest = replacement.substr(i + 1);
    static constexpr std::string_view kNames = "\\abfnrtv", kValues = "\\\a\b\f\n\r\t\v";
    if (rest.starts_with("g<") && rest.find('>') != std::string_view::npos) {
      const std::size_t end = rest.find('>');
      if (!put_group(group(rest.substr(2, end - 2)))) return false;
      i += end + 1;
    } else if (!rest.empty() && rest[0] >= '1' && rest[0] <= '9') {
      const std::size_t digits = rest.size() > 1 && rest[1] >= '0' && rest[1] <= '9' ? 2 : 1;
      if (!put_group(group(rest.substr(0, digits)))) return false;
      i += digits;
    } else if (!rest.empty() && kNames.find(rest[0]) != std::string_view::npos) {
      put(kValues[kNames.find(rest[0])]);
      ++i;
    } else if (rest.empty() || (std::isalnum(static_cast<unsigned char>(rest[0])) != 0)) {
      why = "the replacement has a backslash that means nothing";
      return false;
    } else {
      put(c);
    }
  }
  return true;
}

}  // namespace meters
