// `tally config check|show|sample|reference`, and `tally validate`: what the files say, without a network or a daemon.
// Not for reading them: config/config.h does.
#include <array>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "base/strings.h"
#include "cli/cli.h"
#include "cli/isolated_handlers.h"

namespace tally::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::array<config::Program, 3> kPrograms = {config::Program::collector, config::Program::agent,
                                                      config::Program::run};

// One program with its file; no file: the defaults.
struct Subject {
  config::Program program = config::Program::run;
  std::optional<fs::path> file;
};

std::optional<config::Program> program_of(std::string_view name) {
  for (const config::Program program : kPrograms) {
    if (name == config::program_name(program)) return program;
  }
  return std::nullopt;
}

// What the command line speaks of: --program and --config; else every default file that there is; else `tally run`.
std::vector<Subject> subjects(const Context& context, const std::string& program) {
  const std::optional<config::Program> named = program_of(program);
  if (!context.config_path.empty()) {
    const fs::path file = context.config_path;
    return {{named.value_or(program_of(file.stem().string()).value_or(config::Program::run)), file}};
  }
  if (named) return {{*named, config::default_config_path(*named)}};
  std::vector<Subject> found;
  for (const config::Program each : kPrograms) {
    if (auto file = config::default_config_path(each)) found.push_back({each, std::move(file)});
  }
  if (found.empty()) found.push_back({});
  return found;
}

config::LoadedConfig load(const Subject& subject, const plugin::Catalog& catalog) {
  config::LoadedConfig loaded = config::load_config(subject.program, subject.file, catalog.keys());
  config::check_disable(loaded, catalog.names(), catalog.meters());
  config::check_polling(loaded, catalog.polled_meters(), catalog.discoveries());
  plugin::check_urls(loaded, catalog);
  return loaded;
}

// What only the notification handlers themselves can say of a configuration.
void check_handlers(const Subject& subject, plugin::Catalog& catalog, config::LoadedConfig& loaded) {
  if (subject.program == config::Program::agent || !loaded.valid()) return;
  catalog.apply(loaded.config);
  const auto survey = survey_apart(catalog, loaded.config, /*aloud=*/true);
  const std::string file = subject.file ? subject.file->string() : "no file, the defaults";
  const auto warn = [&](const std::string& text) { loaded.faults.push_back({file, 0, 0, true, text}); };
  if (!survey.ok()) return warn(std::string(to_std(survey.status().message())));
  std::vector<std::string> definitions;
  for (const auto& made : survey->made) definitions.push_back(made.definition.name);
  config::check_disabled_definitions(loaded, definitions);
  for (const std::string& line : survey->twice) warn(line);
}

bool file_is_there(const Context& context, int& exit_status) {
  if (context.config_path.empty() || fs::exists(context.config_path)) return true;
  exit_status = fail(kInvalidConfig, context.config_path + ": no such file");
  return false;
}

void print_fault(const config::ConfigFault& fault, Output& output) {
  RowBuilder row;
  row.text("file", std::string_view(fault.file)).number("line", static_cast<std::uint64_t>(fault.line));
  row.number("column", static_cast<std::uint64_t>(fault.column));
  row.text("level", std::string_view(fault.warning ? "warning" : "fault"));
  row.text("text", std::string_view(fault.text)).emit(output);
}

void check_config(Context& context, const std::string& program) {
  if (!file_is_there(context, context.exit_status)) return;
  plugin::Catalog catalog = plugin::Catalog::scan(plugin::plugin_folders());
  std::unique_ptr<Output> output;
  if (context.format) output = Output::open(*context.format, std::cout, {"file", "line", "column", "level", "text"});
  for (const Subject& subject : subjects(context, program)) {
    config::LoadedConfig loaded = load(subject, catalog);
    check_handlers(subject, catalog, loaded);
    for (const config::ConfigFault& fault : loaded.faults) {
      if (output) {
        print_fault(fault, *output);
      } else {
        std::cerr << fault.to_string() << '\n';
      }
    }
    if (!loaded.valid()) context.exit_status = kInvalidConfig;
    if (output || context.verbosity < 0) continue;
    std::cout << (subject.file ? subject.file->string() : "no file, the defaults") << " ("
              << config::program_name(subject.program) << "): " << (loaded.valid() ? "valid" : "invalid") << '\n';
  }
  if (output) output->finish();
}

void show_config(Context& context, const std::string& program) {
  if (!file_is_there(context, context.exit_status)) return;
  const plugin::Catalog catalog = plugin::Catalog::scan(plugin::plugin_folders());
  std::unique_ptr<Output> output;
  if (context.format) output = Output::open(*context.format, std::cout, {"program", "key", "value", "origin"});
  for (const Subject& subject : subjects(context, program)) {
    const config::LoadedConfig loaded = load(subject, catalog);
    for (const config::ConfigFault& fault : loaded.faults) std::cerr << fault.to_string() << '\n';
    if (!loaded.valid()) {
      context.exit_status = kInvalidConfig;
    } else if (!output) {
      std::cout << "# " << config::program_name(subject.program) << '\n' << config::render_config(loaded);
    } else {
      for (const config::Setting& setting : loaded.settings) {
        RowBuilder row;
        row.text("program", config::program_name(subject.program)).text("key", std::string_view(setting.key));
        row.text("value", std::string_view(setting.value));
        row.text("origin", std::string_view(setting.origin)).emit(*output);
      }
    }
  }
  if (output) output->finish();
}

using Verb = void (*)(Context&, const std::string&);

void sample(Context& context, const std::string& program) {
  const plugin::Catalog catalog = plugin::Catalog::scan(plugin::plugin_folders());
  const std::string stem = fs::path(context.config_path).stem().string();
  const config::Program chosen = program_of(program).value_or(program_of(stem).value_or(config::Program::run));
  std::cout << config::config_sample(chosen, catalog.keys());
}

void reference(Context&, const std::string&) {
  std::cout << config::config_reference(plugin::Catalog::scan(plugin::plugin_folders()).keys());
}

void add_verb(CLI::App& parent, Context& context, const std::string& name, const std::string& help, Verb verb) {
  CLI::App* command = parent.add_subcommand(name, help);
  add_common_options(*command, context);
  const auto program = std::make_shared<std::string>();
  command->add_option("--program", *program, "Whose configuration: collector, agent or run")
      ->check(CLI::IsMember({"collector", "agent", "run"}))
      ->type_name("PROGRAM");
  command->callback([&context, program, verb] { verb(context, *program); });
}

}  // namespace

void add_config_command(CLI::App& app, Context& context) {
  CLI::App* config = app.add_subcommand("config", "Check and show what the configuration says");
  config->require_subcommand(1);
  add_verb(*config, context, "check", "Tell all faults at once; exit status 78 when there is one", check_config);
  add_verb(*config, context, "show", "Every value in use and where it came from, secrets hidden", show_config);
  add_verb(*config, context, "sample", "A commented sample file", sample);
  add_verb(*config, context, "reference", "The reference of all keys, as Markdown", reference);
  add_verb(app, context, "validate", "The same as config check", check_config);
}

}  // namespace tally::cli
