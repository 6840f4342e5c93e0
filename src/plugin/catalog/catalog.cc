#include "plugin/catalog/catalog.h"

#include <tally/kit/glob.h>

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/build_config.h"
#include "base/strings.h"
#include "base/url.h"
#include "config/polling_file.h"
#include "plugin/file/file_ownership.h"
#include "plugin/file/version.h"

namespace tally::plugin {
namespace {

namespace fs = std::filesystem;

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

// Of several files of one folder that offer `key` the newest version counts; between equals nobody can tell.
void choose(const std::string& key, const std::vector<Entry*>& twins) {
  const auto older = [](const Entry* a, const Entry* b) {
    return compare_versions(a->manifest.version, b->manifest.version) < 0;
  };
  const Entry* newest = *std::max_element(twins.begin(), twins.end(), older);
  std::string files;
  int equals = 0;
  for (const Entry* twin : twins) {
    if (older(twin, newest)) continue;
    absl::StrAppend(&files, files.empty() ? "" : " and ", twin->file.string());
    ++equals;
  }
  for (Entry* twin : twins) {
    if (older(twin, newest)) {
      twin->shadowed = true;
      twin->state = State::refused;
      twin->reason = absl::StrCat("version ", twin->manifest.version, " is older than ", newest->manifest.version,
                                  " in ", newest->file.string(), ", which counts; remove one of them");
    } else if (equals > 1) {
      twin->state = State::refused;
      twin->reason = absl::StrCat(key, " is offered by ", files, " in the same version; remove all but one");
    }
  }
}

Entry refused(const fs::path& file, const std::string& reason) {
  Entry entry;
  entry.file = file;
  entry.state = State::refused;
  entry.reason = absl::StrCat(file.string(), ": ", reason);
  return entry;
}

bool may_be_decided(const Entry& entry) {
  return entry.usable() || entry.state == State::disabled || entry.state == State::absent;
}

void decide(Entry& entry, std::span<const config::DisableEntry> disable, const IsConfigured& configured) {
  entry.state = State::on;
  entry.reason.clear();
  const std::string key = entry.key();
  for (const config::DisableEntry& rule : disable) {
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
    case State::idle:
      return "idle";
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

Catalog Catalog::scan(std::span<const fs::path> folders, std::span<const config::DisableEntry> disable) {
  Catalog catalog;
  std::vector<fs::path> seen;
  for (const fs::path& folder : folders) {
    std::error_code error;
    const fs::path real = fs::canonical(folder, error);
    if (error || std::find(seen.begin(), seen.end(), real) != seen.end()) continue;
    seen.push_back(real);
    const std::size_t first = catalog.entries_.size();
    const std::string why_not = untrusted_folder(folder);
    for (const fs::path& file : plugin_files(folder)) {
      if (why_not.empty()) {
        catalog.add_file(file);
      } else {
        catalog.entries_.push_back(refused(file, why_not));
      }
    }
    catalog.shadow_later(first);
    catalog.refuse_twins(first);
  }
  catalog.apply(disable, {});
  return catalog;
}

void Catalog::add_file(const fs::path& file) {
  if (const std::string why_not = untrusted_file(file); !why_not.empty()) {
    entries_.push_back(refused(file, why_not));
    return;
  }
  Entry entry;
  entry.file = file;
  absl::StatusOr<Manifest> manifest = read_manifest(file);
  if (!manifest.ok()) {
    entry.state = State::refused;
    entry.reason = std::string(manifest.status().message());
    entries_.push_back(std::move(entry));
    return;
  }
  entry.manifest = *std::move(manifest);
  for (const RoleManifest& role : entry.manifest.roles) {
    entry.role = role;
    entries_.push_back(entry);
  }
}

// All but the one that counts, within the folder whose entries begin at `first`.
void Catalog::refuse_twins(std::size_t first) {
  ByKey by_key;
  for (std::size_t i = first; i < entries_.size(); ++i) {
    if (entries_[i].state == State::on) by_key[entries_[i].key()].push_back(&entries_[i]);
  }
  for (auto& [key, twins] : by_key) {
    if (twins.size() > 1) choose(key, twins);
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

void Catalog::apply(std::span<const config::DisableEntry> disable, const IsConfigured& configured) {
  for (Entry& entry : entries_) {
    if (may_be_decided(entry)) decide(entry, disable, configured);
  }
  for (Entry& entry : entries_) follow_discovery(entry);
}

// A pollster without its discovery has nothing to measure.
void Catalog::follow_discovery(Entry& entry) {
  if (entry.role.discovery.empty() || entry.state != State::on) return;
  const Entry* discovery = find(Role::discovery, entry.role.discovery);
  if (discovery == nullptr || (discovery->state != State::absent && discovery->state != State::disabled)) return;
  entry.state = State::absent;
  entry.reason =
      absl::StrCat("its ", discovery->key(), " is ", to_absl(state_name(discovery->state)), ": ", discovery->reason);
}

void Catalog::apply(const config::Config& config) {
  apply(config.disable.plugins, [&](std::string_view key, std::string_view option) {
    const auto plugin = config.plugins.find(std::string(key));
    if (plugin == config.plugins.end()) return false;
    return std::any_of(plugin->second.begin(), plugin->second.end(),
                       [&](const auto& set) { return set.first == option && !set.second.empty(); });
  });
  if (!config.polling.file.empty()) follow_polling_file(config);
  follow_urls(config);
}

void Catalog::follow_urls(const config::Config& config) {
  std::vector<std::string> urls = config.listen;
  urls.insert(urls.end(), {config.publish, config.storage, config.dead_letters.copy_to});
  for (Entry& entry : entries_) {
    const bool driver = entry.role.role == Role::storage || entry.role.role == Role::transport;
    if (entry.role.name.empty() || !driver || entry.state != State::on) continue;
    const auto is_its = [&](const std::string& url) {
      const absl::StatusOr<Url> parsed = Url::parse(url);
      const std::vector<std::string>& schemes = entry.role.schemes;
      return parsed.ok() && std::find(schemes.begin(), schemes.end(), parsed->scheme) != schemes.end();
    };
    if (std::any_of(urls.begin(), urls.end(), is_its)) continue;
    entry.state = State::idle;
    entry.reason = "no URL of the configuration uses it";
  }
}

// A polling file alone says which pollsters run: those that none of its sources names are turned off.
void Catalog::follow_polling_file(const config::Config& config) {
  const std::vector<config::PollingSource>& sources = config.polling.sources;
  for (Entry& entry : entries_) {
    if (entry.role.role != Role::pollster || (entry.state != State::on && entry.state != State::absent)) continue;
    const auto asks = [&](const config::PollingSource& source) { return asks_for(source, entry.role); };
    if (std::any_of(sources.begin(), sources.end(), asks)) continue;
    entry.state = State::disabled;
    entry.reason = absl::StrCat("no source of ", config.polling.file.string(), " lists a meter of it");
  }
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

std::vector<config::PluginKeys> Catalog::keys() const {
  std::map<std::string, config::PluginKeys> keys;
  for (const Entry& entry : entries_) {
    if (entry.role.name.empty() || entry.shadowed) continue;
    keys.try_emplace(entry.key(), config::PluginKeys{entry.key(), entry.role.config});
  }
  std::vector<config::PluginKeys> result;
  for (auto& [key, plugin] : keys) result.push_back(std::move(plugin));
  return result;
}

std::vector<std::string> Catalog::names() const {
  std::vector<std::string> result;
  for (const config::PluginKeys& plugin : keys()) result.push_back(plugin.plugin);
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

std::vector<config::UrlQuery> Catalog::queries(Role role) const {
  std::vector<config::UrlQuery> result;
  for (const Entry& entry : entries_) {
    if (entry.shadowed || entry.role.role != role || !entry.role.query) continue;
    result.push_back({entry.key(), entry.role.schemes, *entry.role.query});
  }
  return result;
}

void check_urls(config::LoadedConfig& loaded, const Catalog& catalog) {
  config::check_schemes(loaded, catalog.schemes(Role::transport), catalog.schemes(Role::storage));
  config::check_queries(loaded, catalog.queries(Role::transport), catalog.queries(Role::storage));
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

std::vector<std::string> Catalog::polled_meters() const {
  std::vector<std::string> result;
  for (const Entry& entry : entries_) {
    if (entry.role.role != Role::pollster) continue;
    for (const MeterDecl& meter : entry.role.meters) result.push_back(meter.name);
  }
  return result;
}

std::vector<std::string> Catalog::discoveries() const {
  std::vector<std::string> result;
  for (const Entry& entry : entries_) {
    if (entry.role.role != Role::discovery || entry.shadowed) continue;
    result.push_back(entry.role.name);
    result.insert(result.end(), entry.role.aliases.begin(), entry.role.aliases.end());
  }
  return result;
}

std::string Catalog::discovery_called(std::string_view name) const {
  std::string by_alias;
  for (const Entry& entry : entries_) {
    if (entry.role.role != Role::discovery || entry.shadowed) continue;
    if (entry.role.name == name) return entry.role.name;
    const std::vector<std::string>& aliases = entry.role.aliases;
    if (std::find(aliases.begin(), aliases.end(), name) != aliases.end()) by_alias = entry.role.name;
  }
  return by_alias;
}

bool Catalog::asks_for(const config::PollingSource& source, const RoleManifest& pollster) const {
  const auto is_wanted = [&](const MeterDecl& meter) { return config::wants_meter(source.meters, meter.name); };
  if (std::any_of(pollster.meters.begin(), pollster.meters.end(), is_wanted)) return true;
  if (!pollster.any_meter && !pollster.meters.empty()) return false;
  const std::vector<std::string> known = polled_meters();
  return std::any_of(source.meters.begin(), source.meters.end(), [&](const std::string& entry) {
    return entry.find_first_of("!*?[") != std::string::npos ||
           std::find(known.begin(), known.end(), entry) == known.end();
  });
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

}  // namespace tally::plugin
