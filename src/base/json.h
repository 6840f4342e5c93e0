// Small JSON helpers of the host: what Python wrote, and writing objects key by key.
// Not for reading whole documents: <tally/kit/json.h> has a small tree, json_scan.h beside it walks without one.
#ifndef TALLY_BASE_JSON_H
#define TALLY_BASE_JSON_H

#include <tally/kit/json.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json_quote.h"

namespace tally {

// Json::parse for what Python may have written: NaN, Infinity and -Infinity are numbers, though none that can be read.
std::optional<Json> python_json(std::string_view text, std::string* why = nullptr);

// Writes one object. A plain value; one thread. Keys are written as they come, also twice.
class JsonWriter {
 public:
  JsonWriter& text(std::string_view key, std::string_view value);
  JsonWriter& text(std::string_view key, const std::string& value) { return text(key, std::string_view(value)); }
  JsonWriter& text(std::string_view key, const char* value) { return text(key, std::string_view(value)); }
  template <class Text>
  JsonWriter& text(std::string_view key, const std::optional<Text>& value) {  // none: null
    return value ? text(key, std::string_view(*value)) : null(key);
  }
  JsonWriter& number(std::string_view key, std::int64_t value);
  JsonWriter& boolean(std::string_view key, bool value);
  JsonWriter& raw(std::string_view key, std::string_view json);  // REQUIRES: valid JSON
  JsonWriter& null(std::string_view key) { return raw(key, "null"); }

  // The object so far; the writer may go on.
  std::string str() const { return "{" + body_ + "}"; }

 private:
  std::string body_;
};

}  // namespace tally

#endif
