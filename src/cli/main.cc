// The program `tally`: reads the command line and hands over to a command.
// Not for what commands do: one file each.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/build_config.h"
#include "base/log.h"
#include "base/status.h"
#include "cli/cli.h"
#include "config/value.h"
#include "daemon/command_line.h"
#include "plugin/supervise/crash_report.h"

namespace tally::cli {

void add_common_options(CLI::App& command, Context& context) {
  daemon::add_config_option(command, context, "The configuration file");
  command
      .add_option_function<std::string>(
          "-f,--format", [&context](const std::string& text) { context.format = parse_format(text); },
          "How to print: table, json, jsonl or csv")
      ->check(CLI::IsMember({"table", "json", "jsonl", "csv"}))
      ->type_name("FORMAT");
  daemon::add_log_options(command, context);
}

int fail(int status, std::string_view text) {
  std::cerr << "tally: " << text << std::endl;
  return status;
}

int fail(const absl::Status& status) {
  return fail(status.code() == kTransient ? kAway : kFailed, to_std(status.message()));
}

std::optional<Setup> read_setup(Context& context, config::Program program, Tolerance tolerated) {
  std::optional<std::filesystem::path> path;
  if (!context.config_path.empty()) {
    path = context.config_path;
    if (!std::filesystem::exists(*path)) {
      context.exit_status = fail(kInvalidConfig, path->string() + ": no such file");
      return std::nullopt;
    }
    const std::string stem = path->stem().string();  // each program has defaults of its own
    if (stem == "collector") program = config::Program::collector;
    if (stem == "agent") program = config::Program::agent;
  } else {
    path = config::default_config_path(program);
    const std::filesystem::path collectors = "/etc/tally/collector.yaml";
    if (!path && program == config::Program::run && std::filesystem::exists(collectors) &&
        !std::filesystem::exists("tally-data")) {
      path = collectors;
      program = config::Program::collector;
    }
  }
  std::optional<Setup> setup = daemon::load_setup({program, path, context.verbosity >= 0, tolerated});
  if (!setup) context.exit_status = kInvalidConfig;
  return setup;
}

std::optional<Setup> load_setup(Context& context, config::Program program, Tolerance tolerated) {
  std::optional<Setup> setup = read_setup(context, program, tolerated);
  if (setup) log::configure(daemon::log_options("tally", context, setup->loaded.config));
  return setup;
}

namespace {

std::vector<std::string> verbs_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* child : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!child->get_group().empty()) names.push_back(child->get_name());
  }
  return names;
}

// The command as far as it was understood: the deepest subcommand that was named.
const CLI::App& deepest(const CLI::App& app, std::string& path) {
  path += (path.empty() ? "" : " ") + app.get_name();
  const std::vector<CLI::App*> named = app.get_subcommands();
  return named.empty() ? app : deepest(*named.front(), path);
}

// What is wrong with the command line, in one sentence with the way out.
int complain(const CLI::App& app, const CLI::ParseError& error) {
  std::string path;
  const CLI::App& command = deepest(app, path);
  const std::vector<std::string> verbs = verbs_of(command);
  std::string text = error.what();
  if (!verbs.empty() && error.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError)) {
    const std::vector<std::string> rest = app.remaining(true);
    const bool unknown = !rest.empty() && rest.front().rfind('-', 0) != 0;
    text = "name a command: ";
    for (std::size_t at = 0; at < verbs.size(); ++at) text += (at > 0 ? ", " : "") + verbs[at];
    if (unknown) {
      const std::vector<std::string_view> candidates(verbs.begin(), verbs.end());
      const std::string guess = config::did_you_mean(rest.front(), candidates);
      text = "there is no \"" + rest.front() + "\"" + (guess.empty() ? "; " + text : guess);
    }
  }
  return fail(kUsage, path.substr(std::min(path.size(), app.get_name().size() + 1)) + (&command == &app ? "" : ": ") +
                          text + " (`" + path + " --help` tells more)");
}

// 0 where it all went out, or the reader has gone, having what it wanted (`| head`).
int finish_output(int exit_status) {
  std::cout.flush();
  const int error = errno;
  if (std::cout) return exit_status;
  pollfd end{STDOUT_FILENO, POLLOUT, 0};
  if (::poll(&end, 1, 0) == 1 && (end.revents & POLLERR) != 0) return exit_status;
  return fail(exit_status == kDone ? kFailed : exit_status,
              std::string("the output could not be written: ") + std::strerror(error));
}

int run(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  plugin::install_crash_report();  // whatever the command: most of them run plugins
  CLI::App app("Meters what a cloud's tenants use.", "tally");
  Context context;
  context.root = &app;
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string("tally ") + TALLY_VERSION);
  app.footer(
      "Exit status: 0 done, 1 something failed, 64 wrong usage, 69 a service is away, 78 configuration invalid.");
  add_common_options(app, context);
  add_run_command(app, context);
  add_poll_command(app, context);
  add_convert_command(app, context);
  add_send_command(app, context);
  add_query_command(app, context);
  add_plugin_command(app, context);
  add_config_command(app, context);
  add_status_command(app, context);
  add_dead_letter_command(app, context);
  add_storage_command(app, context);
  add_bus_command(app, context);
  add_migrate_command(app, context);
  add_docs_command(app, context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return error.get_exit_code() == 0 ? app.exit(error, std::cout, std::cerr) : complain(app, error);
  }
  return finish_output(context.exit_status);
}

}  // namespace
}  // namespace tally::cli

int main(int argc, char** argv) {
  try {
    return tally::cli::run(argc, argv);
  } catch (const std::exception& error) {
    return tally::cli::fail(tally::cli::kFailed, error.what());
  }
}
