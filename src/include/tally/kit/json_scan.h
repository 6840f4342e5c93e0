// Walks over JSON text without building anything: where strings and values end, sixteen bytes at a time.
// Not for reading values: json.h has a tree. The functions that skip a value check only that its brackets and strings
// are closed; `is_object` alone checks that the text is valid JSON.
//
// Everything takes a place `at` and the text's `end`, never looks beyond, and answers with the place after what it
// passed, or null where the text is not as it should be. Any thread.
#ifndef TALLY_KIT_JSON_SCAN_H
#define TALLY_KIT_JSON_SCAN_H

#include <tally/kit/text.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace tally::json_scan {

namespace detail {

#ifdef __SSE2__
inline constexpr std::ptrdiff_t kBlock = 16;
inline __m128i block(const char* at) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at)); }
inline void put_block(char* to, __m128i bytes) { _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes); }
inline unsigned marks(__m128i bytes) { return static_cast<unsigned>(_mm_movemask_epi8(bytes)); }
// What ends a run of plain characters in a string: quote, backslash, control characters.
inline __m128i string_marks(__m128i bytes) {
  const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
  return _mm_or_si128(
      control, _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'))));
}
// The marks of four blocks as one word.
template <class Mark>
std::uint64_t marks_of_four(const char* at, Mark mark) {
  std::uint64_t all = 0;
  for (int i = 3; i >= 0; --i) all = all << 16 | marks(mark(block(at + 16 * i)));
  return all;
}
// Whether there is a control character in four blocks.
inline bool controls_in_four(const char* at) {
  const __m128i least =
      _mm_min_epu8(_mm_min_epu8(block(at), block(at + 16)), _mm_min_epu8(block(at + 32), block(at + 48)));
  return marks(_mm_cmpeq_epi8(_mm_min_epu8(least, _mm_set1_epi8(0x1f)), least)) != 0;
}
#endif

inline bool string_mark(char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20; }

// The first quote, backslash or control character, or `end`.
inline const char* plain_end(const char* at, const char* end) {
#ifdef __SSE2__
  for (; end - at >= kBlock; at += kBlock)
    if (const unsigned found = marks(string_marks(block(at))); found != 0) return at + std::countr_zero(found);
#endif
  while (at != end && !string_mark(*at)) ++at;
  return at;
}

// The first quote, bracket or brace, or `end`.
inline const char* structure_mark(const char* at, const char* end) {
#ifdef __SSE2__
  for (; end - at >= kBlock; at += kBlock) {
    const __m128i bytes = block(at);
    const __m128i folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20));  // brackets become braces
    const unsigned found = marks(_mm_or_si128(
        _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
        _mm_or_si128(_mm_cmpeq_epi8(folded, _mm_set1_epi8('{')), _mm_cmpeq_epi8(folded, _mm_set1_epi8('}')))));
    if (found != 0) return at + std::countr_zero(found);
  }
#endif
  while (at != end && *at != '"' && (*at | 0x20) != '{' && (*at | 0x20) != '}') ++at;
  return at;
}

// The value of four hexadecimal digits; -1 for anything else.
inline int hex4(const char* at, const char* end) {
  if (end - at < 4) return -1;
  int value = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = at[i];
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

#ifdef __SSE2__
// Passes 63 or 64 bytes in which quotes alone are escaped, and every quote is. False, and nothing done, for any other.
// REQUIRES: 80 bytes may be read from `at`.
inline bool unescape_quotes(const char*& at, char*& to) {
  const auto equal = [&](char c) {
    return marks_of_four(at, [c](__m128i bytes) { return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c)); });
  };
  std::uint64_t slashes = equal('\\');
  if (equal('"') != slashes << 1 || controls_in_four(at)) return false;
  const char* const past = at + (slashes >> 63 != 0 ? 63 : 64);  // a backslash at the end is left to the next
  slashes &= ~std::uint64_t{0} >> 1;
  // More is written than counts: what follows overwrites it.
  const char* from = at;
  const auto copy_to = [&](const char* mark) {
    put_block(to, block(from));
    for (std::ptrdiff_t done = 16; done < mark - from; done += 16) put_block(to + done, block(from + done));
    to += mark - from;
    from = mark + 1;
  };
  for (; slashes != 0; slashes &= slashes - 1) copy_to(at + std::countr_zero(slashes));
  if (from < past) copy_to(past);
  at = past;
  return true;
}
#endif

