// `tally docs man|completion`: the man page and the shell completion, made from the command tree itself.
// Not for prose: doc/ has that.
#include <iostream>

#include "base/build_config.h"
#include "cli/cli.h"
#include "daemon/command_docs.h"

namespace tally::cli {
namespace {

constexpr const char* kFiles =
    ".TP\n.I ./tally.yaml, /etc/tally/tally.yaml\nthe configuration of\n.B tally run\nand of the commands that ask "
    "its store; an absent one is a working one\n.TP\n.I ./tally\\-data\nwhere\n.B tally run\nkeeps its store, bus and "
    "spools";

}  // namespace

void add_docs_command(CLI::App& app, Context& context) {
  CLI::App* docs = app.add_subcommand("docs", "Make the man page or the shell completion")->group("");
  docs->require_subcommand(1);
  docs->add_subcommand("man", "The man page")->callback([&context] {
    std::cout << daemon::man_page(*context.root,
                                  {TALLY_VERSION, kFiles, ".BR tally\\-collector (1),\n.BR tally\\-agent (1)"});
  });
  docs->add_subcommand("completion", "Completion for bash")->callback([&context] {
    std::cout << daemon::bash_completion(*context.root);
  });
}

}  // namespace tally::cli
