// The members of a YAML map with its merge keys (`<<`) followed.
// Not for what they mean: load.h.
#ifndef TALLY_METERS_DEFINITIONS_YAML_MAP_H
#define TALLY_METERS_DEFINITIONS_YAML_MAP_H

#include <yaml-cpp/yaml.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace meters {

// One definition is given up with this; caught in load.cc.
struct Fault : std::runtime_error {
  Fault(const YAML::Node& node, const std::string& text)
      : std::runtime_error(text), line(node.Mark().line + 1), column(node.Mark().column + 1) {}
  int line, column;
};

struct YamlMember {
  std::string key;
  YAML::Node key_node, value;
};

// In the order of the text, merged ones first; of a key that is there twice the last counts, and the map's own before
// merged ones. Throws Fault where a merge is none.
std::vector<YamlMember> members(const YAML::Node& map);

// The value of a key; an undefined node where there is none.
YAML::Node find(const std::vector<YamlMember>& members, std::string_view key);

// As JSON, for parameters of plugins. Throws Fault where it goes deeper than 32 levels.
std::string to_json(const YAML::Node& node, int depth = 0);

}  // namespace meters

#endif
