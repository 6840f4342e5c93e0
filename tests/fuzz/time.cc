// Timestamps: what is read is written and read again as the same time.
// Not for clocks.
#include <tally/model/time.h>

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using tally::Time;
  using tally::fuzz::require;
  const auto time = Time::parse({reinterpret_cast<const char*>(data), size});
  if (!time) return 0;
  const std::string text = time->to_string();
  require(*time >= Time::kFirst && *time < Time::kEnd, "a time can be written");
  const auto again = Time::parse(text);
  require(again && *again == *time, "a time that is written reads the same");
  require(again->to_string() == text, "there is one way to write a time");
  return 0;
}
