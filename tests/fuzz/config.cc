// A configuration file: any text gives faults with places, or a configuration that can be shown and read again.
// The same text as a polling file gives faults, or sources that are whole. Not for single values: config_value.cc gets
// further into those.
#include "config/config.h"

#include <array>

#include "config/polling_file.h"
#include "fuzz.h"

namespace {

namespace config = tally::config;

const std::array<tally::config::PluginKeys, 2> kPlugins = {
    {{"pollster:exec",
      {{"commands", config::KeyType::list, "[]", "What to run.", false, {}, {}, {}},
       {"timeout", config::KeyType::duration, "10s", "How long.", false, "100ms", "1h", {}},
       {"output", config::KeyType::bytes, "1MiB", "How much.", false, "1", {}, {}},
       {"format", config::KeyType::string, "auto", "Of what.", false, {}, {}, {"auto", "json", "plain"}},
       {"script", config::KeyType::path, std::nullopt, "A file.", false, {}, {}, {}},
       {"share", config::KeyType::number, "0.5", "A part.", false, "0", "1", {}},
       {"shell", config::KeyType::boolean, "no", "By way of a shell.", false, {}, {}, {}}}},
     {"storage:sqlite", {{"password", config::KeyType::string, std::nullopt, "Of the user.", true, {}, {}, {}}}}}};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using tally::fuzz::require;
  tally::fuzz::Input input(data, size);
  constexpr std::array<config::Program, 3> programs = {config::Program::collector, config::Program::agent,
                                                       config::Program::run};
  const config::Program program = programs[input.byte() % programs.size()];
  const std::string_view text = input.rest();
  config::LoadedConfig loaded = config::load_config_text(program, "x.yaml", text, kPlugins);
  const std::array<std::string, 2> known = {"pollster:exec", "storage:sqlite"};
  const std::array<std::string, 2> schemes = {"local", "sqlite"};
  config::check_disable(loaded, known, known);
  config::check_schemes(loaded, schemes, schemes);
  const std::array<config::UrlQuery, 1> queries = {{{"transport:local", {"local"}, kPlugins[0].keys}}};
  config::check_queries(loaded, queries, queries);
  for (const config::ConfigFault& fault : loaded.faults) {
    require(!fault.text.empty() && fault.line >= 0 && fault.column >= 0, "a fault has words and a place");
    static_cast<void>(fault.to_string());
  }
  config::Faults faults;
  const std::vector<config::PollingSource> sources = config::parse_polling("p.yaml", text, faults);
  for (const config::PollingSource& source : sources) {
    require(!source.name.empty() && source.interval.count() > 0 && !source.meters.empty(), "a source is whole");
    static_cast<void>(config::wants_meter(source.meters, "disk.device.read.bytes"));
  }
  const std::string shown = config::render_config(loaded);
  if (!loaded.valid()) return 0;
  require(loaded.config.plugins.size() == kPlugins.size(), "every plugin has its settings");
  require(loaded.config.interval_of("host").count() > 0, "an interval is longer than nothing");
  return 0;
}
