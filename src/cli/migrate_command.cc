// `tally migrate check`: what Tally makes of a running Ceilometer's files, and the configuration that does the same.
// Not for reading them: migration.h.
#include <filesystem>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/build_config.h"
#include "cli/cli.h"
#include "cli/migration.h"
#include "plugin/call/adapters.h"

namespace tally::cli {
namespace {

// What the handler of definitions says while it loads one file, through the log, where it says it in a collector too.
std::vector<std::string> complaints_of(plugin::Catalog& catalog, const std::filesystem::path& file) {
  plugin::Entry* entry = catalog.find(plugin::Role::notification, "meters");
  if (entry == nullptr || !entry->usable())
    return {"the handler notification:meters is not there or off; `tally plugin list` says why"};
  std::vector<std::string> lines;
  log::Options options;
  options.level = log::Level::warning;
  options.quiet = std::chrono::milliseconds(0);
  options.sink = [&lines](std::string_view line) { lines.emplace_back(line); };
  log::configure(options);
  plugin::PluginSettings settings = plugin::settings_for(*entry, config::Config());
  std::erase_if(settings.options, [](const auto& option) { return option.first == "definitions"; });
  settings.options.emplace_back("definitions", "[" + json_string(file.string()) + "]");
  const auto handler = plugin::make_notification(*entry, settings);
  if (!handler.ok()) lines.emplace_back(handler.status().message());
  log::flush();
  log::configure({});
  return lines;
}

void print_commented(const Finding& finding, std::ostream& out) {
  out << "# " << verdict_name(finding.verdict) << std::string(8 - verdict_name(finding.verdict).size(), ' ')
      << finding.file;
  if (finding.line > 0) out << ':' << finding.line;
  out << ": ";
  if (!finding.setting.empty()) out << finding.setting << ": ";
  out << finding.text << '\n';
}

void print_rows(const Migration& migration, Format format) {
  const auto output = Output::open(format, std::cout, {"verdict", "file", "line", "setting", "text"});
  RowBuilder row;
  for (const Finding& finding : migration.findings) {
    row.text("verdict", verdict_name(finding.verdict)).text("file", finding.file);
    row.number("line", static_cast<std::uint64_t>(finding.line))
        .text("setting", finding.setting)
        .text("text", finding.text);
    row.emit(*output);
  }
  output->finish();
}

std::string in_shell(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

// As a regular expression that matches it alone.
std::string in_expression(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (std::string_view(".*+?()[]{}|^$\\").find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

// What the broker's side of the configuration is. The rights are those that transport:amqp names where it has them not.
void print_permissions(const Plan& plan) {
  if (plan.vhosts.empty()) return;
  const auto keys = plan.agent_plugins.find("transport:amqp");
  const bool named = keys != plan.agent_plugins.end() && keys->second.contains("exchange");
  const std::string exchange = named ? keys->second.at("exchange").items.front() : "ceilometer";
  const std::string ours = in_shell("^(tally\\..*|" + in_expression(exchange) + ")$");
  std::cout << "#\n# With queues: own Tally takes nothing from Ceilometer's queues: it makes its own, tally.TOPIC, and "
               "both get "
               "all messages.\n# A user of Tally's own may do that, put into the URLs in place of Ceilometer's "
               "(set_permissions replaces what a user could do before):\n#   rabbitmqctl add_user tally SECRET\n";
  for (const std::string& vhost : plan.vhosts)
    std::cout << "#   rabbitmqctl set_permissions -p " << in_shell(vhost) << " tally " << ours << ' ' << ours
              << " '.*'\n";
  std::cout << "# When Tally leaves: tally bus unsubscribe.\n";
}

void print_all(const Migration& migration) {
  for (const Finding& finding : migration.findings) print_commented(finding, std::cout);
  print_permissions(migration.plan);
  if (migration.plan.secret_urls)
    std::cout << "#\n# A URL has a password: put each URL into the file that is named, readable by its program's user "
                 "alone.\n";
  if (migration.plan.signs)
    std::cout << "#\n# Put Ceilometer's telemetry_secret into /etc/tally/telemetry.secret, readable by the programs' "
                 "users alone.\n";
  std::cout << "#\n# Whatever the lists name, some meters of Ceilometer's are not measured (IPMI, Ceph's object "
               "gateway, DNS zones, "
               "shares, VPN, firewalls, services' health, alarms): doc/ceilometer.md has them all.\n";
  std::cout << "\n# /etc/tally/collector.yaml\n" << migration.plan.collector_yaml();
  std::cout << "---\n# /etc/tally/agent.yaml\n" << migration.plan.agent_yaml();
}

void check_files(Context& context, const std::string& folder) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored)) {
    context.exit_status = fail(kFailed, folder + ": no such folder; name the one that has ceilometer.conf");
    return;
  }
  std::optional<Setup> setup = load_setup(context, config::Program::run, needs_nothing);
  if (!setup) return;
  MigrationInput input{folder,
                       {setup->catalog.polled_meters(), setup->catalog.discoveries()},
                       {},
                       TALLY_METERS_FOLDER,
                       TALLY_POLLSTERS_FOLDER};
  input.try_definitions = [&](const std::filesystem::path& file) { return complaints_of(setup->catalog, file); };
  const Migration migration = read_ceilometer(input);
  if (context.format) {
    print_rows(migration, *context.format);
  } else {
    print_all(migration);
  }
  if (migration.faulty()) context.exit_status = kFailed;
}

}  // namespace

void add_migrate_command(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("migrate", "From Ceilometer to Tally");
  group->require_subcommand(1);
  CLI::App* command = group->add_subcommand(
      "check",
      "What Tally keeps, does otherwise or ignores of a Ceilometer's files, and the configuration that does the same");
  add_common_options(*command, context);
  const auto folder = std::make_shared<std::string>("/etc/ceilometer");
  command->add_option("FOLDER", *folder, "Where ceilometer.conf, pipeline.yaml, polling.yaml and meters.d are")
      ->capture_default_str();
  command->callback([&context, folder] { check_files(context, *folder); });
}

}  // namespace tally::cli
