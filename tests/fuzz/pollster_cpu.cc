// /proc/stat of any machine.
// Not for the time of ticks on this one.
#include "cpu/proc_stat.h"

#include "measured.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tally::fuzz;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const proc_stat::Times times = proc_stat::read(text, 10'000'000);
  require(times.states.size() <= std::size(proc_stat::kMeters), "there is no state that has no meter");
  for (const proc_stat::State& state : times.states) require_count(state.written, state.ns, 10'000'000);
  return 0;
}