// Resolves one escape, `at` being after its backslash.
inline const char* escape(const char* at, const char* end, char*& to, bool halves) {
  static constexpr std::string_view kNames = "\"\\/bfnrt", kValues = "\"\\/\b\f\n\r\t";
  if (at == end) return nullptr;
  if (const auto known = kNames.find(*at); known != std::string_view::npos) {
    *to++ = kValues[known];
    return at + 1;
  }
  const int unit = *at == 'u' ? hex4(at + 1, end) : -1;
  if (unit < 0) return nullptr;
  at += 5;
  auto point = static_cast<std::uint32_t>(unit);
  if (unit >= 0xd800 && unit < 0xdc00 && end - at >= 2 && at[0] == '\\' && at[1] == 'u') {
    if (const int low = hex4(at + 2, end); low >= 0xdc00 && low < 0xe000) {
      point = 0x10000 + ((point - 0xd800) << 10) + (static_cast<std::uint32_t>(low) - 0xdc00);
      at += 6;
    }
  }
  if (point >= 0xd800 && point < 0xe000) {
    if (!halves) return nullptr;
    point = 0xfffd;
  }
  to = text_detail::put_character(to, point);
  return at;
}

}  // namespace detail

// Passes white space.
inline const char* space(const char* at, const char* end) {
  if (at != end && *at == ' ') ++at;  // one is what most write
  if (at != end && static_cast<unsigned char>(*at) > ' ') return at;
  while (at != end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) ++at;
  return at;
}

// The closing quote of a string, `at` being after the opening one. Sets `escaped` where there is a backslash.
inline const char* string_end(const char* at, const char* end, bool& escaped) {
  for (;;) {
    at = detail::plain_end(at, end);
    if (at == end) return nullptr;
    if (*at == '"') return at;
    if (*at != '\\' || end - at < 2) return nullptr;
    escaped = true;
    at += 2;
  }
}

// Room that `unescape` may write in, for a text of so many bytes with its escapes.
constexpr std::size_t unescaped_room(std::size_t size) { return size + 80; }

// Writes a string's characters to `to` and moves that on, up to the closing quote, whose place it answers with. `at` is
// after the opening quote. `halves`: half a surrogate pair becomes U+FFFD; else it is a fault.
inline const char* unescape(const char* at, const char* end, char*& to, bool halves) {
  for (;;) {
#ifdef __SSE2__
    while (end - at >= 80 && detail::unescape_quotes(at, to)) {
    }
    while (end - at >= detail::kBlock) {
      const __m128i bytes = detail::block(at);
      detail::put_block(to, bytes);
      const unsigned found = detail::marks(detail::string_marks(bytes));
      const int plain = found == 0 ? 16 : std::countr_zero(found);
      at += plain;
      to += plain;
      if (found != 0) break;
    }
#endif
    while (at != end && !detail::string_mark(*at)) *to++ = *at++;
    if (at == end) return nullptr;
    if (*at == '"') return at;
    if (*at != '\\') return nullptr;
    if (end - at >= 2 && (at[1] == '"' || at[1] == '\\')) {
      *to++ = at[1];
      at += 2;
    } else {
      at = detail::escape(at + 1, end, to, halves);
      if (at == nullptr) return nullptr;
    }
  }
}

