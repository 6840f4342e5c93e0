// Tests on this host what a manifest asks for before its plugin is loaded.
// Not for what a plugin finds out by itself at run time: that is its "absent".
#ifndef TALLY_PLUGIN_FILE_PRECONDITIONS_H
#define TALLY_PLUGIN_FILE_PRECONDITIONS_H

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "plugin/file/manifest.h"

namespace tally::plugin {

// Whether the configuration gives a value to a role's key; `key` is "role:name".
using IsConfigured = std::function<bool(std::string_view key, std::string_view option)>;

// Why the role cannot work here, in words; empty when every precondition holds. Loads nothing.
std::optional<std::string> unmet_precondition(const RoleManifest& role, const IsConfigured& configured);

}  // namespace tally::plugin

#endif
