// A sensor's file and its name.
// Not for finding either.
#include "temperature/sensor.h"

#include "measured.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tally::fuzz;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string_view line = sensor::first_line(text);
  require_name(line);
  const std::string_view name = sensor::name_of(line);
  require(name.empty() || std::string(name) + "_input" == line, "a sensor's name is its file's");
  const auto degrees = sensor::celsius(text);
  if (!degrees) return 0;
  const auto thousandths = tally::Decimal::mul(*degrees, 1000);
  require(thousandths.has_value(), "the kernel's number can be had back");
  const bool below = line.starts_with('-');
  require_count(line.substr(below ? 1 : 0), below ? -*thousandths : *thousandths, 1);
  return 0;
}
