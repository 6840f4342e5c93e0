// What a deployer's command writes, line by line.
// Not for running it.
#include "exec/output.h"

#include <string>

#include "fuzz.h"
#include "wire/sample_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using tally::fuzz::require;
  const std::string host = "node1";
  for (tally::fuzz::Input input(data, size); !input.empty();) {
    const std::string_view line = input.line();
    if (is_comment(line)) continue;
    std::string why;
    const auto sample = read_line(line, host, why);
    require(sample.has_value() == why.empty(), "a line is a sample, or there is a reason");
    if (!sample) continue;
    require(!sample->name.empty(), "a sample has a name");
    const auto again = tally::Decimal::parse(sample->volume.to_string());
    require(again && *again == sample->volume, "a volume that is written reads the same");
    static_cast<void>(tally::wire::sample_from_json(tally::wire::to_json(*sample)));
  }
  return 0;
}
