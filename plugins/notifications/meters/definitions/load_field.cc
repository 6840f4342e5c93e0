// See load_field.h.
#include "definitions/load_field.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "values/json_tree.h"

namespace meters {

namespace {

// A number as YAML 1.1 has it, not in quotes: 12, -0.5, +3, 1_000, 0x1f. None for what is something else.
std::optional<std::string> number(const YAML::Node& node) {
  if (node.Tag() == "!" || !node.IsScalar()) return std::nullopt;
  std::string text = node.Scalar();
  if (text.empty() || text.front() == '_') return std::nullopt;
  text.erase(std::remove(text.begin(), text.end(), '_'), text.end());
  if (text.starts_with('+')) text.erase(0, 1);
  if (text.starts_with("0x") && text.size() > 2) {
    std::uint64_t value = 0;
    const auto read = std::from_chars(text.data() + 2, text.data() + text.size(), value, 16);
    if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
    return std::to_string(value);
  }
  const auto value = tally::Decimal::parse(text);
  return value ? std::optional(value->to_string()) : std::nullopt;
}

std::uint32_t path_of(const YAML::Node& node, const std::string& key, PathTable& paths) {
  if (!node.IsScalar()) throw Fault(node, key + ": neither a path nor a number");
  std::string why;
  const auto path = paths.add(node.Scalar(), why);
  if (!path) throw Fault(node, key + ": " + why);
  return *path;
}

std::shared_ptr<const FieldPlugin> trait_of(const YAML::Node& node, const std::string& key) {
  std::string name, parameters = "null", why;
  if (node.IsScalar()) {
    name = node.Scalar();
  } else if (node.IsMap()) {
    const auto all = members(node);
    const YAML::Node named = find(all, "name");
    if (!given(named) || !named.IsScalar()) throw Fault(node, key + ": the plugin has no \"name\"");
    name = named.Scalar();
    parameters = to_json(find(all, "parameters"));
  } else {
    throw Fault(node, key + ": \"plugin\" is a name or {name, parameters}");
  }
  auto made = make_trait(name, parameters, why);
  if (!made) throw Fault(node, key + ": " + why);
  return made;
}

// Whether a path without `$` can find something: a message has these members, and no others.
bool reaches(const Path& path) {
  static constexpr std::array kMembers = {"ctxt", "publisher_id", "event_type", "payload", "metadata"};
  if (path.rooted() || path.names().empty()) return true;
  return std::find(kMembers.begin(), kMembers.end(), path.names()[0]) != kMembers.end();
}

}  // namespace

bool given(const YAML::Node& node) {
  if (!node.IsDefined() || node.IsNull()) return false;
  return node.IsScalar() ? !node.Scalar().empty() : node.size() > 0;
}

Field constant_field(const std::string& json) {
  Field field;
  field.constant_text = std::make_shared<const std::string>(json);
  Arena arena;
  Node node = read_tree(*field.constant_text, arena);
  if (node.is_string()) node.text = std::string_view(*field.constant_text).substr(1, field.constant_text->size() - 2);
  field.constant = std::make_shared<const Node>(node);
  return field;
}

Field load_field(const YAML::Node& node, const std::string& key, PathTable& paths) {
  if (node.IsMap()) {
    const auto all = members(node);
    const YAML::Node fields = find(all, "fields"), plugin = find(all, "plugin");
    if (!fields.IsDefined()) throw Fault(node, key + ": \"fields\" is missing");
    if (fields.IsMap()) throw Fault(fields, key + ": \"fields\" is a path or a list of paths");
    Field field = load_field(fields, key, paths);
    if (plugin.IsDefined()) {
      auto trait = trait_of(plugin, key);
      if (!field.paths.empty()) field.trait = std::move(trait);
    }
    return field;
  }
  if (node.IsSequence()) {
    if (node.size() == 0) throw Fault(node, key + ": an empty list");
    if (node.size() == 1 && !node[0].IsSequence()) return load_field(node[0], key, paths);
    Field field;
    for (const auto& item : node) field.paths.push_back(path_of(item, key, paths));
    return field;
  }
  if (const auto constant = number(node)) return constant_field(*constant);
  Field field;
  field.paths.push_back(path_of(node, key, paths));
  return field;
}

Word load_word(const YAML::Node& node, const std::string& key, PathTable& paths) {
  Word word;
  if (!node.IsScalar()) {
    word.field = load_field(node, key, paths);
    return word;
  }
  const std::string& text = node.Scalar();
  std::string why;
  const auto path = Path::parse(text, why);
  if (!path && text.starts_with('$')) throw Fault(node, key + ": " + why);
  if (path && reaches(*path)) word.field.paths.push_back(path_of(node, key, paths));
  if (!path || (!path->rooted() && !path->names().empty())) word.literal = text;
  return word;
}

}  // namespace meters
