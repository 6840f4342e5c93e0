// A path of a definition, and a payload to take it through: the first line, and the rest.
// Not for definitions: meters_definitions.cc.
#include "base/json.h"
#include "meters.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using tally::fuzz::require;
  tally::fuzz::Input input(data, size);
  // A JSON text is a YAML text in double quotes.
  const std::string path = tally::json_quote(input.line());
  const std::string payload(input.rest());
  if (!tally::is_utf8(payload) || !tally::Json::parse(payload)) return 0;
  tally::fuzz::set_definitions("metric: [{name: a, event_type: e, type: gauge, unit: u, resource_id: " + path +
                               ", volume: 1, metadata: {k: " + path + "}}, {name: b, event_type: e, type: gauge, " +
                               "unit: u, resource_id: '$.event_type', volume: " + path + "}]\n");
  tally::fuzz::Meters meters;
  if (!meters.made().ok()) return 0;
  tally::Notification message;
  message.event_type = "e";
  message.payload = payload;
  message.context = "{}";
  tally::wire::SampleList samples;
  const absl::Status handled = meters.handle(message, samples);
  require(handled.ok() || !handled.message().empty(), "an error says what is wrong");
  for (const tally::SampleView& sample : samples) require(!sample.resource_id.empty(), "a sample is whole");
  return 0;
}
