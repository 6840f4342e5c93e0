// See yaml.h.
#include "yaml.h"

#include <algorithm>

namespace tally::openstack {
namespace {

constexpr int kDeepestMerge = 32;

bool is_merge(const YAML::Node& key) { return key.IsScalar() && key.Scalar() == "<<" && key.Tag() != "!"; }

}  // namespace

YamlMap::YamlMap(const YAML::Node& map) : node_(map) {
  if (!map.IsMap()) throw Fault(map, "not a map of keys and values");
  collect(map, 0);
}

// Merged ones first, so that the map's own take their place.
void YamlMap::collect(const YAML::Node& map, int depth) {
  if (depth > kDeepestMerge) throw Fault(map, "merge keys go deeper than 32 levels");
  for (const auto& member : map) {
    if (!is_merge(member.first)) continue;
    if (member.second.IsMap()) {
      collect(member.second, depth + 1);
    } else if (member.second.IsSequence()) {
      for (std::size_t i = member.second.size(); i-- > 0;) {  // the first of them counts most
        if (!member.second[i].IsMap()) throw Fault(member.second[i], "\"<<\" merges a map or a list of maps");
        collect(member.second[i], depth + 1);
      }
    } else {
      throw Fault(member.second, "\"<<\" merges a map or a list of maps");
    }
  }
  for (const auto& member : map) {
    if (!member.first.IsScalar()) throw Fault(member.first, "a key is not a text");
    if (is_merge(member.first)) continue;
    const auto known = std::find_if(members_.begin(), members_.end(),
                                    [&](const Member& one) { return one.key == member.first.Scalar(); });
    if (known == members_.end()) {
      members_.push_back({member.first.Scalar(), member.first, member.second});
    } else {
      known->key_node.reset(member.first);  // an assignment would write into the node that an anchor shares
      known->value.reset(member.second);
    }
  }
}

const YAML::Node* YamlMap::find(std::string_view key) const {
  const auto found = std::find_if(members_.begin(), members_.end(), [&](const Member& one) { return one.key == key; });
  return found == members_.end() || found->value.IsNull() ? nullptr : &found->value;
}

std::optional<std::string> YamlMap::text(std::string_view key) const {
  const YAML::Node* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->IsScalar()) throw Fault(*value, std::string(key) + ": not a text");
  return value->Scalar();
}

bool YamlMap::boolean(std::string_view key, bool absent) const {
  const YAML::Node* value = find(key);
  if (value == nullptr) return absent;
  const Value read = scalar_value(*value);
  if (read.boolean() == nullptr) throw Fault(*value, std::string(key) + ": neither true nor false");
  return *read.boolean();
}

Value scalar_value(const YAML::Node& node) {
  if (node.IsNull()) return {};
  if (!node.IsScalar()) throw Fault(node, "neither a text nor a number");
  const std::string& text = node.Scalar();
  if (node.Tag() == "!") return text;
  if (text.empty() || text == "null" || text == "Null" || text == "NULL" || text == "~") return {};
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  if (const std::optional<Decimal> number = Decimal::parse(text)) return *number;
  return text;
}

}  // namespace tally::openstack
