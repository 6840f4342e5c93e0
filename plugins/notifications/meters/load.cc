#include "load.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <set>
#include <stdexcept>

namespace meters {

namespace {

// One definition is given up with this; caught in load_file.
struct Fault : std::runtime_error {
  Fault(const YAML::Node& node, const std::string& text) : std::runtime_error(text), line(node.Mark().line + 1) {}
  int line;
};

const std::set<std::string_view> kKnown = {"name",       "event_type", "type",      "unit",     "volume", "resource_id",
                                           "project_id", "user_id",    "timestamp", "metadata", "multi"};

// A number that YAML would read as one: not in quotes.
std::optional<std::string> number(const YAML::Node& node) {
  if (node.Tag() == "!") return std::nullopt;
  const auto value = tally::Decimal::parse(node.Scalar());
  return value ? std::optional(value->to_string()) : std::nullopt;
}

Path path_of(const YAML::Node& node, const char* key) {
  if (!node.IsScalar()) throw Fault(node, std::string(key) + ": neither a path nor a number");
  std::string why;
  auto path = Path::parse(node.Scalar(), why);
  if (!path) throw Fault(node, std::string(key) + ": " + why);
  return *std::move(path);
}

// A path, a number, a list of paths, or {fields: …}.
Field field_of(const YAML::Node& node, const char* key) {
  Field field;
  if (node.IsMap()) {
    for (const auto& member : node)
      if (member.first.Scalar() != "fields")
        throw Fault(member.first, std::string(key) + ": \"" + member.first.Scalar() + "\" is not supported");
    if (!node["fields"]) throw Fault(node, std::string(key) + ": \"fields\" is missing");
    return field_of(node["fields"], key);
  }
  if (node.IsSequence()) {
    if (node.size() == 0) throw Fault(node, std::string(key) + ": an empty list");
    for (const auto& item : node) field.paths.push_back(path_of(item, key));
    return field;
  }
  const auto constant = node.IsScalar() ? number(node) : std::nullopt;
  if (constant) {
    field.constant = *constant;
  } else {
    field.paths.push_back(path_of(node, key));
  }
  return field;
}

// A text as it is, or a path that begins with `$`.
Field word_of(const YAML::Node& node, const char* key) {
  if (!node.IsScalar() || node.Scalar().empty()) throw Fault(node, std::string(key) + ": not a text");
  Field field;
  if (node.Scalar().starts_with('$')) {
    field.paths.push_back(path_of(node, key));
  } else {
    field.constant = tally::json_detail::quote(node.Scalar());
  }
  return field;
}

std::vector<EventPattern> patterns_of(const YAML::Node& node) {
  std::vector<EventPattern> patterns;
  const auto add = [&](const YAML::Node& item) {
    std::string why = "event_type: not a text";
    auto pattern = item.IsScalar() && !item.Scalar().empty() ? EventPattern::parse(item.Scalar(), why) : std::nullopt;
    if (!pattern) throw Fault(item, why);
    patterns.push_back(*std::move(pattern));
  };
  if (node.IsSequence()) {
    for (const auto& item : node) add(item);
  } else {
    add(node);
  }
  if (patterns.empty()) throw Fault(node, "event_type: an empty list");
  return patterns;
}

// Where a definition names neither: who asked for what the message tells of.
Field from_context(std::initializer_list<const char*> paths) {
  Field field;
  std::string why;
  for (const char* path : paths) field.paths.push_back(*Path::parse(path, why));
  return field;
}

void check_keys(const YAML::Node& node) {
  if (!node.IsMap())
    throw Fault(node, "not a definition: a map with name, event_type, type, unit, volume, resource_id");
  for (const auto& member : node)
    if (!kKnown.contains(member.first.Scalar()))
      throw Fault(member.first, "\"" + member.first.Scalar() + "\" is not supported");
  std::string missing;
  for (const char* key : {"name", "event_type", "type", "unit", "volume", "resource_id"})
    if (!node[key] || node[key].IsNull()) missing += (missing.empty() ? "\"" : ", \"") + std::string(key) + "\"";
  if (!missing.empty()) throw Fault(node, missing + " missing");
}

Definition definition_of(const YAML::Node& node) {
  check_keys(node);
  Definition made;
  made.name = word_of(node["name"], "name");
  made.name_key = node["name"].Scalar();
  made.event_types = patterns_of(node["event_type"]);
  made.type = word_of(node["type"], "type");
  const std::string& type = node["type"].Scalar();
  if (made.type.paths.empty() && type != "gauge" && type != "delta" && type != "cumulative")
    throw Fault(node["type"], "type \"" + type + "\" is neither gauge, delta nor cumulative");
  made.unit = word_of(node["unit"], "unit");
  made.volume = field_of(node["volume"], "volume");
  made.resource_id = field_of(node["resource_id"], "resource_id");
  made.project_id = node["project_id"] ? field_of(node["project_id"], "project_id")
                                       : from_context({"ctxt.project_id", "ctxt.tenant_id", "ctxt.tenant"});
  made.user_id = node["user_id"] ? field_of(node["user_id"], "user_id") : from_context({"ctxt.user_id", "ctxt.user"});
  if (node["timestamp"]) made.timestamp = field_of(node["timestamp"], "timestamp");
  if (const YAML::Node metadata = node["metadata"]; metadata && !metadata.IsNull()) {
    if (!metadata.IsMap()) throw Fault(metadata, "metadata: not a map");
    for (const auto& member : metadata)
      made.metadata.emplace_back(member.first.Scalar(), field_of(member.second, "metadata"));
  }
  return made;
}

void load_file(const std::filesystem::path& file, Loaded& loaded, std::set<std::string>& names) {
  const auto fault = [&](int line, const std::string& text) {
    loaded.faults.push_back(file.string() + ":" + std::to_string(line) + ": " + text);
  };
  try {
    const YAML::Node list = YAML::LoadFile(file.string())["metric"];
    loaded.files.push_back(file.string());
    if (!list || !list.IsSequence()) return fault(1, "no list \"metric\": nothing is defined here");
    for (std::size_t i = list.size(); i-- > 0;) {
      try {
        Definition made = definition_of(list[i]);
        const int line = list[i].Mark().line + 1;
        made.place = file.string() + ":" + std::to_string(line);
        if (names.insert(made.name_key).second) {
          loaded.definitions.push_back(std::move(made));
        } else {
          fault(line, "skipped: \"" + made.name_key + "\" is defined already");
        }
      } catch (const Fault& wrong) {
        fault(wrong.line, std::string("skipped: ") + wrong.what());
      }
    }
  } catch (const YAML::BadFile&) {
    loaded.faults.push_back(file.string() + ": cannot be read");
  } catch (const YAML::Exception& error) {
    fault(error.mark.line + 1, "skipped from here: not YAML: " + error.msg);
  }
}

}  // namespace

Loaded load(const std::vector<std::filesystem::path>& paths) {
  Loaded loaded;
  std::set<std::string> names;
  for (const std::filesystem::path& path : paths) {
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) {
      load_file(path, loaded, names);
      continue;
    }
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(path, error))
      if (entry.path().extension() == ".yaml") files.push_back(entry.path());
    if (error) loaded.faults.push_back(path.string() + ": " + error.message());
    std::sort(files.begin(), files.end());
    for (const auto& file : files) load_file(file, loaded, names);
  }
  return loaded;
}

}  // namespace meters
