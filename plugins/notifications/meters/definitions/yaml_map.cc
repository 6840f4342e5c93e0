// See yaml_map.h.
#include "definitions/yaml_map.h"

#include <tally/kit/json.h>
#include <tally/model/decimal.h>

#include <algorithm>

namespace meters {

namespace {

constexpr int kDeepestYaml = 32;

void put(std::vector<YamlMember>& to, YamlMember member) {
  const auto known = std::find_if(to.begin(), to.end(), [&](const YamlMember& one) { return one.key == member.key; });
  if (known == to.end()) {
    to.push_back(std::move(member));
  } else {
    known->key_node.reset(member.key_node);  // an assignment would write into the node that an anchor shares
    known->value.reset(member.value);
  }
}

void collect(const YAML::Node& map, std::vector<YamlMember>& to, int depth);

void merge(const YAML::Node& from, std::vector<YamlMember>& to, int depth) {
  if (depth > kDeepestYaml) throw Fault(from, "merge keys go deeper than 32 levels");
  if (from.IsMap()) return collect(from, to, depth + 1);
  if (!from.IsSequence()) throw Fault(from, "\"<<\" merges a map or a list of maps");
  for (std::size_t i = from.size(); i-- > 0;) {  // the first of them counts most
    if (!from[i].IsMap()) throw Fault(from[i], "\"<<\" merges a map or a list of maps");
    collect(from[i], to, depth + 1);
  }
}

void collect(const YAML::Node& map, std::vector<YamlMember>& to, int depth) {
  for (const auto& member : map)
    if (member.first.IsScalar() && member.first.Scalar() == "<<" && member.first.Tag() != "!")
      merge(member.second, to, depth);
  for (const auto& member : map) {
    if (!member.first.IsScalar()) throw Fault(member.first, "a key is not a text");
    if (member.first.Scalar() == "<<" && member.first.Tag() != "!") continue;
    put(to, {member.first.Scalar(), member.first, member.second});
  }
}

}  // namespace

std::vector<YamlMember> members(const YAML::Node& map) {
  std::vector<YamlMember> found;
  collect(map, found, 0);
  return found;
}

YAML::Node find(const std::vector<YamlMember>& members, std::string_view key) {
  for (const YamlMember& member : members)
    if (member.key == key) return member.value;
  return YAML::Node(YAML::NodeType::Undefined);
}

std::string to_json(const YAML::Node& node, int depth) {
  if (depth > kDeepestYaml) throw Fault(node, "deeper than 32 levels");
  if (!node.IsDefined() || node.IsNull()) return "null";
  if (node.IsScalar()) {
    const std::string& text = node.Scalar();
    if (node.Tag() == "!") return tally::json_detail::quote(text);
    if (text == "true" || text == "True") return "true";
    if (text == "false" || text == "False") return "false";
    return tally::Decimal::parse(text) ? text : tally::json_detail::quote(text);
  }
  std::string out;
  if (node.IsSequence()) {
    for (const auto& item : node) out += (out.empty() ? "" : ",") + to_json(item, depth + 1);
    return "[" + out + "]";
  }
  for (const YamlMember& member : members(node))
    out += (out.empty() ? "" : ",") + tally::json_detail::quote(member.key) + ":" + to_json(member.value, depth + 1);
  return "{" + out + "}";
}

}  // namespace meters
