// One definition out of its YAML map.
// Not for files, nor for which of two with the same name counts: load.h.
#ifndef TALLY_OPENSTACK_LOAD_DEFINITION_H
#define TALLY_OPENSTACK_LOAD_DEFINITION_H

#include <string>
#include <utility>
#include <vector>

#include "definition.h"
#include "yaml.h"

namespace tally::openstack {

struct Loaded {
  Definition definition;
  Request request;
  bool ours = true;  // false: for another namespace
  std::vector<std::pair<YAML::Node, std::string>> notices;
};

// Throws Fault, which names the key.
Loaded load_definition(const YamlMap& map, const std::string& file);

}  // namespace tally::openstack

#endif
