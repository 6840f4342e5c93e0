// What a program shows of a plugin: in `/status`, on `/metrics` and in tables.
// Not for deciding whether it may be used: see plugin/catalog/catalog.h and plugin/supervise/guard.h.
#ifndef TALLY_PLUGIN_CATALOG_PLUGIN_STATE_H
#define TALLY_PLUGIN_CATALOG_PLUGIN_STATE_H

#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "base/metrics.h"
#include "plugin/catalog/catalog.h"

namespace tally::plugin {

// All in words.
struct PluginState {
  std::string name, role, version, state, reason;
  std::map<std::string, std::uint64_t> skips{};  // messages of which a definition found not enough, by its name
};

// As the catalog has it; a file that cannot be read is named by its file name.
PluginState state_of(const Entry& entry);

// The list `plugins` of `/status`.
std::string plugins_json(std::span<const PluginState> plugins);

// Adds tally_plugin_state and tally_plugin_skipped_total.
void plugin_metrics(std::span<const PluginState> plugins, MetricsPage& page);

}  // namespace tally::plugin

#endif
