#include "plugin/file/library.h"

#include <dlfcn.h>
#include <sys/stat.h>
#include <tally/abi/notification.h>
#include <tally/abi/pollster.h>
#include <tally/abi/storage.h>
#include <tally/abi/transport.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "plugin/call/call_scope.h"
#include "plugin/call/marshal.h"
#include "plugin/supervise/crash_report.h"

namespace tally::plugin {
namespace {

// What version 1 of each table holds: its size then, and where its required functions stand.
struct Shape {
  std::size_t size;
  std::vector<std::pair<const char*, std::size_t>> required;
};

#define TALLY_MEMBER(table, member) \
  { #member, offsetof(table, member) }

// Never destroyed: threads of ours go on loading while another one is in exit().
const Shape& shape_of(Role role) {
  static const auto* const shapes = new std::map<Role, Shape>{
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
  return shapes->at(role);
}

#undef TALLY_MEMBER

void write_log(std::int32_t level, tally_str text) noexcept {
  try {
    const std::string line = readable_text(from_c(text));
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

constexpr std::size_t kLongestPadding = 64;  // of NULs behind a descriptor's manifest

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
  // A length that cannot be right is not followed.
  if (plugin.manifest.data == nullptr || plugin.manifest.size > manifest.text.size() + kLongestPadding ||
      trimmed({plugin.manifest.data, plugin.manifest.size}) != trimmed(manifest.text)) {
    return permanent("the manifest in its descriptor is not the one in its ELF note; build it again");
  }
  if (plugin.roles == nullptr) return permanent("its descriptor has no roles");
  if (plugin.role_count != manifest.roles.size()) {
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

// `spelling` is what the loader is given, `file` what messages say.
absl::StatusOr<std::vector<LoadedRole>> load(const std::string& spelling, const Manifest& manifest,
                                             const std::string& file) {
  // Refused before any code of it runs.
  if (manifest.abi_minor > TALLY_ABI_MINOR) {
    return permanent(absl::StrCat(file, ": needs ABI minor ", manifest.abi_minor, ", this host has ", TALLY_ABI_MINOR));
  }
  const char* name = interned_name(file);
  // Its static constructors run here. What one throws ends the process, and its last words name the file: let through,
  // it would leave the loader's lock held, and nothing could ever be loaded again.
  void* handle = [&]() noexcept {
    const RunningPlugin running(name);
    return ::dlopen(spelling.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  }();
  if (handle == nullptr) {
    const char* why = ::dlerror();
    return permanent(absl::StrCat(file, ": cannot be loaded: ", why == nullptr ? "no reason given" : why));
  }
  renew_crash_report();
  void* symbol = ::dlsym(handle, TALLY_ENTRY_SYMBOL);
  if (symbol == nullptr) return permanent(absl::StrCat(file, ": ", no_entry(handle).message()));
  tally_entry entry = nullptr;
  std::memcpy(&entry, &symbol, sizeof entry);

  std::array<char, 1024> buffer{};
  tally_error error{sizeof error, buffer.data(), buffer.size(), 0};
  const tally_plugin* plugin = nullptr;
  std::string thrown;
  cross(
      name, [&] { plugin = entry(&kHost, &error); },
      [&thrown](const char* what) { thrown = readable_text(what == nullptr ? "" : what); });
  if (!thrown.empty()) return permanent(absl::StrCat(file, ": its entry let an exception cross: ", thrown));
  if (plugin == nullptr) {
    const std::string why = readable_text({buffer.data(), std::min(error.length, buffer.size())});
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

namespace {

// Another file at the same path, put there since, is another plugin.
absl::StatusOr<std::string> identity_of(const std::string& file) {
  struct stat found {};
  if (::stat(file.c_str(), &found) != 0) return permanent(absl::StrCat(file, ": ", std::strerror(errno)));
  return absl::StrCat(file, "\n", found.st_dev, " ", found.st_ino, " ", found.st_size, " ", found.st_mtim.tv_sec, " ",
                      found.st_mtim.tv_nsec);
}

// The loader takes a path that it has seen for the file that it has loaded: each newer file there is spelled otherwise.
std::string other_spelling(const std::filesystem::path& file, unsigned version) {
  std::string name = file.parent_path().string();
  for (unsigned i = 0; i < version; ++i) name += "/.";
  return name + "/" + file.filename().string();
}

}  // namespace

absl::StatusOr<const Library*> Library::open(const std::filesystem::path& file, const Manifest& manifest) {
  // One file's entry may hang; that must keep nobody from another file.
  struct Slot {
    std::mutex lock;
    bool loaded = false;
    std::string spelling;  // the path to load it by
    absl::StatusOr<std::unique_ptr<Library>> library = std::unique_ptr<Library>();
  };
  // Both live as long as the process, like the plugins.
  static std::mutex* const lock = new std::mutex;
  static auto* const slots = new std::map<std::string, Slot>;         // by identity
  static auto* const versions = new std::map<std::string, unsigned>;  // how many files were loaded of one path
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(file, error);
  if (error) return permanent(absl::StrCat(file.string(), ": ", error.message()));

  Slot* slot = nullptr;
  {
    const absl::StatusOr<std::string> identity = identity_of(real.string());
    if (!identity.ok()) return identity.status();
    const std::lock_guard guard(*lock);
    const auto [at, fresh] = slots->try_emplace(*identity);
    slot = &at->second;
    if (fresh) slot->spelling = other_spelling(real, (*versions)[real.string()]++);
  }
  const std::lock_guard guard(slot->lock);
  if (!slot->loaded) {
    absl::StatusOr<std::vector<LoadedRole>> roles = load(slot->spelling, manifest, real.string());
    if (roles.ok()) {
      slot->library = std::unique_ptr<Library>(new Library(*std::move(roles)));
    } else {
      slot->library = roles.status();
    }
    slot->loaded = true;
  }
  if (!slot->library.ok()) return slot->library.status();
  return slot->library->get();
}

}  // namespace tally::plugin
