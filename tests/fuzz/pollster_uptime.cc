// /proc/uptime of any machine.
// Not for the meter.
#include "uptime/proc_uptime.h"

#include "measured.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tally::fuzz;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto seconds = proc_uptime::read(text);
  if (!seconds) return 0;
  const auto again = tally::Decimal::parse(seconds->to_string());
  require(again && *again == *seconds, "a volume that is written reads the same");
  return 0;
}
