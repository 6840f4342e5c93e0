// See scan.h. Sixteen bytes at a time where the machine can: most of a message is only passed over.
#include "scan.h"

#include <tally/sdk/error.h>
#include <tally/sdk/json.h>

#include <bit>
#include <cstddef>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace meters {

namespace {

bool token_end(char c) { return c == ',' || c == '}' || c == ']' || c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

// The first quote or backslash from `at` on, or `end`.
const char* string_mark(const char* at, const char* end) {
#ifdef __SSE2__
  const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\');
  for (; end - at >= 16; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const auto marks = static_cast<unsigned>(
        _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, slash))));
    if (marks != 0) return at + std::countr_zero(marks);
  }
#endif
  while (at != end && *at != '"' && *at != '\\') ++at;
  return at;
}

// The first quote, bracket or brace from `at` on, or `end`.
const char* structure_mark(const char* at, const char* end) {
#ifdef __SSE2__
  const __m128i quote = _mm_set1_epi8('"'), lower = _mm_set1_epi8(0x20), open = _mm_set1_epi8('{'),
                close = _mm_set1_epi8('}');
  for (; end - at >= 16; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i folded = _mm_or_si128(bytes, lower);  // brackets become braces
    const __m128i found = _mm_or_si128(_mm_cmpeq_epi8(bytes, quote),
                                       _mm_or_si128(_mm_cmpeq_epi8(folded, open), _mm_cmpeq_epi8(folded, close)));
    const auto marks = static_cast<unsigned>(_mm_movemask_epi8(found));
    if (marks != 0) return at + std::countr_zero(marks);
  }
#endif
  while (at != end && *at != '"' && (*at | 0x20) != '{' && (*at | 0x20) != '}') ++at;
  return at;
}

}  // namespace

void Scan::fail(const char* why) const {
  throw tally::Error::permanent("the message is not JSON: " + std::string(why) + " at byte " +
                                std::to_string(at_ - begin_) + " of " + std::to_string(end_ - begin_));
}

std::string_view Scan::string(bool& escaped) {
  expect('"');
  const char* from = at_;
  escaped = false;
  for (;;) {
    at_ = string_mark(at_, end_);
    if (at_ == end_) fail("a string does not end");
    if (*at_ == '"') break;
    escaped = true;
    if (end_ - at_ < 2) fail("a string does not end");
    at_ += 2;
  }
  const std::string_view found(from, static_cast<std::size_t>(at_ - from));
  ++at_;
  return found;
}

void Scan::skip_container() {
  std::size_t depth = 0;
  for (;;) {
    at_ = structure_mark(at_, end_);
    if (at_ == end_) fail("an array or object does not end");
    if (*at_ == '"') {
      bool escaped = false;
      string(escaped);
      continue;
    }
    depth += (*at_ | 0x20) == '{' ? 1 : std::size_t(-1);
    ++at_;
    if (depth == 0) return;
  }
}

void Scan::skip_token() {
  const char* from = at_;
  while (at_ != end_ && !token_end(*at_)) ++at_;
  if (at_ == from) fail("a value is missing");
}

std::string_view Scan::skip_value() {
  const char kind = next();
  const char* from = at_;
  if (kind == '"') {
    bool escaped = false;
    string(escaped);
  } else if (kind == '{' || kind == '[') {
    skip_container();
  } else {
    skip_token();
  }
  return {from, static_cast<std::size_t>(at_ - from)};
}

Node Scan::take(Arena& arena) {
  Node node;
  const char kind = next();
  const char* from = at_;
  if (kind == '"') {
    bool escaped = false;
    node.kind = Node::Kind::string;
    node.text = string(escaped);
    for (const char c : node.text)
      if (static_cast<unsigned char>(c) < 0x20) fail("a control character stands in a string");
    if (escaped) node.text = unescape(node.text, arena, *this);
  } else if (kind == '{' || kind == '[') {
    node.kind = kind == '{' ? Node::Kind::object : Node::Kind::array;
    skip_container();
  } else {
    skip_token();
  }
  node.raw = {from, static_cast<std::size_t>(at_ - from)};
  if (kind == '"' || kind == '{' || kind == '[' || node.raw == "null") return node;
  if (node.raw == "true" || node.raw == "false") {
    node.kind = Node::Kind::boolean;
    return node;
  }
  node.kind = Node::Kind::number;
  std::string why;
  if (!tally::Decimal::parse(node.raw, &why) && why == "not a number") fail("no value at all");
  return node;
}

namespace {

int hex4(std::string_view text) {
  int value = 0;
  if (text.size() < 4) return -1;
  for (char c : text.substr(0, 4)) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

}  // namespace

std::string_view unescape(std::string_view written, Arena& arena, const Scan& where) {
  std::string out;
  out.reserve(written.size());
  for (std::size_t i = 0; i < written.size(); ++i) {
    if (written[i] != '\\') {
      out += written[i];
      continue;
    }
    static constexpr std::string_view kNames = "\"\\/bfnrt", kValues = "\"\\/\b\f\n\r\t";
    const char name = written[++i];  // a string never ends in half an escape
    if (const auto known = kNames.find(name); known != std::string_view::npos) {
      out += kValues[known];
      continue;
    }
    int unit = name == 'u' ? hex4(written.substr(i + 1)) : -1;
    if (unit < 0) where.fail("an escape in a string is none");
    i += 4;
    auto point = static_cast<std::uint32_t>(unit);
    if (unit >= 0xd800 && unit < 0xdc00 && written.substr(i + 1, 2) == "\\u") {
      const int low = hex4(written.substr(i + 3));
      if (low >= 0xdc00 && low < 0xe000) {
        point = 0x10000 + ((point - 0xd800) << 10) + (static_cast<std::uint32_t>(low) - 0xdc00);
        i += 6;
      }
    }
    if (point >= 0xd800 && point < 0xe000) point = 0xfffd;
    tally::json_detail::append_utf8(out, point);
  }
  return keep(arena, out);
}

}  // namespace meters
