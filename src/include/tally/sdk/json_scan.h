// Walks over JSON text without building anything: where strings and values end, sixteen bytes at a time.
// Not for judging JSON: what is only passed over need be no more than brackets and strings that end.
//
// Everything takes a place `at` and the text's `end`, never looks beyond, and answers with the place after what it
// passed, or null where the text is not as it should be. Any thread.
#ifndef TALLY_SDK_JSON_SCAN_H
#define TALLY_SDK_JSON_SCAN_H

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
inline unsigned marks(__m128i bytes) { return static_cast<unsigned>(_mm_movemask_epi8(bytes)); }
// What ends a run of plain characters in a string: quote, backslash, control characters.
inline __m128i string_marks(__m128i bytes) {
  const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
  return _mm_or_si128(
      control, _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'))));
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

inline char* put_utf8(char* to, std::uint32_t point) {
  const auto put = [&](std::uint32_t byte) { *to++ = static_cast<char>(byte); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xc0 | point >> 6), put(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    put(0xe0 | point >> 12), put(0x80 | (point >> 6 & 0x3f)), put(0x80 | (point & 0x3f));
  } else {
    put(0xf0 | point >> 18), put(0x80 | (point >> 12 & 0x3f)), put(0x80 | (point >> 6 & 0x3f));
    put(0x80 | (point & 0x3f));
  }
  return to;
}

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
  to = put_utf8(to, point);
  return at;
}

}  // namespace detail

// Passes white space.
inline const char* space(const char* at, const char* end) {
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
constexpr std::size_t unescaped_room(std::size_t size) { return size + 16; }

// Writes a string's characters to `to` and moves that on, up to the closing quote, whose place it answers with. `at` is
// after the opening quote. `halves`: half a surrogate pair becomes U+FFFD; else it is a fault.
inline const char* unescape(const char* at, const char* end, char*& to, bool halves) {
  for (;;) {
#ifdef __SSE2__
    while (end - at >= detail::kBlock) {
      const __m128i bytes = detail::block(at);
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes);
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

// Passes an array or object, `at` being its bracket. Whether brackets match in kind is not looked at.
inline const char* container_end(const char* at, const char* end) {
  std::size_t depth = 0;
  for (;;) {
    at = detail::structure_mark(at, end);
    if (at == end) return nullptr;
    if (*at == '"') {
      bool escaped = false;
      at = string_end(at + 1, end, escaped);
      if (at == nullptr) return nullptr;
      ++at;
      continue;
    }
    depth += (*at++ | 0x20) == '{' ? std::size_t{1} : ~std::size_t{0};
    if (depth == 0) return at;
  }
}

// Passes a number or a word, whatever is in it.
inline const char* token_end(const char* at, const char* end) {
  const char* from = at;
  while (at != end && static_cast<unsigned char>(*at) > ' ' && *at != ',' && *at != '}' && *at != ']') ++at;
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

}  // namespace tally::json_scan

#endif
