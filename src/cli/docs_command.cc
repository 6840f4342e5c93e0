// `tally docs man|completion`: the man page and the shell completion, made from the command tree itself.
// Not for prose: doc/ has that.
#include <iostream>
#include <string>
#include <vector>

#include "cli/cli.h"

namespace tally::cli {
namespace {

std::string roff(std::string text) {
  std::string out;
  for (char c : text) {
    if (c == '\\' || c == '-') out += '\\';
    out += c;
  }
  if (!out.empty() && (out[0] == '.' || out[0] == '\'')) out.insert(0, "\\&");
  return out;
}

std::vector<const CLI::App*> children(const CLI::App& app) {
  std::vector<const CLI::App*> result;
  for (const CLI::App* child : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!child->get_group().empty()) result.push_back(child);
  }
  return result;
}

void man_of(const CLI::App& app, const std::string& path) {
  const std::vector<const CLI::App*> below = children(app);
  std::cout << ".SS \"" << roff(path) << "\"\n" << roff(app.get_description()) << '\n';
  for (const CLI::Option* option : app.get_options()) {
    std::cout << ".TP\n.B " << roff(option->get_name(false, true)) << '\n' << roff(option->get_description()) << '\n';
  }
  for (const CLI::App* child : below) man_of(*child, path + " " + child->get_name());
}

void man(const CLI::App& root) {
  std::cout << ".TH TALLY 1 \"\" \"tally " << TALLY_VERSION << "\"\n.SH NAME\ntally \\- "
            << roff(root.get_description()) << "\n.SH SYNOPSIS\n.B tally\n[options] command …\n.SH COMMANDS\n";
  man_of(root, "tally");
  std::cout << ".SH EXIT STATUS\n0 done, 1 something failed, 64 wrong usage, 69 a service is away, 78 configuration "
               "invalid.\n";
}

void completion_of(const CLI::App& app, const std::string& path) {
  std::cout << "    '" << path << "') words='";
  for (const CLI::App* child : children(app)) std::cout << child->get_name() << ' ';
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) std::cout << "--" << name << ' ';
    for (const std::string& name : option->get_snames()) std::cout << '-' << name << ' ';
  }
  std::cout << "' ;;\n";
  for (const CLI::App* child : children(app)) completion_of(*child, path + " " + child->get_name());
}

void completion(const CLI::App& root) {
  std::cout << "# bash completion for tally\n_tally() {\n  local path='' word words=''\n"
               "  for word in \"${COMP_WORDS[@]:0:COMP_CWORD}\"; do\n"
               "    case $word in -*) ;; *) path=\"${path:+$path }${word##*/}\" ;; esac\n  done\n"
               "  case $path in\n";
  completion_of(root, "tally");
  std::cout << "  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
               "  [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"${COMP_WORDS[COMP_CWORD]}\"))\n}\n"
               "complete -F _tally tally\n";
}

}  // namespace

void add_docs_command(CLI::App& app, Context& context) {
  CLI::App* docs = app.add_subcommand("docs", "Make the man page or the shell completion")->group("");
  docs->require_subcommand(1);
  docs->add_subcommand("man", "The man page")->callback([&context] { man(*context.root); });
  docs->add_subcommand("completion", "Completion for bash")->callback([&context] { completion(*context.root); });
}

}  // namespace tally::cli
