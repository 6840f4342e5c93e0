// A configuration file: any text gives faults with places, or a configuration that can be shown and read again.
// The same text as a polling file gives faults, or sources that are whole. Not for single values: config_value.cc gets
// further into those.
#include "core/config.h"

#include <array>

#include "core/polling_file.h"
#include "fuzz.h"

namespace {

using tally::host::KeyType;

const std::array<tally::host::PluginKeys, 2> kPlugins = {
    {{"pollster:exec",
      {{"commands", KeyType::list, "[]", "What to run.", false, {}, {}, {}},
       {"timeout", KeyType::duration, "10s", "How long.", false, "100ms", "1h", {}},
       {"output", KeyType::bytes, "1MiB", "How much.", false, "1", {}, {}},
       {"format", KeyType::string, "auto", "Of what.", false, {}, {}, {"auto", "json", "plain"}},
       {"script", KeyType::path, std::nullopt, "A file.", false, {}, {}, {}},
       {"share", KeyType::number, "0.5", "A part.", false, "0", "1", {}},
       {"shell", KeyType::boolean, "no", "By way of a shell.", false, {}, {}, {}}}},
     {"storage:sqlite", {{"password", KeyType::string, std::nullopt, "Of the user.", true, {}, {}, {}}}}}};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tally::host;
  using tally::fuzz::require;
  tally::fuzz::Input input(data, size);
  constexpr std::array<Program, 3> programs = {Program::collector, Program::agent, Program::run};
  const Program program = programs[input.byte() % programs.size()];
  const std::string_view text = input.rest();
  LoadedConfig loaded = load_config_text(program, "x.yaml", text, kPlugins);
  const std::array<std::string, 2> known = {"pollster:exec", "storage:sqlite"};
  const std::array<std::string, 2> schemes = {"local", "sqlite"};
  check_disable(loaded, known, known);
  check_schemes(loaded, schemes, schemes);
  const std::array<UrlQuery, 1> queries = {{{"transport:local", {"local"}, kPlugins[0].keys}}};
  check_queries(loaded, queries, queries);
  for (const ConfigFault& fault : loaded.faults) {
    require(!fault.text.empty() && fault.line >= 0 && fault.column >= 0, "a fault has words and a place");
    static_cast<void>(fault.to_string());
  }
  Faults faults;
  const std::vector<PollingSource> sources = parse_polling("p.yaml", text, faults);
  for (const PollingSource& source : sources) {
    require(!source.name.empty() && source.interval.count() > 0 && !source.meters.empty(), "a source is whole");
    static_cast<void>(wants_meter(source.meters, "disk.device.read.bytes"));
  }
  const std::string shown = render_config(loaded);
  if (!loaded.valid()) return 0;
  require(loaded.config.plugins.size() == kPlugins.size(), "every plugin has its settings");
  require(loaded.config.interval_of("host").count() > 0, "an interval is longer than nothing");
  return 0;
}
