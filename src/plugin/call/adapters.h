// Makes instances of plugins: the C tables behind the host's own classes.
// Not for guarding calls (see plugin/supervise/guard.h), nor for choosing plugins (see the managers driver, dispatcher,
// iterator).
//
// Everything that a plugin emits is checked here: presence, lengths, types, decimals, JSON. Bytes that are not UTF-8
// become text. What the host cannot take is refused to a pollster and lost alone; a handler's becomes a dead letter of
// its own. Results that come after the call, or on another thread, are refused.
#ifndef TALLY_PLUGIN_CALL_ADAPTERS_H
#define TALLY_PLUGIN_CALL_ADAPTERS_H

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "plugin/catalog/catalog.h"
#include "plugin/roles.h"

namespace tally::plugin {

// What one instance is made with. Keys that the manifest declares and `options` does not name get their default.
struct PluginSettings {
  config::PluginOptions options;      // canonical text, see tally/abi/base.h
  std::string url;                    // storage and transport: the URL with its passwords; else empty
  std::string host;                   // this host's name
  std::vector<std::string> disabled;  // definitions, by globs
};

// The settings of an entry's plugin in a configuration.
PluginSettings settings_for(const Entry& entry, const config::Config& config, std::string url = {});

// Each loads the entry's file where it is not yet loaded, and makes one instance. An entry that is not on is refused
// with its reason. When the file itself proves unfit the entry becomes refused, when `create` says absent it becomes
// absent, when it fails otherwise failed; the status says the same. The instance may be called by one thread at a time,
// and made on another one than it is called on. It does not keep the entry.
absl::StatusOr<std::unique_ptr<MessageHandler>> make_notification(Entry& entry, const PluginSettings& settings);
absl::StatusOr<std::unique_ptr<Sampler>> make_pollster(Entry& entry, const PluginSettings& settings);
absl::StatusOr<std::unique_ptr<ResourceFinder>> make_discovery(Entry& entry, const PluginSettings& settings);
absl::StatusOr<std::unique_ptr<StorageDriver>> make_storage(Entry& entry, const PluginSettings& settings);
absl::StatusOr<std::unique_ptr<TransportDriver>> make_transport(Entry& entry, const PluginSettings& settings);

}  // namespace tally::plugin

#endif
