// Walks the command tree twice: once for roff, once for the shell.
// Not for what the commands do.
#include "daemon/command_docs.h"

#include <algorithm>
#include <cctype>
#include <iostream>
#include <string_view>
#include <utility>
#include <vector>

namespace tally::daemon {
namespace {

// Descriptions are ASCII but for the ellipsis.
std::string roff(const std::string& text) {
  constexpr std::string_view kEllipsis = "…";
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text.compare(at, kEllipsis.size(), kEllipsis) == 0) {
      out += "...";
      at += kEllipsis.size() - 1;
      continue;
    }
    if (text[at] == '\\' || text[at] == '-') out += '\\';
    out += text[at];
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

bool has(const CLI::App& app, const std::string& name) {
  const std::vector<const CLI::Option*> options = app.get_options();
  return std::any_of(options.begin(), options.end(),
                     [&](const CLI::Option* option) { return option->get_name(false, true) == name; });
}

// The visible ones, `--help` apart, without those that `known` has under the same names.
std::vector<const CLI::Option*> options_of(const CLI::App& app, const CLI::App* known) {
  std::vector<const CLI::Option*> result;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty() || option == app.get_help_ptr()) continue;
    if (known != nullptr && option->nonpositional() && has(*known, option->get_name(false, true))) continue;
    result.push_back(option);
  }
  return result;
}

std::string capitals(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

// "METER" or "-f,--format FORMAT:{…}".
std::string option_line(const CLI::Option& option) {
  if (option.nonpositional()) {
    std::string line = ".B " + roff(option.get_name(false, true));
    const std::string type = option.get_type_name();
    if (option.get_items_expected_max() > 0 && !type.empty()) line += " \\fI" + roff(type) + "\\fR";
    return line;
  }
  return ".I " + roff(option.get_name(true));
}

void describe(const CLI::App& app, const CLI::App* known, std::string& out) {
  for (const CLI::Option* option : options_of(app, known)) {
    out += ".TP\n" + option_line(*option) + "\n" + roff(option->get_description()) + "\n";
  }
}

std::string operands(const CLI::App& app) {
  std::string text;
  for (const CLI::Option* option : app.get_options()) {
    if (option->nonpositional() || option->get_group().empty()) continue;
    const std::string name = option->get_name(true);
    const std::string more = option->get_items_expected_max() > 1 ? " ..." : "";
    text += option->get_required() ? " " + name + more : " [" + name + more + "]";
  }
  return text;
}

void commands(const CLI::App& app, const CLI::App& root, const std::string& path, std::string& out) {
  for (const CLI::App* child : children(app)) {
    const std::string full = path + " " + child->get_name();
    if (children(*child).empty()) {
      out += ".SS \"" + roff(full + operands(*child)) + "\"\n" + roff(child->get_description()) + ".\n";
      describe(*child, &root, out);
    }
    commands(*child, root, full, out);
  }
}

void complete(const CLI::App& app, const std::string& path, std::string& out) {
  out += "    '" + path + "') words='";
  for (const CLI::App* child : children(app)) out += child->get_name() + " ";
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    for (const std::string& name : option->get_lnames()) out += "--" + name + " ";
    for (const std::string& name : option->get_snames()) out += "-" + name + " ";
  }
  out += "' ;;\n";
  for (const CLI::App* child : children(app)) complete(*child, path + " " + child->get_name(), out);
}

}  // namespace

std::string man_page(const CLI::App& root, const ManPage& page) {
  const std::string name = root.get_name();
  const bool has_commands = !children(root).empty();
  std::string out = ".TH \"" + capitals(roff(name)) + "\" 1 \"\" \"Tally " + page.version + "\"\n.SH NAME\n" +
                    roff(name) + " \\- " + roff(root.get_description()) + "\n.SH SYNOPSIS\n.B " + roff(name) + "\n" +
                    (has_commands ? "[\\fIoptions\\fR] \\fIcommand\\fR ...\n" : "[\\fIoptions\\fR]\n");
  out += ".SH OPTIONS\n";
  describe(root, nullptr, out);
  if (has_commands) {
    out += ".SH COMMANDS\nThe options above may stand after the command too.\n";
    commands(root, root, name, out);
  }
  const std::string status = "Exit status: ";
  const std::string footer = root.get_footer();
  if (footer.rfind(status, 0) == 0) out += ".SH EXIT STATUS\n" + roff(footer.substr(status.size())) + "\n";
  if (!page.files.empty()) out += ".SH FILES\n" + page.files + "\n";
  return out + ".SH SEE ALSO\n" + page.see_also + "\n";
}

std::string bash_completion(const CLI::App& root) {
  const std::string name = root.get_name();
  std::string function = "_" + name;
  std::replace(function.begin(), function.end(), '-', '_');
  std::string out = "# bash completion for " + name + "\n" + function +
                    "() {\n  local path='' word words=''\n"
                    "  for word in \"${COMP_WORDS[@]:0:COMP_CWORD}\"; do\n"
                    "    case $word in -*) ;; *) path=\"${path:+$path }${word##*/}\" ;; esac\n  done\n"
                    "  case $path in\n";
  complete(root, name, out);
  return out +
         "  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
         "  [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"${COMP_WORDS[COMP_CWORD]}\"))\n}\n"
         "complete -F " +
         function + " " + name + "\n";
}

void add_docs_option(CLI::App& app, ManPage page) {
  app.add_option_function<std::string>("--docs",
                                       [&app, page = std::move(page)](const std::string& what) {
                                         std::cout << (what == "man" ? man_page(app, page) : bash_completion(app));
                                         throw CLI::Success();
                                       })
      ->check(CLI::IsMember({"man", "completion"}))
      ->trigger_on_parse()
      ->group("");
}

}  // namespace tally::daemon
