#include "plugin/call/sample_repair.h"

#include <tally/kit/text.h>
#include <tally/model/sample.h>
#include <tally/model/time.h>

#include "base/json.h"
#include "base/json_repair.h"
#include "plugin/call/marshal.h"

namespace tally::plugin {

namespace {

template <class Repair>
void repair(tally_str& text, std::deque<std::string>& kept, Repair how) {
  if (text.data == nullptr || is_utf8(from_c(text))) return;
  text = to_c(kept.emplace_back(how(from_c(text))));
}

}  // namespace

void repair_sample(tally_sample& sample, std::deque<std::string>& kept) {
  for (tally_str* const identity : {&sample.name, &sample.resource_id, &sample.project_id, &sample.user_id, &sample.id})
    repair(*identity, kept, escape_identity);
  for (tally_str* const text : {&sample.unit, &sample.volume, &sample.project_name, &sample.user_name, &sample.source})
    repair(*text, kept, replace_invalid_utf8);
  if (sample.resource_metadata.data == nullptr || is_json_object(from_c(sample.resource_metadata))) return;
  if (auto mended = mended_json(from_c(sample.resource_metadata)))
    sample.resource_metadata = to_c(kept.emplace_back(*std::move(mended)));
}

std::string json_of(const tally_sample& given) {
  tally_sample sample = given;
  std::deque<std::string> kept;
  repair_sample(sample, kept);
  JsonWriter out;
  const auto text = [&](std::string_view key, tally_str value) {
    if (value.data != nullptr) out.text(key, from_c(value));
  };
  text("id", sample.id);
  text("name", sample.name);
  const bool known = sample.type >= TALLY_GAUGE && sample.type <= TALLY_CUMULATIVE;
  out.text("type", known ? to_string(static_cast<SampleType>(sample.type)) : std::to_string(sample.type).c_str());
  text("unit", sample.unit);
  const auto volume = Decimal::parse(from_c(sample.volume));
  if (volume) out.raw("volume", volume->to_string());
  if (!volume) text("volume", sample.volume);
  text("resource_id", sample.resource_id);
  text("project_id", sample.project_id);
  text("project_name", sample.project_name);
  text("user_id", sample.user_id);
  text("user_name", sample.user_name);
  if (sample.timestamp_us != TALLY_NO_TIME) out.text("timestamp", Time{sample.timestamp_us}.to_string());
  const std::string_view metadata = from_c(sample.resource_metadata);
  if (is_json_object(metadata)) out.raw("resource_metadata", metadata);
  if (!is_json_object(metadata)) text("resource_metadata", sample.resource_metadata);
  text("source", sample.source);
  return out.str();
}

}  // namespace tally::plugin
