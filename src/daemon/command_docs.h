// Makes a program's man page and shell completion out of its command tree, so that neither can say what the program
// does not know. Not for prose: doc/ has that. Printed by `tally docs` and by `--docs` of the daemons, at build time.
#ifndef TALLY_DAEMON_COMMAND_DOCS_H
#define TALLY_DAEMON_COMMAND_DOCS_H

#include <string>

#include <CLI/CLI.hpp>

namespace tally::daemon {

// What a man page says beside the commands and options.
struct ManPage {
  std::string version;   // "0.1.0"
  std::string files;     // roff, may be empty
  std::string see_also;  // roff
};

// In roff, section 1. Commands in the group "" are left out.
std::string man_page(const CLI::App& root, const ManPage& page);

// For bash: commands, options, and file names where neither fits.
std::string bash_completion(const CLI::App& root);

// Adds the hidden option `--docs man|completion`, which prints either and ends the program with status 0.
void add_docs_option(CLI::App& app, ManPage page);

}  // namespace tally::daemon

#endif
