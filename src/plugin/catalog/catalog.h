// Every plugin there is, where it was found, and whether it may be used.
// Not for using one: nothing is loaded here (see plugin/call/adapters.h), so listing runs no plugin code.
#ifndef TALLY_PLUGIN_CATALOG_CATALOG_H
#define TALLY_PLUGIN_CATALOG_CATALOG_H

#include <deque>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "plugin/file/manifest.h"
#include "plugin/file/preconditions.h"

namespace tally::plugin {

enum class State { on, idle, disabled, absent, refused, failed, quarantined };

// The word in listings: "on", "disabled" and so on.
std::string_view state_name(State state);

// One role offered by one file. A file that cannot be read gives one entry with the state refused and no role's name.
struct Entry {
  std::filesystem::path file;
  Manifest manifest;
  RoleManifest role;
  State state = State::on;
  std::string reason;     // in words; empty when on
  bool shadowed = false;  // another file's plugin with this role and name counts: an earlier folder's, or a newer one

  bool usable() const { return state == State::on || state == State::idle; }
  // "role:name"; for a file that cannot be read, its file name.
  std::string key() const;
};

// One thread at a time. Entries stay where they are for the catalog's life, also when it is moved.
class Catalog {
 public:
  // Reads every *.so of the folders, the first folder's first. Folders that do not exist are passed over; every file of
  // one that others may write is refused. Of two plugins with one role and name in different folders the one in the
  // earlier folder counts; in the same folder the newer version does, and of one version both are refused.
  static Catalog scan(std::span<const std::filesystem::path> folders,
                      std::span<const config::DisableEntry> disable = {});

  // Decides again what is disabled or absent; entries that are refused, failed or quarantined stay so. To be called
  // once the configuration is known, which itself needs keys(). A pollster of which no source of the configuration's
  // polling file lists a meter is disabled; a driver whose schemes no URL of the configuration has is idle.
  void apply(std::span<const config::DisableEntry> disable, const IsConfigured& configured);
  void apply(const config::Config& config);

  std::deque<Entry>& entries() { return entries_; }
  const std::deque<Entry>& entries() const { return entries_; }

  // The entry that counts for a role and name, whatever its state; null where there is none.
  Entry* find(Role role, std::string_view name);
  // The entry that counts for a URL's scheme; usable ones first.
  Entry* find_scheme(Role role, std::string_view scheme);
  // All of one role that count, in the order of their names.
  std::vector<Entry*> of(Role role);

  // What the configuration may say about each plugin, by "role:name".
  std::vector<config::PluginKeys> keys() const;
  // For check_disable and check_urls.
  std::vector<std::string> names() const;
  std::vector<std::string> schemes(Role role) const;
  std::vector<config::UrlQuery> queries(Role role) const;
  std::vector<std::string> meters() const;
  // For check_polling: the meters that pollsters name, and the discoveries under each of their names.
  std::vector<std::string> polled_meters() const;
  std::vector<std::string> discoveries() const;
  // Whether a source of a polling file lists a meter of this pollster; of one that may make any: a wildcard, or what no
  // pollster names.
  bool asks_for(const config::PollingSource& source, const RoleManifest& pollster) const;
  // The discovery's own name for one of its names; empty for none.
  std::string discovery_called(std::string_view name) const;

 private:
  void add_file(const std::filesystem::path& file);
  void refuse_twins(std::size_t first);
  void follow_discovery(Entry& entry);
  void follow_polling_file(const config::Config& config);
  void follow_urls(const config::Config& config);
  void shadow_later(std::size_t first);

  std::deque<Entry> entries_;
};

// Appends what check_schemes and check_queries find about the configuration's URLs.
void check_urls(config::LoadedConfig& loaded, const Catalog& catalog);

// TALLY_PLUGIN_PATH (a list with colons), /var/lib/tally/plugins, /usr/local/lib/tally/plugins, the prefix's.
std::vector<std::filesystem::path> plugin_folders();

}  // namespace tally::plugin

#endif
