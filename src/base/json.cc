#include "base/json.h"

namespace tally {

std::optional<Json> python_json(std::string_view text, std::string* why) {
  return json_detail::Reader(text, json_detail::Numbers::python).document(why);
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

}  // namespace tally
