// What a plugin says about itself, read from the ELF note in its file.
// Never loads a plugin: no code of it runs here.
#ifndef TALLY_PLUGIN_FILE_MANIFEST_H
#define TALLY_PLUGIN_FILE_MANIFEST_H

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "config/config.h"

namespace tally::plugin {

// The numbers are those of tally/abi/base.h.
enum class Role : std::int32_t { notification = 1, pollster = 2, discovery = 3, storage = 4, transport = 5 };

// "notification", "pollster" and so on, and back; empty for a word that is none.
std::string_view role_name(Role role);
std::optional<Role> role_from(std::string_view word);

// What must hold on this host before the plugin is loaded.
struct Precondition {
  enum class Kind { path, socket, library, config, any };
  Kind kind = Kind::path;
  std::string value;  // a path, a socket's path, a library's soname, or one of the role's configuration keys
  std::vector<Precondition> any{};  // of kind `any`: one of them is enough
};

struct MeterDecl {
  std::string name;
  std::string type;  // gauge, delta, cumulative
  std::string unit;
  std::string description;
};

// One role that a plugin offers.
struct RoleManifest {
  Role role = Role::pollster;
  std::string name;
  std::string summary;
  std::vector<config::KeyDecl> config;
  std::vector<Precondition> preconditions;
  bool single = false;                                // one instance only, not one per worker
  std::optional<std::chrono::milliseconds> limit;     // how long one call may take
  std::vector<std::string> event_types;               // notification: exact, or with `*` for any run of characters
  std::string poll_namespace;                         // pollster: "host", "compute", "central"
  std::optional<std::chrono::milliseconds> interval;  // pollster: its own, where the configuration names none
  std::vector<MeterDecl> meters;                      // pollster, notification
  bool any_meter = false;                             // pollster: its configuration makes it measure others too
  std::string discovery;                              // pollster: whose resources it polls; empty: none
  std::vector<std::string> aliases;                   // discovery: what Ceilometer's polling.yaml calls it
  std::vector<std::string> schemes;                   // storage, transport: of URLs
  // storage, transport: all that may stand after the ? of a URL; a name may have `*`. None: not said
  std::optional<std::vector<config::KeyDecl>> query;
  std::uint32_t writers = 1;  // storage: most batches at once, each by its own instance

  // "role:name", the key in the configuration.
  std::string key() const;
};

struct Manifest {
  std::string name;
  std::string version;
  std::string summary;
  std::uint32_t abi_minor = 0;  // the lowest minor of a host that it works with
  std::vector<RoleManifest> roles;
  std::string text;  // the note's JSON as it stands in the file
};

// Reads the manifest's JSON; an error names the member and what is wrong with it.
absl::StatusOr<Manifest> parse_manifest(std::string_view json);

// From the note in the file (see plugin/file/elf_note.h); errors begin with the file's name.
absl::StatusOr<Manifest> read_manifest(const std::filesystem::path& file);

}  // namespace tally::plugin

#endif
