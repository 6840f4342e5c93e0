// Bytes from outside as text: what is UTF-8, and what becomes of bytes that are not.
// Not for quoting: that is sdk/json.h.
//
// Two rules, for the whole of Tally. An identity (resource, meter, project, user) is escaped without loss, so that two
// of them never become one. Any other text gets U+FFFD for each byte that is not part of a character.
#ifndef TALLY_KIT_TEXT_H
#define TALLY_KIT_TEXT_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tally {

namespace text_detail {

// How many bytes the UTF-8 character at the front of `text` has; 0 where there is none.
constexpr std::size_t character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xbf) {
    return byte(i) >= low && byte(i) <= high;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return text.empty() ? 0 : 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const unsigned low = first == 0xe0 ? 0xa0 : 0x80;   // no overlong forms
    const unsigned high = first == 0xed ? 0x9f : 0xbf;  // no surrogates
    return follows(1, low, high) && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const unsigned low = first == 0xf0 ? 0x90 : 0x80;
    const unsigned high = first == 0xf4 ? 0x8f : 0xbf;
    return follows(1, low, high) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

// Whether a byte of UTF-8 belongs to the character of the byte before it.
constexpr bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }

// Writes the character of a code point, four bytes at the most; the place after it.
constexpr char* put_character(char* to, std::uint32_t point) {
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

constexpr std::string_view kDigits = "0123456789ABCDEF";

// Each byte that is not part of a character as %XX, each % as %25.
inline std::string escape(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() + 16);
  while (!bytes.empty()) {
    std::size_t length = character(bytes);
    if (length == 0 || bytes[0] == '%') {
      const auto byte = static_cast<unsigned char>(bytes[0]);
      text += '%';
      text += kDigits[byte >> 4];
      text += kDigits[byte & 15];
      length = 1;
    } else {
      text.append(bytes.substr(0, length));
    }
    bytes.remove_prefix(length);
  }
  return text;
}

// The bytes of which escape() makes `text`; nothing where there are none.
inline std::optional<std::string> unescape(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      bytes += text[i];
      continue;
    }
    const std::size_t high = i + 2 < text.size() ? kDigits.find(text[i + 1]) : kDigits.npos;
    const std::size_t low = i + 2 < text.size() ? kDigits.find(text[i + 2]) : kDigits.npos;
    if (high == kDigits.npos || low == kDigits.npos) return std::nullopt;
    bytes += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return escape(bytes) == text ? std::optional(bytes) : std::nullopt;
}

}  // namespace text_detail

// Well-formed by Unicode's table: no overlong forms, no surrogates, nothing above U+10FFFF.
constexpr bool is_utf8(std::string_view text) {
  for (std::size_t length = 0; !text.empty(); text.remove_prefix(length)) {
    length = text_detail::character(text);
    if (length == 0) return false;
  }
  return true;
}

// U+FFFD in place of each byte that is not part of a character.
inline std::string replace_invalid_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const std::size_t length = text_detail::character(bytes);
    text.append(length == 0 ? std::string_view("\xef\xbf\xbd") : bytes.substr(0, length));
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
  return text;
}

// Whether this text is what escape_identity makes of other bytes: "Gr%F6" is, "100%", "a%20b" and "caf%C3%A9" are not.
inline bool is_escaped_identity(std::string_view text) {
  std::string rest(text);
  while (rest.find('%') != std::string::npos) {
    std::optional<std::string> bytes = text_detail::unescape(rest);
    if (!bytes) return false;
    if (!is_utf8(*bytes)) return true;
    rest = *std::move(bytes);
  }
  return false;
}

// The identity that these bytes are. UTF-8 stays as it is. In anything else each byte that is not part of a character
// becomes %XX, and each % becomes %25: "Gr\xf6 5%" is "Gr%F6 5%25". So that no two byte strings ever give the same
// text, a text that reads as such an escape already is escaped once more: "Gr%F6" is "Gr%25F6".
//
// Once, where bytes come in (the name of a file, the output of a program): what came in as a text is one, and may have
// been escaped by whoever sent it. Call it there only for what is not UTF-8.
inline std::string escape_identity(std::string_view bytes) {
  return is_utf8(bytes) && !is_escaped_identity(bytes) ? std::string(bytes) : text_detail::escape(bytes);
}

// The bytes that escape_identity was given.
inline std::string unescape_identity(std::string_view text) {
  return is_escaped_identity(text) ? *text_detail::unescape(text) : std::string(text);
}

}  // namespace tally

#endif
