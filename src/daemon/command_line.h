// Reads the command line of a daemon, and adds to any program the options that all have in common.
// Not for verbs: those are the commands of `tally`.
#ifndef TALLY_DAEMON_COMMAND_LINE_H
#define TALLY_DAEMON_COMMAND_LINE_H

#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "daemon/setup.h"

namespace tally::daemon {

// What `--help` and the man page say of a daemon.
struct Description {
  std::string program;   // "tally-agent"
  std::string does;      // one sentence
  std::string config;    // the file that is read where --config names none
  std::string files;     // roff
  std::string see_also;  // roff
};

// Adds --config, with this help text.
void add_config_option(CLI::App& app, Arguments& arguments, const std::string& help);

// Adds --log-format, -v and -q.
void add_log_options(CLI::App& app, Arguments& arguments);

// Makes the command line of a daemon: the options above, --docs and --version, exit statuses. `app` is to be fresh, and
// `arguments` must live as long as it. A daemon adds options of its own before or after.
void describe(CLI::App& app, const Description& description, Arguments& arguments);

// The exit status where the program is to end at once: after --help and the like, or because of wrong usage. What there
// is to say was printed.
std::optional<int> parse(CLI::App& app, int argc, char** argv);

}  // namespace tally::daemon

#endif
