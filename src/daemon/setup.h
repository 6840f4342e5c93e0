// What a program begins with: the arguments that all have in common, the plugins there are, the configuration with its
// faults, and the log. Not for reading the command line: see daemon/command_line.h.
#ifndef TALLY_DAEMON_SETUP_H
#define TALLY_DAEMON_SETUP_H

#include <filesystem>
#include <optional>
#include <string>

#include "base/log.h"
#include "config/config.h"
#include "plugin/catalog/catalog.h"

namespace tally::daemon {

struct Arguments {
  std::string config_path;  // empty: the program's default places
  std::string log_format;   // "text" or "json"; empty: what the configuration says
  int verbosity = 0;        // -v adds one, -q takes one away
};

// The plugins there are and the configuration that counts, which was applied to them.
struct Setup {
  plugin::Catalog catalog;
  config::LoadedConfig loaded;
};

// Which faults of the configuration a program can do without.
using Tolerance = bool (*)(const config::ConfigFault&);
inline bool needs_all(const config::ConfigFault&) { return false; }
inline bool needs_nothing(const config::ConfigFault&) { return true; }

struct SetupOptions {
  config::Program program = config::Program::run;  // chooses the keys and their defaults
  std::optional<std::filesystem::path> path;       // none: the defaults
  bool warnings = true;                            // prints them too
  Tolerance tolerated = needs_all;
};

// Scans the plugins' folders, reads the configuration and prints its faults to stderr, one a line. None where a fault
// is more than a warning and not tolerated. Loads no plugin and starts no thread.
std::optional<Setup> load_setup(const SetupOptions& options);

// The same for a daemon: from where its arguments say or from its default place, with all faults.
std::optional<Setup> load_setup(config::Program program, const Arguments& arguments);

// How a program logs, to be handed to log::configure. The arguments count before the configuration.
log::Options log_options(std::string program, const Arguments& arguments, const config::Config& config);

}  // namespace tally::daemon

#endif
