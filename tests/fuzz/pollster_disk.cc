// /proc/diskstats of any machine.
// Not for /sys/block.
#include "disk/proc_diskstats.h"

#include "measured.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tally::fuzz;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const proc_diskstats::Device& device : proc_diskstats::read(text)) {
    require_name(device.name);
    require(!device.name.empty() && device.name.find_first_of(" \t\r\n") == device.name.npos, "a device is a word");
    const std::string folder = proc_diskstats::folder_of(device.name);
    require(folder.find('/') == folder.npos, "a folder of /sys/block is one folder");
    const char* const end = device.name.data() + device.name.size();
    const std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
    const auto words = tally::words(rest.substr(0, rest.find('\n')));
    require(device.columns == std::min(words.size() + 3, proc_diskstats::kFewest), "a line that is too short is told");
    for (std::size_t i = 0; i < device.values.size(); ++i) {
      if (device.columns < proc_diskstats::kFewest) {
        require(!device.values[i], "a line that is too short has no values");
        continue;
      }
      const proc_diskstats::Column& column = proc_diskstats::kColumns[i];
      require_count(words[column.index - 3], device.values[i], static_cast<std::uint64_t>(column.factor));
    }
  }
  return 0;
}