namespace detail {

// What is known within an array or object that is passed.
struct Nesting {
  std::size_t depth = 0;
  bool in_string = false;
  bool escaped = false;  // the next character is, in a string
};

#ifdef __SSE2__
// The characters that a backslash stands before; `carry` goes from one word to the next.
inline std::uint64_t escaped_ones(std::uint64_t slashes, bool& carry) {
  std::uint64_t escaped = carry ? 1 : 0;
  carry = false;
  for (std::uint64_t rest = slashes & ~escaped; rest != 0;) {
    const int place = std::countr_zero(rest);
    carry = place == 63;
    const std::uint64_t next = carry ? 0 : std::uint64_t{2} << place;
    escaped |= next;
    rest &= ~(std::uint64_t{1} << place | next);
  }
  return escaped;
}

// Sixty-four bytes at a time, as far as there are as many. Null: a fault; `done`: the place after the last bracket.
inline const char* pass_blocks(const char* at, const char* end, Nesting& nesting, bool& done) {
  for (; end - at >= 64; at += 64) {
    const auto equal = [&](char c) {
      return marks_of_four(at, [c](__m128i bytes) { return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c)); });
    };
    std::uint64_t inside = equal('"');
    if (const std::uint64_t slashes = equal('\\'); slashes != 0 || nesting.escaped)
      inside &= ~escaped_ones(slashes, nesting.escaped);
    for (int shift = 1; shift < 64; shift *= 2) inside ^= inside << shift;
    if (nesting.in_string) inside = ~inside;
    nesting.in_string = inside >> 63 != 0;
    std::uint64_t wrong = 0;
    if (controls_in_four(at))
      wrong = inside & marks_of_four(at, [](__m128i bytes) {
                return _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
              });
    std::uint64_t brackets = ~inside & marks_of_four(at, [](__m128i bytes) {
      const __m128i folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
      return _mm_or_si128(_mm_cmpeq_epi8(folded, _mm_set1_epi8('{')), _mm_cmpeq_epi8(folded, _mm_set1_epi8('}')));
    });
    for (; brackets != 0; brackets &= brackets - 1) {
      const char* bracket = at + std::countr_zero(brackets);
      nesting.depth += (*bracket | 0x20) == '{' ? std::size_t{1} : ~std::size_t{0};
      done = nesting.depth == 0;
      // What stands after the last bracket is another's.
      if (done) return wrong == 0 || std::countr_zero(wrong) > bracket - at ? bracket + 1 : nullptr;
    }
    if (wrong != 0) return nullptr;
  }
  return at;
}
#endif

}  // namespace detail

// Passes an array or object, `at` being its bracket. Whether brackets match in kind is not looked at.
inline const char* container_end(const char* at, const char* end) {
  detail::Nesting nesting;
#ifdef __SSE2__
  bool done = false;
  at = detail::pass_blocks(at, end, nesting, done);
  if (at == nullptr || done) return at;
#endif
  for (;;) {
    if (nesting.in_string) {
      if (nesting.escaped && at++ == end) return nullptr;
      bool ignored = false;
      at = string_end(at, end, ignored);
      if (at == nullptr) return nullptr;
      ++at;
      nesting = {nesting.depth, false, false};
    }
    at = detail::structure_mark(at, end);
    if (at == end) return nullptr;
    if (*at == '"') {
      nesting.in_string = true;
      ++at;
      continue;
    }
    nesting.depth += (*at++ | 0x20) == '{' ? std::size_t{1} : ~std::size_t{0};
    if (nesting.depth == 0) return at;
  }
}

// Passes a number or a word, whatever is in it.
inline const char* token_end(const char* at, const char* end) {
  const char* from = at;
#ifdef __SSE2__
  if (end - at >= detail::kBlock) {  // few are longer
    const __m128i bytes = detail::block(at);
    const unsigned found = detail::marks(
        _mm_or_si128(_mm_cmpgt_epi8(_mm_set1_epi8('!'), bytes),
                     _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(',')),
                                  _mm_cmpeq_epi8(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), _mm_set1_epi8('}')))));
    at += found == 0 ? 16 : std::countr_zero(found);
    if (found != 0) return at == from ? nullptr : at;
  }
#endif
  const auto goes_on = [](char c) { return c > ' ' && c != ',' && c != '}' && c != ']'; };
  while (at != end && goes_on(*at)) ++at;
  return at == from ? nullptr : at;
}

