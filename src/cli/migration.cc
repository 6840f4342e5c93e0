// Walks through a Ceilometer's folder, and writes the configuration that does the same.
// Not for the single files: migration_options.cc, migration_files.cc.
#include "cli/migration.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace tally::cli {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_in(const fs::path& folder, std::string_view extension) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator at(folder, error); !error && at != fs::directory_iterator(); at.increment(error)) {
    if (at->path().extension() == extension) files.push_back(at->path());
  }
  std::ranges::sort(files);
  return files;
}

bool there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

void read_options(const fs::path& file, Migration& migration) {
  std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) {
    migration.findings.push_back({Verdict::fault, file.string(), 0, "", "cannot be read"});
    return;
  }
  const std::vector<IniValue> values = read_ini(text.str(), file.string(), migration.findings);
  apply_options(values, file.string(), migration);
}

void put_urls(YAML::Emitter& out, const char* key, const std::vector<std::string>& urls, bool secret) {
  if (urls.empty()) return;
  out << YAML::Key << key << YAML::Value;
  if (urls.size() > 1) out << YAML::BeginSeq;
  for (std::size_t i = 0; i < urls.size(); ++i) {
    if (secret) {  // with its password, in a file that only the program's user may read
      const std::string file = "/etc/tally/" + std::string(key) + (i == 0 ? "" : std::to_string(i + 1)) + ".url";
      out << YAML::Flow << YAML::BeginMap << YAML::Key << "file" << YAML::Value << file << YAML::EndMap;
    } else {
      out << urls[i];
    }
  }
  if (urls.size() > 1) out << YAML::EndSeq;
}

void put_list(YAML::Emitter& out, const std::string& key, const std::vector<std::string>& items) {
  out << YAML::Key << key << YAML::Value << YAML::Flow << YAML::BeginSeq;
  for (const std::string& item : items) out << YAML::DoubleQuoted << item;
  out << YAML::EndSeq;
}

void put_plugins(YAML::Emitter& out, const std::map<std::string, PlanKeys>& plugins) {
  if (plugins.empty()) return;
  out << YAML::Key << "plugins" << YAML::Value << YAML::BeginMap;
  for (const auto& [plugin, keys] : plugins) {
    out << YAML::Key << YAML::DoubleQuoted << plugin << YAML::Value << YAML::BeginMap;
    for (const auto& [key, value] : keys) {
      if (value.list) {
        put_list(out, key, value.items);
      } else {
        out << YAML::Key << key << YAML::Value << value.items.front();
      }
    }
    out << YAML::EndMap;
  }
  out << YAML::EndMap;
}

// What both programs share.
void put_common(YAML::Emitter& out, const Plan& plan) {
  if (!plan.host.empty()) out << YAML::Key << "host" << YAML::Value << plan.host;
  if (!plan.source.empty()) out << YAML::Key << "source" << YAML::Value << plan.source;
  if (plan.signs) {
    out << YAML::Key << "telemetry_secret" << YAML::Value << YAML::Flow << YAML::BeginMap << YAML::Key << "file"
        << YAML::Value << "/etc/tally/telemetry.secret" << YAML::EndMap;
  }
  if (!plan.disabled_meters.empty()) {
    out << YAML::Key << "disable" << YAML::Value << YAML::BeginMap;
    put_list(out, "meters", plan.disabled_meters);
    out << YAML::EndMap;
  }
}

}  // namespace

std::string_view verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kept:
      return "kept";
    case Verdict::differs:
      return "differs";
    case Verdict::ignored:
      return "ignored";
    case Verdict::fault:
      break;
  }
  return "fault";
}

bool Migration::faulty() const {
  return std::ranges::any_of(findings, [](const Finding& finding) { return finding.verdict == Verdict::fault; });
}

