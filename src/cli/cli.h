// What every command of `tally` shares: the options before or after the verb, exit statuses, and how a command
// registers. Not for what a command does: one file each, <name>_command.cc.
//
// A command is one function `void add_NAME_command(CLI::App& app, Context& context)`, declared below and called by
// main.cc. It adds its subcommand, binds its options to storage it keeps alive in the callback (a shared_ptr captured
// by the lambda), and says in the callback `context.exit_status = …`. Callbacks throw nothing.
#ifndef TALLY_CLI_CLI_H
#define TALLY_CLI_CLI_H

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>

#include "absl/status/status.h"
#include "base/exit_status.h"
#include "cli/output.h"
#include "config/config.h"
#include "daemon/setup.h"
#include "plugin/catalog/catalog.h"

namespace tally::cli {

using exit_status::kAway;
using exit_status::kDone;
using exit_status::kFailed;
using exit_status::kInvalidConfig;
using exit_status::kUsage;

using daemon::needs_all;
using daemon::needs_nothing;
using daemon::Setup;
using daemon::Tolerance;

struct Context : daemon::Arguments {
  CLI::App* root = nullptr;
  std::optional<Format> format;  // empty: the command's own default
  int exit_status = kDone;

  Format format_or(Format fallback) const { return format.value_or(fallback); }
};

// Adds --config, -f/--format, --log-format, -v, -q to a subcommand, so that they may stand after the verb too. Every
// command calls it for each of its leaf subcommands.
void add_common_options(CLI::App& command, Context& context);

// Prints `tally: TEXT` to stderr and answers the exit status for the error's class: 69 for transient, otherwise 1.
int fail(const absl::Status& status);

// Prints `tally: TEXT` to stderr and answers `status`.
int fail(int status, std::string_view text);

// For a command that uses plugins of the one role alone, whatever is wrong with the settings of others.
template <plugin::Role kRole>
bool needs_role(const config::ConfigFault& fault) {
  return !fault.plugin.empty() && !fault.plugin.starts_with(std::string(plugin::role_name(kRole)) + ":");
}

// What counts for a command, with its faults printed to stderr. With one that is not a warning and not tolerated: sets
// context.exit_status to 78 and answers nothing. `program` chooses the default place and keys; `run` looks for
// ./tally.yaml and /etc/tally/tally.yaml.
std::optional<Setup> read_setup(Context& context, config::Program program, Tolerance tolerated = needs_all);

// The same, and the log goes by it from then on.
std::optional<Setup> load_setup(Context& context, config::Program program, Tolerance tolerated = needs_all);

void add_run_command(CLI::App& app, Context& context);
void add_poll_command(CLI::App& app, Context& context);
void add_convert_command(CLI::App& app, Context& context);
void add_send_command(CLI::App& app, Context& context);
void add_query_command(CLI::App& app, Context& context);
void add_plugin_command(CLI::App& app, Context& context);
void add_config_command(CLI::App& app, Context& context);
void add_status_command(CLI::App& app, Context& context);
void add_dead_letter_command(CLI::App& app, Context& context);
void add_storage_command(CLI::App& app, Context& context);
void add_bus_command(CLI::App& app, Context& context);
void add_migrate_command(CLI::App& app, Context& context);
void add_docs_command(CLI::App& app, Context& context);

}  // namespace tally::cli

#endif
