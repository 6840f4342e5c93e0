// Definitions as tests write them.
// Not for the shipped ones: those are read from config/pollsters.d.
#ifndef TALLY_OPENSTACK_TEST_DEFINITIONS_H
#define TALLY_OPENSTACK_TEST_DEFINITIONS_H

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "load.h"

namespace tally::openstack {

constexpr const char* kWhole = R"(
- name: volume.size
  sample_type: gauge
  unit: GiB
  endpoint_type: volumev3
  url_path: volumes/detail
  value_attribute: size
  metadata_fields: [name, "a.b", missing]
  metadata_mapping: {name: display_name}
  preserve_mapped_metadata: false
)";

inline std::vector<Group> load(const std::string& text) {
  Definitions definitions;
  definitions.load(text, "t.yaml");
  EXPECT_TRUE(definitions.faults().empty()) << definitions.faults().front();
  return std::move(definitions).take();
}

inline std::string fault_of(const std::string& text) {
  Definitions definitions;
  definitions.load(text, "t.yaml");
  return definitions.faults().empty() ? "" : definitions.faults().front();
}

// kWhole with `lines` more.
inline std::string with(const std::string& lines) { return kWhole + lines; }

}  // namespace tally::openstack

#endif
