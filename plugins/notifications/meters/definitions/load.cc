// See load.h. One attribute is read in load_field.cc.
#include "definitions/load.h"

#include <tally/kit/glob.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>

#include "definitions/load_field.h"

namespace meters {

namespace {

constexpr std::array<std::string_view, 13> kKnown = {"name",          "event_type", "type",    "unit",      "volume",
                                                     "resource_id",   "project_id", "user_id", "timestamp", "metadata",
                                                     "user_metadata", "lookup",     "multi"};

std::string at(const std::string& file, int line, int column) {
  return file + ":" + std::to_string(line) + ":" + std::to_string(column) + ": ";
}

void check_required(const YAML::Node& node, const std::vector<YamlMember>& all) {
  std::string missing;
  for (const char* key : {"name", "event_type", "type", "unit", "volume", "resource_id"})
    if (!given(find(all, key))) missing += (missing.empty() ? "\"" : ", \"") + std::string(key) + "\"";
  if (!missing.empty()) throw Fault(node, missing + " missing");
}

// What two definitions that write the same metadata have in common; empty where plugins are in it.
std::string signature(const Metadata& metadata) {
  std::string out;
  bool shared = true;
  const auto add = [&](const std::string& key, const Field& field) {
    out += std::to_string(key.size()) + ":" + key;
    for (const std::uint32_t path : field.paths) out += " " + std::to_string(path);
    if (field.constant_text) out += " =" + *field.constant_text;
    out += ';';
    shared = shared && field.trait == nullptr;
  };
  for (const auto& [key, field] : metadata.members) add(key, field);
  add("user_metadata", metadata.user);
  return shared ? out : "";
}

}  // namespace

std::vector<EventPattern> Definitions::patterns(const YAML::Node& node) {
  std::vector<EventPattern> found;
  const auto add = [&](const YAML::Node& item) {
    if (!item.IsScalar() || item.Scalar().empty()) throw Fault(item, "event_type: not a text");
    auto known = patterns_.find(item.Scalar());
    if (known == patterns_.end()) {
      std::string why;
      auto pattern = EventPattern::parse(item.Scalar(), why);
      if (!pattern) throw Fault(item, why);
      known = patterns_.emplace(item.Scalar(), *std::move(pattern)).first;
    }
    found.push_back(known->second);
  };
  if (!node.IsSequence()) {
    add(node);
  } else {
    for (const auto& item : node) add(item);
  }
  return found;
}

void Definitions::lookup(const YAML::Node& node, Definition& definition, const std::string& file) {
  definition.lookup = true;
  const auto add = [&](const YAML::Node& item) {
    const std::string name = item.IsScalar() ? item.Scalar() : "";
    const std::array<std::pair<std::string_view, bool*>, 7> known = {{{"type", &definition.lookup_type},
                                                                      {"volume", &definition.lookup_volume},
                                                                      {"unit", &definition.lookup_unit},
                                                                      {"timestamp", &definition.lookup_timestamp},
                                                                      {"user_id", &definition.lookup_user},
                                                                      {"project_id", &definition.lookup_project},
                                                                      {"resource_id", &definition.lookup_resource}}};
    if (name == "name") return;
    for (const auto& [attribute, flag] : known) {
      if (name != attribute) continue;
      *flag = true;
      return;
    }
    notices_.push_back(at(file, item.Mark().line + 1, item.Mark().column + 1) + "lookup: \"" + name +
                       "\" is not an attribute of a sample, ignoring");
  };
  if (node.IsSequence()) {
    for (const auto& item : node) add(item);
  } else {
    add(node);
  }
  if (!definition.name.field.set())
    notices_.push_back(definition.place + ": the name is not a path: with \"lookup\" there will be no samples of \"" +
                       definition.name_key + "\"");
}

std::uint32_t Definitions::metadata(const std::vector<YamlMember>& all) {
  Metadata made;
  if (const YAML::Node node = find(all, "metadata"); given(node)) {
    if (!node.IsMap()) throw Fault(node, "metadata: not a map");
    for (const YamlMember& member : members(node))
      made.members.emplace_back(member.key, load_field(member.value, "metadata " + member.key, program_.paths));
  }
  if (const YAML::Node node = find(all, "user_metadata"); given(node))
    made.user = load_field(node, "user_metadata", program_.paths);
  if (made.whole_payload()) return 0;
  const std::string same = signature(made);
  if (const auto known = metadata_.find(same); !same.empty() && known != metadata_.end()) return known->second;
  const auto number = static_cast<std::uint32_t>(program_.metadata.size());
  program_.metadata.push_back(std::move(made));
  if (!same.empty()) metadata_.emplace(same, number);
  return number;
}

Definition Definitions::definition(const YAML::Node& node, const std::string& file) {
  if (!node.IsMap())
    throw Fault(node, "not a definition: a map with name, event_type, type, unit, volume, resource_id");
  const std::vector<YamlMember> all = members(node);
  check_required(node, all);
  Definition made;
  made.place = file + ":" + std::to_string(node.Mark().line + 1);
  const YAML::Node name = find(all, "name"), type = find(all, "type");
  if (!name.IsScalar()) throw Fault(name, "name: not a text");
  made.name_key = name.Scalar();
  made.id = std::filesystem::path(file).filename().string() + ":" + made.name_key;
  made.name = load_word(name, "name", program_.paths);
  made.event_types = patterns(find(all, "event_type"));
  made.type = load_word(type, "type", program_.paths);
  made.literal_type = type_named(made.type.literal);
  if (!made.type.field.set() && !made.literal_type)
    throw Fault(type, "type \"" + made.type.literal + "\" is neither gauge, delta nor cumulative");
  made.unit = load_word(find(all, "unit"), "unit", program_.paths);
  const std::array<std::pair<const char*, Field*>, 5> fields = {{{"volume", &made.volume},
                                                                 {"resource_id", &made.resource_id},
                                                                 {"project_id", &made.project_id},
                                                                 {"user_id", &made.user_id},
                                                                 {"timestamp", &made.timestamp}}};
  for (const auto& [key, field] : fields)
    if (const YAML::Node value = find(all, key); given(value)) *field = load_field(value, key, program_.paths);
  made.metadata = metadata(all);
  if (const YAML::Node value = find(all, "lookup"); given(value)) lookup(value, made, file);
  for (const YamlMember& member : all)
    if (std::find(kKnown.begin(), kKnown.end(), member.key) == kKnown.end())
      notices_.push_back(at(file, member.key_node.Mark().line + 1, member.key_node.Mark().column + 1) + "\"" +
                         member.key + "\" is not known, ignoring");
  notice_arithmetic(made);
  return made;
}

void Definitions::notice_arithmetic(const Definition& made) {
  for (const Field* field : {&made.name.field, &made.volume, &made.resource_id, &made.project_id, &made.user_id})
    for (const std::uint32_t path : field->paths)
      if (program_.paths[path].arithmetic_ambiguous())
        notices_.push_back(made.place + ": \"" + made.name_key +
                           "\" has a path with several operators: Ceilometer calculates from right to left, set "
                           "parentheses so that both agree");
}

bool Definitions::disabled(const Definition& definition) const {
  return std::any_of(disabled_.begin(), disabled_.end(),
                     [&](const std::string& pattern) { return tally::glob_match(pattern, definition.id); });
}

void Definitions::load_list(const YAML::Node& list, const std::string& file) {
  std::vector<YAML::Node> items(list.begin(), list.end());
  for (auto item = items.rbegin(); item != items.rend(); ++item) {
    const std::string place = at(file, item->Mark().line + 1, item->Mark().column + 1);
    try {
      Definition made = definition(*item, file);
      made.disabled = disabled(made);
      if (const auto known = names_.find(made.name_key); known == names_.end()) {
        if (!made.disabled) names_.emplace(made.name_key, made.place);
        program_.definitions.push_back(std::move(made));
      } else if (made.disabled) {
        notices_.push_back(place + "\"" + made.id + "\" is disabled, and is hidden anyway by the definition at " +
                           known->second + ", which counts: disable that one to have no \"" + made.name_key + "\"");
        program_.hidden.push_back(std::move(made));
      } else {
        faults_.push_back(place + "skipped: \"" + made.name_key + "\" is defined already, at " + known->second);
      }
    } catch (const Fault& fault) {
      const YAML::Node name = item->IsMap() ? (*item)["name"] : YAML::Node();
      const std::string whose = name && name.IsScalar() ? " \"" + name.Scalar() + "\"" : "";
      faults_.push_back(at(file, fault.line, fault.column) + "skipped" + whose + ": " + fault.what());
    } catch (const std::exception& error) {  // yaml-cpp's, of a node that is not what it seemed
      faults_.push_back(place + "skipped: " + error.what());
    }
  }
}

void Definitions::load(std::string_view text, const std::string& file) {
  try {
    const YAML::Node root = YAML::Load(std::string(text));
    const YAML::Node list = root.IsMap() ? root["metric"] : YAML::Node();
    if (!list || !list.IsSequence()) {
      faults_.push_back(at(file, 1, 1) + "no list \"metric\": nothing is defined here");
      return;
    }
    load_list(list, file);
  } catch (const YAML::Exception& error) {
    faults_.push_back(at(file, error.mark.line + 1, error.mark.column + 1) +
                      "skipped, the whole file: not YAML: " + error.msg);
  }
}

void Definitions::load_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) {
    faults_.push_back(file.string() + ": cannot be read, or is empty");
    return;
  }
  load(text.str(), file.string());
}

void Definitions::load(const std::vector<std::filesystem::path>& paths) {
  for (const std::filesystem::path& path : paths) {
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) {
      load_file(path);
      continue;
    }
    std::vector<std::filesystem::path> files;
    for (std::filesystem::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error))
      if (entry->path().extension() == ".yaml" && !entry->path().filename().string().starts_with('.'))
        files.push_back(entry->path());
    if (error) faults_.push_back(path.string() + ": " + error.message());
    std::sort(files.begin(), files.end());
    for (const auto& file : files) load_file(file);
  }
}

}  // namespace meters
