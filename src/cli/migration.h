// What a running Ceilometer's files come to in Tally: findings, a line each, and the configuration that does the same.
// Not for changing anything: files are read, nothing is written. `tally migrate` prints it.
//
// The meaning of Ceilometer's options: doc/ceilometer.md. One thread.
#ifndef TALLY_CLI_MIGRATION_H
#define TALLY_CLI_MIGRATION_H

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugin/file/manifest.h"

namespace tally::cli {

enum class Verdict {
  kept,     // Tally does the same
  differs,  // Tally does it otherwise; the finding says how
  ignored,  // Tally does not do it; the finding says why
  fault,    // cannot be read
};
std::string_view verdict_name(Verdict verdict);

struct Finding {
  Verdict verdict = Verdict::kept;
  std::string file;
  int line = 0;         // 0: of the file as a whole
  std::string setting;  // as it stands there, without secrets
  std::string text;     // why, or how
};

inline void differ(Finding& finding, std::string text) {
  finding.verdict = Verdict::differs;
  finding.text = std::move(text);
}

// What a plugin's key is set to.
struct PlanValue {
  std::vector<std::string> items;  // of a scalar the only one
  bool list = false;
};
using PlanKeys = std::map<std::string, PlanValue>;

// The configuration that does the same; what is empty is left to Tally's defaults.
struct Plan {
  std::vector<std::string> listen;
  std::string publish;
  bool secret_urls = false;  // a URL has a password: it belongs into a file of its own
  bool signs = false;        // telemetry_secret is set
  std::string host;
  std::string source;
  std::vector<std::string> namespaces;
  std::optional<std::string> batch_age;
  std::string polling_file;                  // which the agent goes on reading
  std::vector<std::string> disabled_meters;  // not stored
  std::vector<std::string> definitions;
  std::vector<std::string> dynamic_pollsters;                // folders of their definitions
  std::map<std::string, std::vector<std::string>> reserved;  // keys of the handler "meters" that are lists
  std::optional<std::string> reserved_length;
  std::map<std::string, PlanKeys> collector_plugins;  // by "role:name"; of transports
  std::map<std::string, PlanKeys> agent_plugins;
  std::vector<std::string> vhosts;  // of RabbitMQ, where queues of Tally's own are made

  std::string collector_yaml() const;
  std::string agent_yaml() const;
};

// What the options of all files say of buses, until it is known which of them count.
struct BusOptions {
  std::string default_url;               // [DEFAULT] transport_url: of everything
  std::string notify_url;                // [oslo_messaging_notifications] transport_url: before it
  std::vector<std::string> listen_urls;  // messaging_urls: listened to in place of either
  std::vector<std::string> topics;
  std::vector<std::string> exchanges;  // that are listened to
  std::string exchange;                // that is published to
  PlanKeys amqp;                       // keys of transport:amqp and of transport:kafka, for both programs
  PlanKeys kafka;
  std::optional<std::size_t> default_finding;  // about default_url
};

struct Migration {
  std::vector<Finding> findings;
  Plan plan;
  BusOptions buses;
  // Files that the options name instead of the usual ones.
  std::string pipeline_file = "pipeline.yaml";
  std::string polling_file = "polling.yaml";
  bool faulty() const;
};

// What is installed: what the lists of polling.yaml are compared with.
struct PollingInventory {
  std::vector<std::string> meters;  // of pollsters
  std::vector<std::string> discoveries;
};

// Loads a file of definitions, and answers what its loader complains of, a line each ("FILE:LINE: why").
using TryDefinitions = std::function<std::vector<std::string>(const std::filesystem::path&)>;

struct MigrationInput {
  std::filesystem::path folder;  // /etc/ceilometer
  PollingInventory installed;
  TryDefinitions try_definitions;
  std::string shipped_definitions;  // the folder of Tally's own
  std::string shipped_pollsters;    // and of those that poll
};

// Reads everything that is there; what cannot be read is a finding.
Migration read_ceilometer(const MigrationInput& input);

// --- its parts ------------------------------------------------------------------------------------------------------

// One `name = value` of an oslo.config file.
struct IniValue {
  std::string group;
  std::string name;
  std::string value;  // lines of a value that goes on are joined by a line end
  int line = 0;
};

// Reads an oslo.config file; lines that are none are findings.
std::vector<IniValue> read_ini(std::string_view text, const std::string& file, std::vector<Finding>& findings);

// "a, b" as oslo.config's lists are written.
std::vector<std::string> ini_list(std::string_view value);

// What each option means here.
void apply_options(std::span<const IniValue> values, const std::string& file, Migration& migration);

// What an option about buses means, if it is one. REQUIRES: the finding is about to be appended to the migration's.
bool apply_bus_option(const IniValue& value, Migration& migration, Finding& finding);
// Once all files are read: which buses are listened to, which is published to, and the keys of their transports.
void settle_buses(Migration& migration);

bool ini_true(std::string_view value);

// Of the meters that Ceilometer polls and Tally does not, those that an entry of a list asks for (`!NAME` asks for
// none) and that no installed pollster makes; each with a word on why.
struct UnmadeMeter {
  std::string_view name;
  std::string_view why;
};
std::vector<UnmadeMeter> unmade_meters(std::string_view entry, std::span<const std::string> installed);
// "a, b: why; c: why".
std::string unmade_text(std::span<const UnmadeMeter> meters);

void read_pipeline(const std::filesystem::path& file, const PollingInventory& installed, Migration& migration);
void read_polling(const std::filesystem::path& file, const PollingInventory& installed, Migration& migration);
void read_definitions(const std::filesystem::path& file, const TryDefinitions& attempt, Migration& migration);

}  // namespace tally::cli

#endif
