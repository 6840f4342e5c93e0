// The configuration of one program: what a file may say, what it said, and where.
// Not for applying it: programs read `Config`; nothing here opens a bus, a store or a plugin.
//
// Everything is known before it is used: load_config reads the file and `<name>.d/*.yaml`, and reports all faults
// together. No function here throws; all may be called from any thread.
#ifndef TALLY_CONFIG_CONFIG_H
#define TALLY_CONFIG_CONFIG_H

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tally::config {

enum class Program { collector, agent, run };

// "collector", "agent", "run".
std::string_view program_name(Program program);

// Where a program's file is looked for: /etc/tally/collector.yaml, /etc/tally/agent.yaml; for `run`
// /etc/tally/tally.yaml, else ./tally.yaml. Empty when there is none, which is a working configuration.
std::optional<std::filesystem::path> default_config_path(Program program);

// --- what may be said -----------------------------------------------------------------------------------------------

enum class KeyType { string, path, integer, number, boolean, duration, bytes, list };

// "string", "path" and so on, and back; empty for a word that is none.
std::string_view key_type_name(KeyType type);
std::optional<KeyType> key_type_from(std::string_view name);

// One key that a plugin's manifest declares; `fallback`, `min` and `max` are text as a person writes it ("60s",
// "64MiB").
struct KeyDecl {
  std::string name;
  KeyType type = KeyType::string;
  std::optional<std::string> fallback;  // the default; without one the key stays unset. A list: a JSON array of strings
  std::string help;
  bool secret = false;
  std::optional<std::string> min;
  std::optional<std::string> max;
  std::vector<std::string> choices;
};

// All keys of one plugin, in the manifest's order.
struct PluginKeys {
  std::string plugin;  // "storage:sqlite"
  std::vector<KeyDecl> keys;
};

// --- what was said --------------------------------------------------------------------------------------------------

// A place in a file; line and column count from 1; line 0: the file as a whole.
struct Place {
  std::string file;
  int line = 0;
  int column = 0;
};

struct DisableEntry {
  std::string pattern;  // "role:name" or a meter; `*` is any run of characters
  std::string file;
  int line = 0;
  int column = 0;
};

struct Retention {
  std::string meter;                        // glob
  std::optional<std::chrono::seconds> age;  // empty: kept for ever
};

// One source of Ceilometer's polling.yaml.
struct PollingSource {
  std::string name;
  std::chrono::milliseconds interval{};
  std::vector<std::string> meters;       // as written, see wants_meter (config/polling_file.h)
  std::vector<std::string> resources;    // ids
  std::vector<std::string> discoveries;  // as written: Ceilometer's names, or a plugin's
  Place place;
  Place meters_place;
};

// A plugin's settings in the form the plugin boundary uses (see tally/abi/base.h), in the manifest's order; keys with
// neither value nor default are left out.
using PluginOptions = std::vector<std::pair<std::string, std::string>>;

struct Config {
  std::vector<std::string> listen;  // collector, run: a bus each
  std::string publish;              // agent, run
  std::string storage;              // collector, run; empty for the agent

  struct {
    std::vector<DisableEntry> plugins;
    std::vector<DisableEntry> meters;
    std::vector<DisableEntry> definitions;  // of handlers, "FILE:METER"
  } disable;

  struct {
    std::vector<std::string> namespaces;  // which pollsters run here
    // By namespace, host, compute and central always there; and by "pollster:NAME", for that one alone.
    std::map<std::string, std::chrono::milliseconds> interval;
    std::chrono::milliseconds jitter{};  // each host polls later than the clock's even times by a part of it
    std::filesystem::path file;          // a polling.yaml, which alone says what is polled; empty: everything
    std::vector<PollingSource> sources;  // of that file
  } polling;

  struct {
    std::string copy_to;  // a bus; empty: none
    std::string topic;
  } dead_letters;

  std::vector<Retention> retention;              // the first that matches a meter counts; empty: kept for ever
  std::map<std::string, PluginOptions> plugins;  // every plugin given to load_config, defaults included

  struct {
    std::string address;  // empty: no HTTP
    std::uint16_t port = 0;
  } http;

  struct {
    std::uint64_t bytes = 0;
    std::optional<std::chrono::seconds> age;  // empty: as long as there is room
    bool drop_oldest = false;                 // of a full one, in place of what comes
  } spool;

  struct {
    std::uint64_t samples = 0;
    std::chrono::milliseconds age{};
  } batch;

  struct {
    std::uint64_t messages = 0;         // unsettled at once
    std::uint64_t workers = 0;          // 0: as many as suit the processors
    std::uint64_t writers = 0;          // 0: as many as are usual
    std::chrono::milliseconds drain{};  // to finish what is in flight when stopping
    std::chrono::milliseconds call{};   // one call into a plugin whose manifest names no limit
    std::chrono::milliseconds retry{};  // how long one message alone is tried again
    std::chrono::milliseconds stuck{};  // nothing settled for so long: not ready
  } limits;

  bool json_log = false;
  std::string source;            // of samples made here
  std::string host;              // this host's name
  std::filesystem::path data;    // absolute
  std::string telemetry_secret;  // signs samples on the bus; empty: unsigned

  // The interval of a namespace, also of one that no line names.
  std::chrono::milliseconds interval_of(std::string_view name) const;
};

struct ConfigFault {
  std::string file;
  int line = 0;
  int column = 0;
  bool warning = false;
  std::string text;
  std::string plugin = {};  // "role:name", of a fault in that plugin's settings alone

  // "agent.yaml:14:3: unknown key …"; a warning says so.
  std::string to_string() const;
};

// One line of `config show`: the value as it is used, and where it came from.
struct Setting {
  std::string key;     // "polling.interval.host", "plugins.storage:sqlite.path"
  std::string value;   // as YAML; a secret is "(hidden)", a URL has its password hidden
  std::string origin;  // "/etc/tally/agent.yaml:3:9", "default"
};

struct LoadedConfig {
  Program program = Program::run;
  Config config;                    // of use only when valid()
  std::vector<ConfigFault> faults;  // in order of place, warnings too
  std::vector<Setting> settings;
  std::map<std::string, Place> origins;      // by key; those that a file set. Of a list "key[0]" and so on, too
  std::vector<std::filesystem::path> files;  // read, in order

  // No fault that is more than a warning.
  bool valid() const;
};

// Reads `path` and then `<stem>.d/*.yaml` beside it, by name; a later file's scalar or list replaces, maps merge, and
// `disable` lists add up. No path, or a file that does not exist or is empty: defaults.
LoadedConfig load_config(Program program, const std::optional<std::filesystem::path>& path,
                         std::span<const PluginKeys> plugins);

// The same for a text, which faults call `name`; relative paths in it count from the working folder.
LoadedConfig load_config_text(Program program, std::string_view name, std::string_view text,
                              std::span<const PluginKeys> plugins);

// Appends a warning for each `disable` entry that matches none of `plugins` ("role:name") or `meters`.
// A pass over an empty list says nothing: not known is not "none".
void check_disable(LoadedConfig& loaded, std::span<const std::string> plugins, std::span<const std::string> meters);
// The same for the definitions of all handlers that are on, which only they know.
void check_disabled_definitions(LoadedConfig& loaded, std::span<const std::string> definitions);

// Appends a fault for each URL whose scheme no transport (listen, publish) or storage driver offers.
void check_schemes(LoadedConfig& loaded, std::span<const std::string> transports,
                   std::span<const std::string> storages);

// What a driver declares that the URLs of its schemes may hold after the question mark.
struct UrlQuery {
  std::string plugin;  // "transport:amqp"
  std::vector<std::string> schemes;
  std::vector<KeyDecl> keys;  // a name may have `*` for any run of characters
};

// Appends a fault for whatever stands after the ? of a URL and is none of these, or has no such value. What no driver
// declares anything of is not checked.
void check_queries(LoadedConfig& loaded, std::span<const UrlQuery> transports, std::span<const UrlQuery> storages);

// Appends a warning for each source of the polling file that lists what none of `meters` (those of pollsters) is, or a
// discovery that none of `discoveries` is.
void check_polling(LoadedConfig& loaded, std::span<const std::string> meters, std::span<const std::string> discoveries);

// --- shown ----------------------------------------------------------------------------------------------------------

// The values in use, a line each with its origin, secrets hidden.
std::string render_config(const LoadedConfig& loaded);

// A sample file: `##` is prose, `#` a commented default.
std::string config_sample(Program program, std::span<const PluginKeys> plugins);

// doc/configuration.md.
std::string config_reference(std::span<const PluginKeys> plugins);

}  // namespace tally::config

#endif
