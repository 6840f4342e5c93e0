// /proc/net/dev of any machine.
// Not for whose interfaces they are.
#include "network/proc_net_dev.h"

#include "measured.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tally::fuzz;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const proc_net_dev::Interface& interface : proc_net_dev::read(text)) {
    require_name(interface.name);
    require(!interface.name.empty() && interface.name != "lo", "an interface has a name, and is not the loopback");
    const char* const end = interface.name.data() + interface.name.size();
    const std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
    const std::string_view line = rest.substr(0, rest.find('\n'));
    const auto words = tally::words(line.substr(line.rfind(':') + 1));
    const bool known = words.size() == proc_net_dev::kColumnsOfALine;
    require(interface.columns == words.size(), "columns are counted");
    for (std::size_t i = 0; i < interface.values.size(); ++i) {
      if (known) require_count(words[proc_net_dev::kColumns[i].index], interface.values[i], 1);
      require(known || !interface.values[i], "unknown columns are not read");
    }
  }
  return 0;
}
