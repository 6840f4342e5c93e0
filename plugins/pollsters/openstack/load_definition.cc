// See load_definition.h.
#include "load_definition.h"

#include <algorithm>
#include <array>

#include <tally/kit/files.h>

namespace tally::openstack {
namespace {

constexpr std::array<std::string_view, 24> kKnown = {"name",
                                                     "sample_type",
                                                     "unit",
                                                     "value_attribute",
                                                     "endpoint_type",
                                                     "url_path",
                                                     "metadata_fields",
                                                     "metadata_mapping",
                                                     "preserve_mapped_metadata",
                                                     "skip_sample_values",
                                                     "value_mapping",
                                                     "default_value",
                                                     "response_entries_key",
                                                     "next_sample_url_attribute",
                                                     "user_id_attribute",
                                                     "project_id_attribute",
                                                     "resource_id_attribute",
                                                     "headers",
                                                     "timeout",
                                                     "response_handlers",
                                                     "namespaces",
                                                     "extra_metadata_fields_cache_seconds",
                                                     "method",
                                                     "per_project"};

// Keys of Ceilometer's that would run code, or ask what this plugin does not.
constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kRefused = {
    {{"module", "it would load Python; what no Keystone guards is for `exec` or a plugin"},
     {"authentication_object", "it would run Python; what no Keystone guards is for `exec` or a plugin"},
     {"authentication_parameters", "they belong to a Python object"},
     {"barbican_secret_id", "secrets are not read from Barbican"},
     {"host_command", "it would run a command; `pollster:exec` does that"},
     {"base_metadata", "url_path is a text, not Python"},
     {"extra_metadata_fields", "a second request for each sample is not made"},
     {"extra_metadata_fields_skip", "a second request for each sample is not made"}}};

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

// Words joined by dots; "{word}" may be the last of several.
bool is_name(std::string_view name) {
  bool first = true;
  while (true) {
    const std::size_t dot = name.find('.');
    std::string_view word = name.substr(0, dot);
    const bool last = dot == std::string_view::npos;
    if (last && !first && word.size() > 2 && word.front() == '{' && word.back() == '}')
      word = word.substr(1, word.size() - 2);
    if (word.empty() || !std::all_of(word.begin(), word.end(), is_word)) return false;
    if (last) return true;
    name.remove_prefix(dot + 1);
    first = false;
  }
}

Attribute attribute(const YAML::Node& node, const std::string& key, const std::string& text) {
  try {
    return Attribute::parse(text);
  } catch (const BadExpression& bad) {
    throw Fault(node, key + ": " + bad.what());
  }
}

std::optional<Attribute> attribute(const YamlMap& map, const std::string& key) {
  const std::optional<std::string> text = map.text(key);
  if (!text || text->empty()) return std::nullopt;
  return attribute(*map.find(key), key, *text);
}

std::string required(const YamlMap& map, const char* key) {
  std::string text = map.text(key).value_or("");
  if (text.empty()) throw Fault(map.node(), std::string("\"") + key + "\" missing");
  return text;
}

void check_keys(const YamlMap& map, Loaded& loaded) {
  for (const YamlMap::Member& member : map.members()) {
    for (const auto& [key, why] : kRefused)
      if (member.key == key && map.find(key) != nullptr)
        throw Fault(member.key_node, std::string(key) + ": not offered: " + std::string(why));
    if (std::find(kKnown.begin(), kKnown.end(), member.key) == kKnown.end())
      loaded.notices.emplace_back(member.key_node, "\"" + member.key + "\" is not known, ignoring");
  }
}

// A list, or one value alone.
template <class Take>
void each(const YAML::Node& node, Take take) {
  if (!node.IsSequence()) return take(node);
  for (const auto& item : node) take(item);
}

bool in_our_namespace(const YamlMap& map) {
  const YAML::Node* namespaces = map.find("namespaces");
  if (namespaces == nullptr) return true;
  bool ours = false;
  each(*namespaces, [&](const YAML::Node& one) { ours = ours || (one.IsScalar() && one.Scalar() == "central"); });
  return ours;
}

void load_header(const YAML::Node& name, const YAML::Node& value, Request& request) {
  if (!name.IsScalar() || !value.IsScalar()) throw Fault(name, "headers: a name and a text for each");
  const std::string line = name.Scalar() + ": " + value.Scalar();
  const auto bad = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (name.Scalar().empty() || std::any_of(line.begin(), line.end(), bad))
    throw Fault(value, "headers: a name without value, or a control character");
  request.headers.push_back(line);
}

void load_request(const YamlMap& map, Request& request) {
  request.service = required(map, "endpoint_type");
  request.per_project = map.boolean("per_project", false);
  const YAML::Node* path = map.find("url_path");
  if (path == nullptr && !request.per_project) throw Fault(map.node(), "\"url_path\" missing");
  request.path = map.text("url_path").value_or("");
  if (request.path.empty() && !request.per_project) throw Fault(map.node(), "\"url_path\" missing");
  if (request.path.find_first_of("'\"\\ \t\r\n") != std::string::npos)
    throw Fault(*path, "url_path: a text is meant, not a Python expression; a space is %20");
  const std::string method = map.text("method").value_or("GET");
  if (method != "GET" && method != "HEAD") throw Fault(*map.find("method"), "method: neither GET nor HEAD");
  request.head = method == "HEAD";
  if (const YAML::Node* headers = map.find("headers")) {
    each(*headers, [&](const YAML::Node& one) {
      if (!one.IsMap()) throw Fault(one, "headers: not a map, nor a list of maps");
      for (const auto& header : one) load_header(header.first, header.second, request);
    });
  }
  if (const std::optional<std::string> timeout = map.text("timeout")) {
    const auto seconds = to_number<double>(*timeout);
    if (!seconds || !(*seconds > 0) || *seconds > 120)
      throw Fault(*map.find("timeout"), "timeout: not a number of seconds up to 120");
    request.timeout = std::chrono::milliseconds(static_cast<std::int64_t>(*seconds * 1000) + 1);
  }
  if (const YAML::Node* handlers = map.find("response_handlers")) {
    bool json = false;
    each(*handlers, [&](const YAML::Node& one) { json = json || (one.IsScalar() && one.Scalar() == "json"); });
    if (!json) throw Fault(*handlers, "response_handlers: only \"json\" is offered");
  }
  request.entries = attribute(map, "response_entries_key");
  request.next = attribute(map, "next_sample_url_attribute");
}

// "a.b.{attribute}" goes with "[list].field".
void load_value(const YamlMap& map, Definition& made) {
  const std::string text = required(map, "value_attribute");
  const YAML::Node& node = *map.find("value_attribute");
  const std::size_t brace = made.name.find('{');
  if (brace == std::string::npos) {
    made.value = attribute(node, "value_attribute", text);
    return;
  }
  const std::size_t end = text.find("].");
  if (text.front() != '[' || end == std::string::npos || end == 1)
    throw Fault(node, "value_attribute: with a name that ends in {…} it is \"[list].field\"");
  made.several = Several{made.name.substr(0, brace), made.name.substr(brace + 1, made.name.size() - brace - 2),
                         attribute(node, "value_attribute", text.substr(1, end - 1))};
  made.value = attribute(node, "value_attribute", text.substr(end + 2));
}

void load_metadata(const YamlMap& map, Definition& made) {
  if (const YAML::Node* fields = map.find("metadata_fields")) {
    each(*fields, [&](const YAML::Node& one) {
      if (!one.IsScalar() || one.Scalar().empty()) throw Fault(one, "metadata_fields: not a list of texts");
      made.metadata.emplace_back(one.Scalar(), attribute(one, "metadata_fields", one.Scalar()));
    });
  }
  const YAML::Node* mapping = map.find("metadata_mapping");
  if (mapping == nullptr) return;
  const bool keep = map.boolean("preserve_mapped_metadata", true);
  const YamlMap names(*mapping);
  const std::size_t count = made.metadata.size();
  for (std::size_t i = 0; i < count; ++i) {
    const std::optional<std::string> name = names.text(made.metadata[i].first);
    if (!name) continue;
    if (keep) {
      made.metadata.emplace_back(*name, made.metadata[i].second);
    } else {
      made.metadata[i].first = *name;
    }
  }
}

void load_mapping(const YamlMap& map, Definition& made) {
  if (const YAML::Node* skip = map.find("skip_sample_values"))
    each(*skip, [&](const YAML::Node& one) { made.skip.push_back(scalar_value(one)); });
  made.otherwise = Decimal(-1);
  if (const YAML::Node* otherwise = map.find("default_value")) made.otherwise = scalar_value(*otherwise);
  if (const YAML::Node* mapping = map.find("value_mapping")) {
    if (!mapping->IsMap()) throw Fault(*mapping, "value_mapping: not a map");
    for (const auto& one : *mapping) made.mapping.emplace_back(scalar_value(one.first), scalar_value(one.second));
  }
}

}  // namespace

std::string Request::key() const {
  std::string key;
  const auto add = [&](const std::string& part) { key += std::to_string(part.size()) + ":" + part; };
  add(service), add(path), add(entries ? entries->text() : ""), add(next ? next->text() : "");
  for (const std::string& header : headers) add(header);
  return key + (head ? "H" : "G") + (per_project ? "P" : "-") + std::to_string(timeout.count());
}

std::string Group::names() const {
  std::string names;
  for (std::size_t i = 0; i < definitions.size(); ++i) {
    if (i == 3) return names + " and " + std::to_string(definitions.size() - i) + " more";
    names += (i == 0 ? "" : ", ") + definitions[i].name;
  }
  return names;
}

Loaded load_definition(const YamlMap& map, const std::string& file) {
  Loaded loaded;
  Definition& made = loaded.definition;
  loaded.ours = in_our_namespace(map);
  made.name = required(map, "name");
  if (!loaded.ours) {
    loaded.notices.emplace_back(map.node(), "left out: \"" + made.name + "\" is not for the namespace central");
    return loaded;
  }
  check_keys(map, loaded);
  made.place = file + ":" + std::to_string(map.node().Mark().line + 1);
  if (!is_name(made.name)) throw Fault(*map.find("name"), "name: letters, digits, _ and -, joined by dots; {…} last");
  const std::string type = required(map, "sample_type");
  if (type == "delta") {
    made.type = SampleType::delta;
  } else if (type == "cumulative") {
    made.type = SampleType::cumulative;
  } else if (type != "gauge") {
    throw Fault(*map.find("sample_type"), "sample_type: \"" + type + "\" is neither gauge, delta nor cumulative");
  }
  made.unit = required(map, "unit");
  load_request(map, loaded.request);
  load_value(map, made);
  load_metadata(map, made);
  load_mapping(map, made);
  made.resource = attribute(map, "resource_id_attribute");
  made.project = attribute(map, "project_id_attribute");
  made.user = attribute(map, "user_id_attribute");
  return loaded;
}

}  // namespace tally::openstack
