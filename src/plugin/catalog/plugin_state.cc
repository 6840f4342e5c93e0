#include "plugin/catalog/plugin_state.h"

#include "base/json.h"

namespace tally::plugin {
namespace {

std::string skips_json(const std::map<std::string, std::uint64_t>& skips) {
  JsonWriter json;
  for (const auto& [definition, count] : skips) json.number(definition, static_cast<std::int64_t>(count));
  return json.str();
}

std::string label(const PluginState& plugin) { return plugin.role + ":" + plugin.name; }

}  // namespace

PluginState state_of(const Entry& entry) {
  return {entry.role.name.empty() ? entry.key() : entry.role.name, std::string(role_name(entry.role.role)),
          entry.manifest.version, std::string(state_name(entry.state)), entry.reason};
}

std::string plugins_json(std::span<const PluginState> plugins) {
  std::string list;
  for (const PluginState& plugin : plugins) {
    JsonWriter json;
    json.text("name", plugin.name).text("role", plugin.role).text("version", plugin.version);
    json.text("state", plugin.state).text("reason", plugin.reason);
    if (!plugin.skips.empty()) json.raw("skipped", skips_json(plugin.skips));
    list += (list.empty() ? "" : ",") + json.str();
  }
  return "[" + list + "]";
}

void plugin_metrics(std::span<const PluginState> plugins, MetricsPage& page) {
  page.family("tally_plugin_state", "gauge", "1 for the state that each plugin is in.");
  for (const PluginState& plugin : plugins)
    page.value({{"plugin", label(plugin)}, {"state", plugin.state}}, std::uint64_t{1});
  page.family("tally_plugin_skipped_total", "counter", "Messages of which a definition found not enough for a sample.");
  for (const PluginState& plugin : plugins)
    for (const auto& [definition, count] : plugin.skips)
      page.value({{"plugin", label(plugin)}, {"definition", definition}}, count);
}

}  // namespace tally::plugin