std::string Plan::collector_yaml() const {
  YAML::Emitter out;
  out << YAML::BeginMap;
  put_urls(out, "listen", listen, secret_urls);
  put_common(out, *this);
  if (batch_age)
    out << YAML::Key << "batch" << YAML::Value << YAML::BeginMap << YAML::Key << "age" << YAML::Value << *batch_age
        << YAML::EndMap;
  std::map<std::string, PlanKeys> plugins = collector_plugins;
  PlanKeys meters;
  if (!definitions.empty()) meters["definitions"] = {definitions, true};
  for (const auto& [key, items] : reserved) meters[key] = {items, true};
  if (reserved_length) meters["reserved_metadata_length"] = {{*reserved_length}};
  if (!meters.empty()) plugins["notification:meters"] = meters;
  put_plugins(out, plugins);
  out << YAML::EndMap;
  return std::string(out.c_str()) + "\n";
}

std::string Plan::agent_yaml() const {
  YAML::Emitter out;
  out << YAML::BeginMap;
  if (!publish.empty()) put_urls(out, "publish", {publish}, secret_urls);
  put_common(out, *this);
  if (!namespaces.empty() || !polling_file.empty()) {
    out << YAML::Key << "polling" << YAML::Value << YAML::BeginMap;
    if (!namespaces.empty()) put_list(out, "namespaces", namespaces);
    if (!polling_file.empty()) out << YAML::Key << "file" << YAML::Value << polling_file;
    out << YAML::EndMap;
  }
  std::map<std::string, PlanKeys> plugins = agent_plugins;
  if (!dynamic_pollsters.empty()) plugins["pollster:openstack"]["definitions"] = {dynamic_pollsters, true};
  put_plugins(out, plugins);
  out << YAML::EndMap;
  return std::string(out.c_str()) + "\n";
}

Migration read_ceilometer(const MigrationInput& input) {
  Migration migration;
  const fs::path& folder = input.folder;
  if (there(folder / "ceilometer.conf")) {
    read_options(folder / "ceilometer.conf", migration);
  } else {
    migration.findings.push_back(
        {Verdict::ignored, (folder / "ceilometer.conf").string(), 0, "", "is not there: Ceilometer's defaults"});
  }
  for (const fs::path& file : files_in(folder / "ceilometer.conf.d", ".conf")) read_options(file, migration);
  settle_buses(migration);
  if (there(folder / migration.pipeline_file))
    read_pipeline(folder / migration.pipeline_file, input.installed, migration);
  if (there(folder / migration.polling_file)) read_polling(folder / migration.polling_file, input.installed, migration);

  const bool named = !migration.plan.definitions.empty();
  if (!named && there(folder / "meters.d")) migration.plan.definitions.push_back((folder / "meters.d").string());
  for (const std::string& definitions : migration.plan.definitions) {
    for (const fs::path& file : files_in(definitions, ".yaml"))
      read_definitions(file, input.try_definitions, migration);
  }
  // Their own go first, as there; where the option leaves the shipped ones out, they stay out.
  if (!named && !migration.plan.definitions.empty()) migration.plan.definitions.push_back(input.shipped_definitions);

  for (const char* name : {"event_pipeline.yaml", "event_definitions.yaml"}) {
    if (there(folder / name))
      migration.findings.push_back(
          {Verdict::ignored, (folder / name).string(), 0, "", "Tally keeps samples; events are not kept"});
  }
  if (there(folder / "gnocchi_resources.yaml")) {
    migration.findings.push_back({Verdict::ignored, (folder / "gnocchi_resources.yaml").string(), 0, "",
                                  "resources are what samples name; nothing is declared"});
  }
  for (const fs::path& file : files_in(folder / "pollsters.d", ".yaml")) {
    migration.findings.push_back(
        {Verdict::differs, file.string(), 0, "",
         "read by pollster:openstack, which logs at start which parts of it are not supported"});
    if (migration.plan.dynamic_pollsters.empty())
      migration.plan.dynamic_pollsters = {(folder / "pollsters.d").string(), input.shipped_pollsters};
  }
  return migration;
}

}  // namespace tally::cli
