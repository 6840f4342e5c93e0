// A message from the bus through the whole pipeline, with the handler of declarative definitions behind it.
// Not for envelopes alone: envelope.cc gets further into those.
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/log.h"
#include "collector/pipeline.h"
#include "meters.h"
#include "plugin/call/marshal.h"
#include "plugin/managers/dispatcher.h"

// Nobody reads a log here.
void tally::log::warning(std::string_view) {}

namespace {

using namespace tally;
using fuzz::require;

collector::Pipeline make_pipeline() {
  auto handlers = std::make_unique<plugin::Dispatcher>();
  auto meters = std::make_unique<fuzz::Meters>();
  require(meters->made().ok(), "(TALLY_DEFINITIONS names the shipped definitions)");
  require(handlers->add("notification:meters", std::move(meters)).ok(), "(the handler is there)");
  collector::PipelineRules rules;
  rules.disabled_meters = {"disk.*.size"};
  rules.retention = {{"volume*", std::chrono::seconds(86'400 * 365)}, {"*", std::nullopt}};
  return {std::move(rules), std::move(handlers)};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static collector::Pipeline pipeline = make_pipeline();
  constexpr Time now{1'800'000'000'000'000};
  const std::string body(reinterpret_cast<const char*>(data), size);
  for (const bool alone : {false, true}) {
    const collector::Incoming message{body, "local", now};
    const collector::Processed made = alone ? pipeline.process_sample(message) : pipeline.process(message);
    require(!made.again, "nothing here passes by itself");
    require(made.made == made.samples.size() + made.filtered + made.dead_samples.size(),
            "every sample is accounted for");
    require(made.samples.empty() || !made.dead_message || made.dead_message->digest.size() > 0,
            "the dead have a digest");
    for (const DeadLetter& letter : made.dead_samples)
      require(letter.digest.size() == 32 && !letter.reason.empty() && !letter.detail.empty(), "a dead sample says why");
    for (const tally_sample& crossing : made.samples) {
      const SampleView sample = from_c(crossing);
      require(!sample.id.empty() && !sample.name.empty() && sample.timestamp, "a sample is whole");
      const std::string_view metadata = sample.resource_metadata;
      require(metadata.empty() || plugin::is_json_object(metadata), "metadata is an object");
    }
  }
  return 0;
}
