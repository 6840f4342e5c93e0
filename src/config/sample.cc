// The sample file and the reference page, both from the declarations.
// Not for what a file says: config_render.cc shows that.
#include <algorithm>

#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "config/keys.h"
#include "config/loader.h"
#include "config/value.h"

namespace tally::config {
namespace {

// Type, range and choices in a few words: "duration, 1s to 1h".
std::string limits_of(const KeyDecl& decl) {
  std::string text(key_type_name(decl.type));
  if (!decl.choices.empty()) text += ": " + absl::StrJoin(decl.choices, ", ");
  if (decl.min && decl.max) text += ", " + *decl.min + " to " + *decl.max;
  if (decl.min && !decl.max) text += ", at least " + *decl.min;
  if (!decl.min && decl.max) text += ", at most " + *decl.max;
  if (decl.secret) text += ", secret";
  return text;
}

// A default in the form in which a file says it: `host` where it depends on the machine.
std::string default_text(const CoreKey& key, Program program) {
  const std::optional<std::string> fallback = key.default_for(program);
  if (!fallback) return {};
  const std::string data = program == Program::run ? "/ABSOLUTE/tally-data" : "/var/lib/tally";
  const std::string text = absl::StrReplaceAll(*fallback, {{"{data}", data}, {"{host}", "the system's host name"}});
  if (key.shape == Shape::list) return "[" + text + "]";
  return text.find(": ") == std::string::npos ? text : "{" + text + "}";
}

// What stands behind the colon of a commented line.
std::string sample_value(const CoreKey& key, Program program) {
  if (key.decl.name == "host") return "compute-17";
  const std::string text = default_text(key, program);
  if (text.empty() || text.find("/ABSOLUTE/") != std::string::npos) return key.example;
  return text;
}

std::string plugin_default(const KeyDecl& decl) {
  if (!decl.fallback) return {};
  return decl.type == KeyType::list ? *decl.fallback : shown_scalar(*decl.fallback);
}

std::string sample_of_plugin(const PluginKeys& plugin) {
  std::string out = "#   \"" + plugin.plugin + "\":\n";
  for (const KeyDecl& decl : plugin.keys) {
    const std::string value = decl.secret ? "{file: /etc/tally/secret}" : plugin_default(decl);
    out += "##     " + decl.help + (decl.help.empty() ? "" : " ") + "(" + limits_of(decl) + ")\n";
    out += "#     " + decl.name + ":" + (value.empty() ? "" : " " + value) + "\n";
  }
  return out;
}

// Commented lines of all keys under one group: the group's own line is a comment too, so that an untouched sample is
// empty.
std::string sample_of_key(const CoreKey& key, Program program, std::string& group) {
  const std::string& name = key.decl.name;
  const std::size_t dot = name.find('.');
  const std::string here = dot == std::string::npos ? std::string() : name.substr(0, dot);
  std::string out;
  if (here != group || here.empty()) out += "\n";
  if (here != group && !here.empty()) out += "# " + here + ":\n";
  group = here;
  const std::string indent = here.empty() ? "" : "  ";
  out += "## " + indent + key.decl.help + " (" + limits_of(key.decl) + ")\n";
  out += "# " + indent + (here.empty() ? name : name.substr(dot + 1)) + ": " + sample_value(key, program) + "\n";
  return out;
}

std::string table_cell(std::string_view text) {
  std::string cell = absl::StrReplaceAll(std::string(text), {{"|", "\\|"}, {"\n", " "}});
  return cell;
}
std::string code_cell(const std::string& text) { return text.empty() ? "" : "`" + table_cell(text) + "`"; }

std::string programs_of(const CoreKey& key) {
  std::vector<std::string> words;
  for (const Program program : {Program::collector, Program::agent, Program::run}) {
    if (key.belongs_to(program)) words.emplace_back(program_name(program));
  }
  return words.size() == 3 ? "all" : absl::StrJoin(words, ", ");
}

std::string defaults_of(const CoreKey& key) {
  std::string out;
  std::vector<std::string> seen;
  for (const Program program : {Program::collector, Program::agent, Program::run}) {
    if (!key.belongs_to(program)) continue;
    const std::string text = absl::StrReplaceAll(default_text(key, program), {{"/ABSOLUTE/tally-data", "DATA"}});
    if (text.empty() || std::find(seen.begin(), seen.end(), text) != seen.end()) continue;
    out += (seen.empty() ? "" : "; " + std::string(program_name(program)) + ": ") + code_cell(text);
    seen.push_back(text);
  }
  return out;
}

constexpr std::string_view kReferenceHead = R"(# Configuration

Made from the declared keys by `tally config reference`; do not edit.

Each program reads one file and then `<name>.d/*.yaml` beside it, in order of name: `/etc/tally/collector.yaml`,
`/etc/tally/agent.yaml`; `tally run` reads `/etc/tally/tally.yaml`, or else `./tally.yaml`. A later file's value replaces
an earlier one's, mappings merge, and the lists under `disable` add up. An empty or absent file is a working
configuration: what is installed runs, and the file turns off.

- Any value may be `{file: PATH}` or `{env: NAME}`. A path counts from the folder of the file that names it.
- A duration has a unit: `500ms`, `60s`, `5m`, `1h30m`, `90d`, `2w`. Bytes: `4096`, `64MiB`, `1GB`.
- `tally config check` tells all faults at once and exits with 78; `tally config show` tells where each value came from.
- A `storage` key in the agent's file is a fault: a compute node holds no database password.

## Keys of the programs

| key | programs | type | default | meaning |
|---|---|---|---|---|
)";

}  // namespace

std::string config_sample(Program program, std::span<const PluginKeys> plugins) {
  const std::string file = program == Program::run ? "tally" : std::string(program_name(program));
  std::string out = "## " + file + ".yaml: every key, with its default. Nothing needs to be set.\n";
  out += "## Any value may be {file: PATH} or {env: NAME}.\n";
  std::string group;
  for (const CoreKey& key : core_keys()) {
    if (key.belongs_to(program) && key.shape != Shape::open) out += sample_of_key(key, program, group);
  }
  out += "\n## Settings of plugins, by role:name.\n# plugins:\n";
  for (const PluginKeys& plugin : plugins) {
    const bool here = program != Program::agent || !plugin.plugin.starts_with("storage:");
    if (here && !plugin.keys.empty()) out += sample_of_plugin(plugin);
  }
  return out;
}

std::string config_reference(std::span<const PluginKeys> plugins) {
  std::string out(kReferenceHead);
  for (const CoreKey& key : core_keys()) {
    out += "| `" + key.decl.name + "` | " + programs_of(key) + " | " + table_cell(limits_of(key.decl)) + " | " +
           defaults_of(key) + " | " + table_cell(key.decl.help) + " |\n";
  }
  out +=
      "\n## Keys of plugins\n\nUnder `plugins`, by role and name, as in `plugins: {\"pollster:exec\": {timeout: "
      "10s}}`.\n";
  for (const PluginKeys& plugin : plugins) {
    if (plugin.keys.empty()) continue;
    out += "\n### " + plugin.plugin + "\n\n| key | type | default | meaning |\n|---|---|---|---|\n";
    for (const KeyDecl& decl : plugin.keys) {
      out += "| `" + decl.name + "` | " + table_cell(limits_of(decl)) + " | " + code_cell(plugin_default(decl)) +
             " | " + table_cell(decl.help) + " |\n";
    }
  }
  return out;
}

}  // namespace tally::config