// Passes a value of any kind, `at` being its first character.
inline const char* value_end(const char* at, const char* end) {
  if (at == end) return nullptr;
  if (*at == '"') {
    bool escaped = false;
    at = string_end(at + 1, end, escaped);
    return at == nullptr ? nullptr : at + 1;
  }
  return *at == '{' || *at == '[' ? container_end(at, end) : token_end(at, end);
}

// Whether this is a number as JSON writes them, and nothing else.
inline bool is_number(const char* at, const char* end) {
  const auto digits = [&] {
    const char* from = at;
    while (at != end && *at >= '0' && *at <= '9') ++at;
    return at - from;
  };
  if (at != end && *at == '-') ++at;
  const bool zero = at != end && *at == '0';
  if (const auto count = digits(); count == 0 || (zero && count > 1)) return false;
  if (at != end && *at == '.' && (++at, digits() == 0)) return false;
  if (at != end && (*at == 'e' || *at == 'E')) {
    ++at;
    if (at != end && (*at == '-' || *at == '+')) ++at;
    if (digits() == 0) return false;
  }
  return at == end;
}

namespace detail {

// Passes an escape \uXXXX, and the second one of a surrogate pair with the first.
inline const char* checked_unit(const char* at, const char* end) {
  const int unit = hex4(at + 2, end);
  if (unit < 0) return nullptr;
  at += 6;
  if (unit < 0xd800 || unit >= 0xe000) return at;
  const int low = unit < 0xdc00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u' ? hex4(at + 2, end) : -1;
  return low >= 0xdc00 && low < 0xe000 ? at + 6 : nullptr;
}

inline const char* checked_string(const char* at, const char* end) {
  static constexpr std::string_view kNames = "\"\\/bfnrt";
  for (;;) {
    at = plain_end(at, end);
    if (at == end) return nullptr;
    if (*at == '"') return at + 1;
    if (*at != '\\' || end - at < 2) return nullptr;
    if (at[1] == 'u') {
      at = checked_unit(at, end);
      if (at == nullptr) return nullptr;
    } else {
      if (kNames.find(at[1]) == std::string_view::npos) return nullptr;
      at += 2;
    }
  }
}

inline const char* checked_value(const char* at, const char* end, int deeper);

// `at` is after the opening bracket.
inline const char* checked_items(const char* at, const char* end, bool object, int deeper) {
  const char close = object ? '}' : ']';
  at = space(at, end);
  if (at != end && *at == close) return at + 1;
  for (;;) {
    if (object) {
      if (at == end || *at != '"') return nullptr;
      at = checked_string(at + 1, end);
      if (at == nullptr) return nullptr;
      at = space(at, end);
      if (at == end || *at != ':') return nullptr;
      at = space(at + 1, end);
    }
    at = at != end && *at == '"' ? checked_string(at + 1, end) : checked_value(at, end, deeper);
    if (at == nullptr) return nullptr;
    at = space(at, end);
    if (at == end) return nullptr;
    if (*at == close) return at + 1;
    if (*at != ',') return nullptr;
    at = space(at + 1, end);
  }
}

inline const char* checked_value(const char* at, const char* end, int deeper) {
  if (at == end) return nullptr;
  if (*at == '"') return checked_string(at + 1, end);
  if (*at == '{' || *at == '[') return deeper == 0 ? nullptr : checked_items(at + 1, end, *at == '{', deeper - 1);
  const char* to = token_end(at, end);
  if (to == nullptr) return nullptr;
  const std::string_view word(at, static_cast<std::size_t>(to - at));
  if (*at == 't' || *at == 'f' || *at == 'n') return word == "true" || word == "false" || word == "null" ? to : nullptr;
  return is_number(at, to) ? to : nullptr;
}

}  // namespace detail

// Whether this is one JSON object, nested at most `deepest` deep, without half a surrogate pair. Judges all of it but
// whether it is UTF-8.
inline bool is_object(std::string_view text, int deepest) {
  const char* const end = text.data() + text.size();
  const char* at = space(text.data(), end);
  if (at == end || *at != '{') return false;
  at = detail::checked_value(at, end, deepest);
  return at != nullptr && space(at, end) == end;
}

}  // namespace tally::json_scan

#endif
