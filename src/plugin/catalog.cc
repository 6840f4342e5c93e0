#include "plugin/catalog.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/glob.h"
#include "core/strings.h"

#ifndef TALLY_PLUGIN_FOLDER
#define TALLY_PLUGIN_FOLDER "/usr/lib/tally/plugins"
#endif

namespace tally::host {
namespace {

namespace fs = std::filesystem;

// Why a file must not be trusted as a plugin; empty when it may. Whoever can write it, or put another in its place,
// would run code as this process.
std::string untrusted(const fs::path& file) {
  struct stat info {};
  if (::lstat(file.c_str(), &info) != 0) return absl::StrCat("cannot be looked at: ", std::strerror(errno));
  if (S_ISLNK(info.st_mode)) {
    std::error_code error;
    const fs::path target = fs::canonical(file, error);
    if (error) return absl::StrCat("a symbolic link that leads nowhere: ", error.message());
    const fs::path folder = fs::canonical(file.parent_path(), error);
    if (error || target.parent_path() != folder) {
      return absl::StrCat("a symbolic link out of its folder, to ", target.string());
    }
    if (::stat(file.c_str(), &info) != 0) return absl::StrCat("cannot be looked at: ", std::strerror(errno));
  }
  if (!S_ISREG(info.st_mode)) return "not a regular file";
  if (info.st_uid != 0 && info.st_uid != ::geteuid()) {
    return absl::StrCat("owned by user ", info.st_uid, ", must be owned by root or by user ", ::geteuid());
  }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return "writable by its group or by others; chmod go-w makes it acceptable";
  }
  return {};
}

std::vector<fs::path> plugin_files(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (at->path().extension() == ".so") files.push_back(at->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// Entries by "role:name".
using ByKey = std::map<std::string, std::vector<Entry*>>;

bool may_be_decided(const Entry& entry) {
  return entry.state == State::on || entry.state == State::disabled || entry.state == State::absent;
}

void decide(Entry& entry, std::span<const DisableEntry> disable, const IsConfigured& configured) {
  entry.state = State::on;
  entry.reason.clear();
  const std::string key = entry.key();
  for (const DisableEntry& rule : disable) {
    if (!glob_match(rule.pattern, key)) continue;
    entry.state = State::disabled;
    entry.reason = absl::StrCat(rule.file, ":", rule.line);
    return;
  }
  if (std::optional<std::string> reason = unmet_precondition(entry.role, configured)) {
    entry.state = State::absent;
    entry.reason = std::move(*reason);
  }
}

}  // namespace

std::string_view state_name(State state) {
  switch (state) {
    case State::on:
      return "on";
    case State::disabled:
      return "disabled";
    case State::absent:
      return "absent";
    case State::refused:
      return "refused";
    case State::failed:
      return "failed";
    case State::quarantined:
      return "quarantined";
  }
  return "unknown";
}

std::string Entry::key() const { return role.name.empty() ? file.filename().string() : role.key(); }

Catalog Catalog::scan(std::span<const fs::path> folders, std::span<const DisableEntry> disable) {
  Catalog catalog;
  std::vector<fs::path> seen;
  for (const fs::path& folder : folders) {
    std::error_code error;
    const fs::path real = fs::canonical(folder, error);
    if (error || std::find(seen.begin(), seen.end(), real) != seen.end()) continue;
    seen.push_back(real);
    const std::size_t first = catalog.entries_.size();
    for (const fs::path& file : plugin_files(folder)) catalog.add_file(file);
    catalog.shadow_later(first);
    catalog.refuse_twins(first);
  }
  catalog.apply(disable, {});
  return catalog;
}

void Catalog::add_file(const fs::path& file) {
  Entry entry;
  entry.file = file;
  entry.state = State::refused;
  if (entry.reason = untrusted(file); !entry.reason.empty()) {
    entry.reason = absl::StrCat(file.string(), ": ", entry.reason);
    entries_.push_back(std::move(entry));
    return;
  }
  absl::StatusOr<Manifest> manifest = read_manifest(file);
  if (!manifest.ok()) {
    entry.reason = std::string(manifest.status().message());
    entries_.push_back(std::move(entry));
    return;
  }
  entry.state = State::on;
  entry.manifest = *std::move(manifest);
  for (const RoleManifest& role : entry.manifest.roles) {
    entry.role = role;
    entries_.push_back(entry);
  }
}

// Within the folder whose entries begin at `first`.
void Catalog::refuse_twins(std::size_t first) {
  ByKey by_key;
  for (std::size_t i = first; i < entries_.size(); ++i) {
    if (entries_[i].state == State::on) by_key[entries_[i].key()].push_back(&entries_[i]);
  }
  for (auto& [key, twins] : by_key) {
    if (twins.size() < 2) continue;
    std::string files;
    for (const Entry* twin : twins) absl::StrAppend(&files, files.empty() ? "" : " and ", twin->file.string());
    for (Entry* twin : twins) {
      twin->state = State::refused;
      twin->reason = absl::StrCat(key, " is offered by ", files, "; remove all but one");
    }
  }
}

void Catalog::shadow_later(std::size_t first) {
  for (std::size_t i = first; i < entries_.size(); ++i) {
    Entry& later = entries_[i];
    if (later.state != State::on) continue;
    for (std::size_t j = 0; j < first; ++j) {
      const Entry& earlier = entries_[j];
      if (earlier.shadowed || earlier.role.name.empty() || earlier.key() != later.key()) continue;
      later.shadowed = true;
      later.state = State::refused;
      later.reason = absl::StrCat("shadowed by ", earlier.file.string(), ", whose folder comes first");
      break;
    }
  }
}

void Catalog::apply(std::span<const DisableEntry> disable, const IsConfigured& configured) {
  for (Entry& entry : entries_) {
    if (may_be_decided(entry)) decide(entry, disable, configured);
  }
}

void Catalog::apply(const Config& config) {
  apply(config.disable.plugins, [&](std::string_view key, std::string_view option) {
    const auto plugin = config.plugins.find(std::string(key));
    if (plugin == config.plugins.end()) return false;
    return std::any_of(plugin->second.begin(), plugin->second.end(),
                       [&](const auto& set) { return set.first == option && !set.second.empty(); });
  });
}

Entry* Catalog::find(Role role, std::string_view name) {
  for (Entry& entry : entries_) {
    if (!entry.shadowed && entry.role.role == role && !entry.role.name.empty() && entry.role.name == name)
      return &entry;
  }
  return nullptr;
}

Entry* Catalog::find_scheme(Role role, std::string_view scheme) {
  Entry* found = nullptr;
  for (Entry* entry : of(role)) {
    const std::vector<std::string>& schemes = entry->role.schemes;
    if (std::find(schemes.begin(), schemes.end(), scheme) == schemes.end()) continue;
    if (entry->usable()) return entry;
    if (found == nullptr) found = entry;
  }
  return found;
}

std::vector<Entry*> Catalog::of(Role role) {
  std::vector<Entry*> result;
  for (Entry& entry : entries_) {
    if (!entry.shadowed && !entry.role.name.empty() && entry.role.role == role) result.push_back(&entry);
  }
  std::stable_sort(result.begin(), result.end(), [](Entry* a, Entry* b) { return a->role.name < b->role.name; });
  return result;
}

std::vector<PluginKeys> Catalog::keys() const {
  std::map<std::string, PluginKeys> keys;
  for (const Entry& entry : entries_) {
    if (entry.role.name.empty() || entry.shadowed) continue;
    keys.try_emplace(entry.key(), PluginKeys{entry.key(), entry.role.config});
  }
  std::vector<PluginKeys> result;
  for (auto& [key, plugin] : keys) result.push_back(std::move(plugin));
  return result;
}

std::vector<std::string> Catalog::names() const {
  std::vector<std::string> result;
  for (const PluginKeys& plugin : keys()) result.push_back(plugin.plugin);
  return result;
}

std::vector<std::string> Catalog::schemes(Role role) const {
  std::vector<std::string> result;
  for (const Entry& entry : entries_) {
    if (entry.shadowed || entry.role.role != role) continue;
    result.insert(result.end(), entry.role.schemes.begin(), entry.role.schemes.end());
  }
  std::sort(result.begin(), result.end());
  result.erase(std::unique(result.begin(), result.end()), result.end());
  return result;
}

std::vector<std::string> Catalog::meters() const {
  std::vector<std::string> result;
  for (const Entry& entry : entries_) {
    for (const MeterDecl& meter : entry.role.meters) result.push_back(meter.name);
  }
  std::sort(result.begin(), result.end());
  result.erase(std::unique(result.begin(), result.end()), result.end());
  return result;
}

std::vector<fs::path> plugin_folders() {
  std::vector<fs::path> folders;
  if (const char* path = ::secure_getenv("TALLY_PLUGIN_PATH")) {
    for (absl::string_view folder : absl::StrSplit(path, ':', absl::SkipEmpty())) folders.emplace_back(to_std(folder));
  }
  for (const char* folder : {"/var/lib/tally/plugins", "/usr/local/lib/tally/plugins", TALLY_PLUGIN_FOLDER}) {
    folders.emplace_back(folder);
  }
  return folders;
}

}  // namespace tally::host
