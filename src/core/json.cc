#include "core/json.h"

#include <tally/sdk/json.h>

namespace tally::host {

namespace {

// The bytes of the sequence at the front of `text`; 0 where it is none.
std::size_t sequence(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xbf) {
    return byte(i) >= low && byte(i) <= high;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
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

}  // namespace

bool valid_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = sequence(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

bool valid_json(std::string_view text) { return valid_utf8(text) && Json::parse(text).has_value(); }

bool valid_json_object(std::string_view text) {
  if (!valid_utf8(text)) return false;
  const std::optional<Json> value = Json::parse(text);
  return value && value->is_object();
}

JsonWriter& JsonWriter::raw(std::string_view key, std::string_view json) {
  if (!body_.empty()) body_ += ',';
  body_ += json_quote(key);
  body_ += ':';
  body_ += json;
  return *this;
}

JsonWriter& JsonWriter::text(std::string_view key, std::string_view value) { return raw(key, json_quote(value)); }

JsonWriter& JsonWriter::number(std::string_view key, std::int64_t value) { return raw(key, std::to_string(value)); }

JsonWriter& JsonWriter::boolean(std::string_view key, bool value) { return raw(key, value ? "true" : "false"); }

}  // namespace tally::host
