// One reading of a configuration: takes the merged tree, gives values, origins and faults.
// Not for reading files or YAML. One object a reading; one thread.
#ifndef TALLY_CONFIG_LOADER_H
#define TALLY_CONFIG_LOADER_H

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/resolve.h"

namespace tally::config {

// How a value that may not be shown is shown.
inline constexpr std::string_view kHiddenText = "(hidden)";

// "agent.yaml:3:9", or "default" for a place in no file.
std::string place_text(const Place& place);

// A scalar as YAML: quoted where a plain word would be read as something else.
std::string shown_scalar(const std::string& text);

class Loader {
 public:
  // `plugins` must live until load() returns.
  Loader(Program program, std::span<const PluginKeys> plugins);

  Faults& faults() { return faults_; }

  // REQUIRES: called once.
  LoadedConfig load(const YamlNode& root, std::vector<std::filesystem::path> files);

 private:
  void walk(const YamlNode& node, const std::string& prefix);
  void tell_stranger(const CoreKey& key, const YamlNode& name);
  void tell_unknown(const YamlNode& name, const std::string& prefix);
  std::string children(const std::string& prefix) const;

  static const YamlNode* find(const YamlNode& root, const std::string& path);
  void settle_core_keys(const YamlNode& root);
  Items default_items(const CoreKey& key) const;
  Items read(const CoreKey& key, const YamlNode& node);
  void read_item(const CoreKey& key, const std::string& name, const YamlNode& node, Items& items);
  bool acceptable(const CoreKey& key, const Item& item);
  static void lay_over(Items& under, Items over, Shape shape);
  void note_origins(const CoreKey& key, const Items& items);
  void show(const CoreKey& key, const Items& items);

  bool names_interval(const YamlNode& word);
  void read_polling_file();

  void set_plugins(const YamlNode* section);
  void tell_unknown_plugin(const YamlNode& name);
  void set_plugin(const PluginKeys& plugin, const YamlNode* node);
  std::optional<std::string> plugin_value(const std::string& path, const KeyDecl& decl, const YamlNode& node);

  const Program program_;
  const std::span<const PluginKeys> plugins_;
  Faults faults_;
  Resolver resolver_;
  LoadedConfig loaded_;
};

}  // namespace tally::config

#endif
