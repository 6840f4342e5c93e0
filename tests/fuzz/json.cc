// JSON of the SDK: strict, never beyond the text, and of one mind with the host's other readers.
// Not for messages as wholes: envelope.cc.
#include <tally/kit/json.h>

#include <string>

#include "base/json.h"
#include "base/json_repair.h"
#include "fuzz.h"
#include "plugin/call/marshal.h"
#include "wire/sample_json.h"

namespace {

using tally::Json;
using tally::fuzz::require;

void walk(const Json& value, std::string_view text) {
  const std::string_view raw = value.raw();
  require(!raw.empty() && raw.data() >= text.data() && raw.data() + raw.size() <= text.data() + text.size(),
          "a value lies in its text");
  const auto again = Json::parse(raw);
  require(again && again->kind() == value.kind() && again->text() == value.text(), "a value's text is that value");
  if (const auto written = value.text()) {
    const std::string quoted = tally::json_detail::quote(*written);
    const auto read = Json::parse(quoted);
    require(read && read->text() == *written, "a text that is quoted reads the same");
  }
  if (const auto number = value.decimal())
    require(tally::Decimal::parse(number->to_string()) == *number, "a number that is written reads the same");
  static_cast<void>(value.integer());
  static_cast<void>(value.number());
  for (const Json& item : value.items()) {
    require(!value.is_object() || value.at(item.key()) != nullptr, "a member is found by its key");
    walk(item, raw);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string why;
  const auto parsed = Json::parse(text, &why);
  require(parsed.has_value() == why.empty(), "a reason stands where there is no value");
  if (parsed && size <= 4096) walk(*parsed, text);
  const bool object = parsed && parsed->is_object() && tally::is_utf8(text);
  // What one plugin may emit, another must be able to read; deeper nesting is the one difference.
  const std::string mended = tally::repair_json(text);
  if (object) require(tally::plugin::is_json_object(mended), "the boundary takes every object, once halves are mended");
  if (tally::plugin::is_json_object(text)) require(mended == text, "what the boundary takes needs no mending");
  require(tally::is_utf8(mended) && tally::repair_json(mended) == mended, "what is mended stays so");
  const bool nearly = tally::is_utf8(text) && tally::python_json(text);
  if (nearly) require(Json::parse(mended).has_value(), "what Python reads is JSON once it is mended");
  if (const auto marked = tally::mark_bytes(text))
    require(tally::unmark_bytes(*marked) == text, "marks carry bytes and nothing else");
  if (tally::plugin::is_json_object(text) && !object) require(why.starts_with("nested too deep"), "and nothing else");
  for (const auto keys : {tally::wire::SampleKeys::tally, tally::wire::SampleKeys::bus}) {
    const auto sample = tally::wire::sample_from_json(text, keys);
    if (!sample.ok()) continue;
    require(tally::is_utf8(sample->name + sample->resource_id + sample->unit), "a sample's texts are UTF-8");
    require(tally::plugin::is_json_object(sample->resource_metadata), "a sample's metadata is an object");
  }
  return 0;
}
