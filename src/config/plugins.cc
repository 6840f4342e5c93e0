// The `plugins` section: each plugin's settings against the keys that its manifest declares.
#include <algorithm>

#include "base/strings.h"
#include "base/url.h"
#include "config/loader.h"

namespace tally::config {
namespace {

std::string shown_plugin_value(const KeyDecl& decl, const std::string& canonical) {
  if (decl.secret) return std::string(kHiddenText);
  if (decl.type == KeyType::list) return canonical;
  if (decl.type == KeyType::duration) {
    const auto duration = parse_duration(canonical + "s");
    return duration.ok() ? format_duration(*duration) : canonical;
  }
  if (decl.type == KeyType::bytes) {
    const auto bytes = parse_bytes(canonical);
    return bytes.ok() ? format_bytes(*bytes) : canonical;
  }
  return shown_scalar(redact_url(canonical));
}

}  // namespace

void Loader::set_plugins(const YamlNode* section) {
  if (section != nullptr && section->kind != YamlNode::Kind::map && section->kind != YamlNode::Kind::null) {
    faults_.fault(section->place, "\"plugins\" is a mapping from \"role:name\" to that plugin's settings");
    section = nullptr;
  }
  if (section != nullptr) {
    for (const auto& [name, value] : section->pairs) {
      faults_.about(name.text);
      tell_unknown_plugin(name);
    }
  }
  for (const PluginKeys& plugin : plugins_) {
    faults_.about(plugin.plugin);
    const YamlNode* node = section == nullptr ? nullptr : section->find(plugin.plugin);
    if (node != nullptr && node->kind != YamlNode::Kind::map) {
      if (node->kind != YamlNode::Kind::null) {
        faults_.fault(node->place, "the settings of \"" + plugin.plugin + "\" are a mapping, as in {key: value}");
      }
      node = nullptr;
    }
    set_plugin(plugin, node);
  }
  faults_.about({});
}

void Loader::tell_unknown_plugin(const YamlNode& name) {
  std::vector<std::string_view> known;
  for (const PluginKeys& plugin : plugins_) known.push_back(plugin.plugin);
  if (std::find(known.begin(), known.end(), name.text) != known.end()) return;
  const std::string hint = did_you_mean(name.text, known);
  faults_.fault(name.place, "no plugin \"" + name.text + "\" is installed" +
                                (hint.empty() ? ": `tally plugin list` shows those that are" : hint));
}

void Loader::set_plugin(const PluginKeys& plugin, const YamlNode* node) {
  PluginOptions& options = loaded_.config.plugins[plugin.plugin];
  std::vector<std::string_view> known;
  for (const KeyDecl& decl : plugin.keys) {
    known.push_back(decl.name);
    const std::string path = "plugins." + plugin.plugin + "." + decl.name;
    const YamlNode* said = node == nullptr ? nullptr : node->find(decl.name);
    std::optional<std::string> value;
    Place place;
    if (said != nullptr && said->kind != YamlNode::Kind::null) {
      place = said->place;
      loaded_.origins[path] = place;
      value = plugin_value(path, decl, *said);
    } else if (const auto fallback = canonical_default(decl); fallback.ok()) {
      value = *fallback;
    } else {
      faults_.fault({plugin.plugin, 0, 0}, "its manifest's default for \"" + decl.name +
                                               "\" is wrong: " + std::string(to_std(fallback.status().message())));
    }
    if (!value) continue;
    options.emplace_back(decl.name, *value);
    // Defaults of plugins would fill pages: `config sample` has them.
    if (!place.file.empty()) loaded_.settings.push_back({path, shown_plugin_value(decl, *value), place_text(place)});
  }
  if (node == nullptr) return;
  for (const auto& [name, value] : node->pairs) {
    if (std::find(known.begin(), known.end(), name.text) != known.end()) continue;
    std::string hint = did_you_mean(name.text, known);
    if (hint.empty()) hint = known.empty() ? ", which has none" : "; `tally plugin show` lists its keys";
    faults_.fault(name.place, "unknown key \"" + name.text + "\" of plugin \"" + plugin.plugin + "\"" + hint);
  }
}

std::optional<std::string> Loader::plugin_value(const std::string& path, const KeyDecl& decl, const YamlNode& node) {
  if (decl.type != KeyType::list) {
    std::optional<std::string> value = resolver_.value(path, decl, node);
    if (value && !decl.secret && !node.is_reference() && url_has_password(*value))
      resolver_.watch_secret(path, node.place);
    return value;
  }
  std::vector<std::string> texts;
  for (Item& item : resolver_.list(path, decl, node)) texts.push_back(std::move(*item.text));
  return list_to_json(texts);
}

}  // namespace tally::config
