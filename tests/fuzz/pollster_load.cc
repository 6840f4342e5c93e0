// /proc/loadavg of any machine.
// Not for the meters.
#include "load/proc_loadavg.h"

#include "measured.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tally::fuzz;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const proc_loadavg::Average& average : proc_loadavg::read(text)) {
    require(!average.load || !average.written.empty(), "a load is written");
    if (!average.load) continue;
    const auto again = tally::Decimal::parse(average.load->to_string());
    require(again && *again == *average.load, "a volume that is written reads the same");
  }
  return 0;
}
