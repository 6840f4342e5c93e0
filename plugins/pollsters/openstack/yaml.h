// The members of a YAML map with merge keys followed, and its scalars as values.
// Not for what they mean: load.h.
#ifndef TALLY_OPENSTACK_YAML_H
#define TALLY_OPENSTACK_YAML_H

#include <yaml-cpp/yaml.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "value.h"

namespace tally::openstack {

// One definition is given up with this; caught in load.cc.
struct Fault : std::runtime_error {
  Fault(const YAML::Node& node, const std::string& text)
      : std::runtime_error(text), line(node.Mark().line + 1), column(node.Mark().column + 1) {}
  int line, column;
};

// One map; nodes share what the document holds.
class YamlMap {
 public:
  struct Member {
    std::string key;
    YAML::Node key_node, value;
  };

  // Throws Fault where `map` is none, or a merge is none.
  explicit YamlMap(const YAML::Node& map);

  const YAML::Node& node() const { return node_; }
  const std::vector<Member>& members() const { return members_; }
  // The value of a key; null where there is none, or where it is null.
  const YAML::Node* find(std::string_view key) const;
  // Throws Fault where it is not a scalar.
  std::optional<std::string> text(std::string_view key) const;
  bool boolean(std::string_view key, bool absent) const;

 private:
  void collect(const YAML::Node& map, int depth);

  YAML::Node node_;
  std::vector<Member> members_;
};

// A scalar: null, a boolean, a number, or a text. Throws Fault for anything else.
Value scalar_value(const YAML::Node& node);

}  // namespace tally::openstack

#endif
