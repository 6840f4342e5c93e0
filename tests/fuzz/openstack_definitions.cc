// A file of definitions, and an entry for each of them: up to a line "---", and the rest.
// Not for the language of attributes alone: openstack_attribute.cc.
#include <tally/kit/text.h>

#include <string>

#include "fuzz.h"
#include "openstack/load.h"
#include "openstack/samples.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tally::openstack;
  using tally::fuzz::require;
  tally::fuzz::Input input(data, size);
  const std::string all(input.rest());
  const std::size_t end = std::min(all.find("\n---\n"), all.size());
  Definitions definitions;
  definitions.load(std::string_view(all).substr(0, end), "f.yaml");
  for (const std::string& fault : definitions.faults())
    require(fault.starts_with("f.yaml:"), "a fault names its place");
  const std::string entry = end == all.size() ? "{}" : all.substr(end + 5);
  const std::optional<tally::Json> json = tally::Json::parse(entry);
  for (const Group& group : definitions.groups()) {
    require(!group.definitions.empty() && !group.request.key().empty(), "a request is somebody's");
    for (const Definition& definition : group.definitions) {
      require(!definition.name.empty() && !definition.unit.empty(), "a definition is whole");
      if (!json) continue;
      try {
        const auto told = [](const std::string& why) { require(!why.empty(), "what is left out says why"); };
        const auto take = [](const tally::Sample& sample) {
          require(!sample.resource_id.empty() && !sample.name.empty(), "a sample is whole");
          require(tally::is_utf8(sample.resource_id) && tally::is_utf8(sample.name), "an identity is text");
          require(tally::Json::parse(sample.resource_metadata).has_value(), "metadata is JSON");
          require(tally::is_utf8(sample.resource_metadata), "metadata is text");
        };
        make_samples(definition, *json, resource_of(definition, *json), take, {told, told});
      } catch (const NoValue&) {
        continue;
      }
    }
  }
  return 0;
}
