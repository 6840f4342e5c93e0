#include "plugin/library.h"

#include <dlfcn.h>
#include <tally/abi/notification.h>
#include <tally/abi/pollster.h>
#include <tally/abi/storage.h>
#include <tally/abi/transport.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/log.h"
#include "core/status.h"

namespace tally::host {
namespace {

// What version 1 of each table holds: its size then, and where its required functions stand.
struct Shape {
  std::size_t size;
  std::vector<std::pair<const char*, std::size_t>> required;
};

#define TALLY_MEMBER(table, member) \
  { #member, offsetof(table, member) }

const Shape& shape_of(Role role) {
  static const std::map<Role, Shape> shapes = {
      {Role::notification,
       {sizeof(tally_notification_table),
        {TALLY_MEMBER(tally_notification_table, create), TALLY_MEMBER(tally_notification_table, destroy),
         TALLY_MEMBER(tally_notification_table, handle)}}},
      {Role::pollster,
       {sizeof(tally_pollster_table),
        {TALLY_MEMBER(tally_pollster_table, create), TALLY_MEMBER(tally_pollster_table, destroy),
         TALLY_MEMBER(tally_pollster_table, poll)}}},
      {Role::discovery,
       {sizeof(tally_discovery_table),
        {TALLY_MEMBER(tally_discovery_table, create), TALLY_MEMBER(tally_discovery_table, destroy),
         TALLY_MEMBER(tally_discovery_table, discover)}}},
      {Role::storage,
       {sizeof(tally_storage_table),
        {TALLY_MEMBER(tally_storage_table, create), TALLY_MEMBER(tally_storage_table, destroy),
         TALLY_MEMBER(tally_storage_table, prepare), TALLY_MEMBER(tally_storage_table, write),
         TALLY_MEMBER(tally_storage_table, query), TALLY_MEMBER(tally_storage_table, purge_dead_letters),
         TALLY_MEMBER(tally_storage_table, expire)}}},
      {Role::transport,
       {sizeof(tally_transport_table),
        {TALLY_MEMBER(tally_transport_table, create), TALLY_MEMBER(tally_transport_table, destroy),
         TALLY_MEMBER(tally_transport_table, consume), TALLY_MEMBER(tally_transport_table, service),
         TALLY_MEMBER(tally_transport_table, settle), TALLY_MEMBER(tally_transport_table, publish),
         TALLY_MEMBER(tally_transport_table, wake), TALLY_MEMBER(tally_transport_table, stop)}}},
  };
  return shapes.at(role);
}

#undef TALLY_MEMBER

void write_log(std::int32_t level, tally_str text) noexcept {
  try {
    const std::string_view line = text.data == nullptr ? std::string_view() : std::string_view(text.data, text.size);
    switch (level) {
      case TALLY_LOG_DEBUG:
        return log::debug(line);
      case TALLY_LOG_INFO:
        return log::info(line);
      case TALLY_LOG_WARNING:
        return log::warning(line);
      default:
        return log::error(line);
    }
  } catch (...) {
    // A line that cannot be written is not worth a plugin's call.
  }
}

const tally_host kHost = {sizeof(tally_host), TALLY_ABI_MINOR, 0, &write_log};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.back() == '\0') text.remove_suffix(1);
  return text;
}

absl::Status check_version(const tally_plugin& plugin, const Manifest& manifest) {
  if (plugin.abi_major != TALLY_ABI_MAJOR) {
    return permanent(absl::StrCat("built for ABI major ", plugin.abi_major, ", this host has ", TALLY_ABI_MAJOR));
  }
  const std::uint32_t needed = std::max(plugin.abi_minor, manifest.abi_minor);
  if (needed > TALLY_ABI_MINOR) {
    return permanent(absl::StrCat("needs ABI minor ", needed, ", this host has ", TALLY_ABI_MINOR));
  }
  for (const RoleManifest& role : manifest.roles) {
    const bool exact = role.role == Role::storage || role.role == Role::transport;
    if (exact && plugin.abi_minor != TALLY_ABI_MINOR) {
      return permanent(absl::StrCat(role.key(), " is built for ABI minor ", plugin.abi_minor, ", this host has ",
                                    TALLY_ABI_MINOR, ", and this role needs exactly that"));
    }
  }
  return absl::OkStatus();
}

absl::Status check_table(const RoleManifest& role, const void* table) {
  const Shape& shape = shape_of(role.role);
  if (table == nullptr) return permanent(absl::StrCat(role.key(), " has no table"));
  std::size_t size = 0;
  std::memcpy(&size, table, sizeof size);
  if (size < shape.size) {
    return permanent(absl::StrCat(role.key(), "'s table has ", size, " bytes, version 1 has ", shape.size));
  }
  for (const auto& [name, offset] : shape.required) {
    void* function = nullptr;
    std::memcpy(&function, static_cast<const char*>(table) + offset, sizeof function);
    if (function == nullptr) {
      return permanent(absl::StrCat(role.key(), "'s table lacks the required function \"", name, "\""));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<LoadedRole>> check_all(const tally_plugin& plugin, const Manifest& manifest) {
  if (plugin.size < sizeof(tally_plugin)) {
    return permanent(absl::StrCat("its descriptor has ", plugin.size, " bytes, version 1 has ", sizeof(tally_plugin)));
  }
  if (absl::Status status = check_version(plugin, manifest); !status.ok()) return status;
  if (plugin.manifest.data == nullptr ||
      trimmed({plugin.manifest.data, plugin.manifest.size}) != trimmed(manifest.text)) {
    return permanent("the manifest in its descriptor is not the one in its ELF note; build it anew");
  }
  if (plugin.role_count != manifest.roles.size() || plugin.roles == nullptr) {
    return permanent(absl::StrCat("offers ", plugin.role_count, " roles, its manifest names ", manifest.roles.size()));
  }
  std::vector<LoadedRole> roles;
  for (std::size_t i = 0; i < plugin.role_count; ++i) {
    const Role expected = manifest.roles[i].role;
    if (plugin.roles[i].role != static_cast<std::int32_t>(expected)) {
      return permanent(absl::StrCat("role number ", i, " is ",
                                    to_absl(role_name(static_cast<Role>(plugin.roles[i].role))), " in its descriptor, ",
                                    to_absl(role_name(expected)), " in its manifest"));
    }
    if (absl::Status status = check_table(manifest.roles[i], plugin.roles[i].table); !status.ok()) return status;
    roles.push_back({expected, plugin.roles[i].table});
  }
  return roles;
}

// The entry symbol of another major, where there is one: it makes a better message than "no symbol".
absl::Status no_entry(void* handle) {
  for (int major = 0; major <= 99; ++major) {
    if (::dlsym(handle, absl::StrCat("tally_plugin_v", major).c_str()) != nullptr) {
      return permanent(absl::StrCat("built for ABI major ", major, ", this host has ", TALLY_ABI_MAJOR));
    }
  }
  return permanent("exports no entry symbol \"" TALLY_ENTRY_SYMBOL
                   "\"; is TALLY_PLUGIN missing, or a version script wrong?");
}

absl::StatusOr<std::vector<LoadedRole>> load(const std::string& file, const Manifest& manifest) {
  // Refused before any code of it runs.
  if (manifest.abi_minor > TALLY_ABI_MINOR) {
    return permanent(absl::StrCat(file, ": needs ABI minor ", manifest.abi_minor, ", this host has ", TALLY_ABI_MINOR));
  }
  void* handle = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) {
    const char* why = ::dlerror();
    return permanent(absl::StrCat(file, ": cannot be loaded: ", why == nullptr ? "no reason given" : why));
  }
  void* symbol = ::dlsym(handle, TALLY_ENTRY_SYMBOL);
  if (symbol == nullptr) return permanent(absl::StrCat(file, ": ", no_entry(handle).message()));
  tally_entry entry = nullptr;
  std::memcpy(&entry, &symbol, sizeof entry);

  std::array<char, 1024> buffer{};
  tally_error error{sizeof error, buffer.data(), buffer.size(), 0};
  const tally_plugin* plugin = entry(&kHost, &error);
  if (plugin == nullptr) {
    const std::string why(buffer.data(), std::min(error.length, buffer.size()));
    return permanent(absl::StrCat(file, ": refuses this host: ", why.empty() ? "it gives no reason" : why));
  }
  return verify(plugin, manifest, file);
}

}  // namespace

absl::StatusOr<std::vector<LoadedRole>> verify(const tally_plugin* plugin, const Manifest& manifest,
                                               std::string_view where) {
  absl::StatusOr<std::vector<LoadedRole>> roles = check_all(*plugin, manifest);
  if (!roles.ok()) return permanent(absl::StrCat(to_absl(where), ": ", roles.status().message()));
  return roles;
}

absl::StatusOr<const Library*> Library::open(const std::filesystem::path& file, const Manifest& manifest) {
  // Both live as long as the process, like the plugins.
  static std::mutex* const lock = new std::mutex;
  static auto* const loaded = new std::map<std::string, absl::StatusOr<std::unique_ptr<Library>>>;
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(file, error);
  if (error) return permanent(absl::StrCat(file.string(), ": ", error.message()));

  const std::lock_guard guard(*lock);
  auto known = loaded->find(real.string());
  if (known == loaded->end()) {
    absl::StatusOr<std::vector<LoadedRole>> roles = load(real.string(), manifest);
    absl::StatusOr<std::unique_ptr<Library>> library = std::unique_ptr<Library>();
    if (roles.ok()) {
      library = std::unique_ptr<Library>(new Library(*std::move(roles)));
    } else {
      library = roles.status();
    }
    known = loaded->emplace(real.string(), std::move(library)).first;
  }
  if (!known->second.ok()) return known->second.status();
  return known->second->get();
}

}  // namespace tally::host
