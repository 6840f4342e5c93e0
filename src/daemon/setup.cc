#include "daemon/setup.h"

#include <algorithm>
#include <iostream>
#include <utility>

namespace tally::daemon {

std::optional<Setup> load_setup(const SetupOptions& options) {
  Setup setup;
  setup.catalog = plugin::Catalog::scan(plugin::plugin_folders());
  setup.loaded = config::load_config(options.program, options.path, setup.catalog.keys());
  config::check_disable(setup.loaded, setup.catalog.names(), setup.catalog.meters());
  config::check_polling(setup.loaded, setup.catalog.polled_meters(), setup.catalog.discoveries());
  plugin::check_urls(setup.loaded, setup.catalog);
  for (const config::ConfigFault& fault : setup.loaded.faults) {
    if (!fault.warning || options.warnings) std::cerr << fault.to_string() << '\n';
  }
  const auto stops = [&](const config::ConfigFault& fault) { return !fault.warning && !options.tolerated(fault); };
  if (std::any_of(setup.loaded.faults.begin(), setup.loaded.faults.end(), stops)) return std::nullopt;
  setup.catalog.apply(setup.loaded.config);
  return setup;
}

std::optional<Setup> load_setup(config::Program program, const Arguments& arguments) {
  SetupOptions options;
  options.program = program;
  options.path = arguments.config_path.empty() ? config::default_config_path(program)
                                               : std::optional<std::filesystem::path>(arguments.config_path);
  return load_setup(options);
}

log::Options log_options(std::string program, const Arguments& arguments, const config::Config& config) {
  log::Options options;
  options.program = std::move(program);
  options.level = log::level_of(arguments.verbosity);
  const bool json = arguments.log_format.empty() ? config.json_log : arguments.log_format == "json";
  options.format = json ? log::Format::json : log::Format::text;
  return options;
}

}  // namespace tally::daemon
