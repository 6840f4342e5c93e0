// Loads a plugin's file and checks that its descriptor keeps what its note promised.
// Not for deciding whether to load (see plugin/catalog/catalog.h), nor for calling (see plugin/call/adapters.h).
#ifndef TALLY_PLUGIN_FILE_LIBRARY_H
#define TALLY_PLUGIN_FILE_LIBRARY_H

#include <tally/abi/base.h>

#include <filesystem>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "plugin/file/manifest.h"

namespace tally::plugin {

// One role's table, as checked: long enough for version 1 of its role, no required function missing.
struct LoadedRole {
  Role role;
  const void* table;  // begins with its size; read optional members only when that covers them
};

// A loaded plugin. Never unloaded: it may have started threads.
class Library {
 public:
  // Loads `file`, once per process, and verifies it against the manifest read from its note. Another file that was
  // moved to the same path since is loaded as another plugin, beside the old one. Any thread.
  static absl::StatusOr<const Library*> open(const std::filesystem::path& file, const Manifest& manifest);

  // The table of the manifest's role number `index`.
  const LoadedRole& role(std::size_t index) const { return roles_[index]; }

 private:
  explicit Library(std::vector<LoadedRole> roles) : roles_(std::move(roles)) {}
  std::vector<LoadedRole> roles_;
};

// Checks a descriptor against the manifest: sizes, versions, same text, same roles, complete tables. `where` begins
// each error. Apart from open() for tests.
absl::StatusOr<std::vector<LoadedRole>> verify(const tally_plugin* plugin, const Manifest& manifest,
                                               std::string_view where);

}  // namespace tally::plugin

#endif
