// Where an attribute of a sample comes from: paths, a constant, a plugin over paths.
// Not for reading it from YAML: load_field.cc.
#ifndef TALLY_METERS_DEFINITIONS_FIELD_H
#define TALLY_METERS_DEFINITIONS_FIELD_H

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "definitions/field_plugin.h"
#include "values/node.h"

namespace meters {

// Paths are numbers of PathTable's (program.h).
struct Field {
  std::vector<std::uint32_t> paths;
  std::shared_ptr<const Node> constant;  // looks into `constant_text`; used where there are no paths
  std::shared_ptr<const std::string> constant_text;
  std::shared_ptr<const FieldPlugin> trait;

  bool set() const { return !paths.empty() || constant != nullptr; }
};

}  // namespace meters

#endif
