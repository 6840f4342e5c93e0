// One measurement, as plugins emit it and as the host carries it.
#ifndef TALLY_MODEL_SAMPLE_H
#define TALLY_MODEL_SAMPLE_H

#include <tally/model/decimal.h>
#include <tally/model/time.h>

#include <cstdint>
#include <optional>
#include <string>

namespace tally {

// The numbers are those of tally/abi/sample.h.
enum class SampleType : std::int32_t {
  gauge = 1,       // an absolute value now
  delta = 2,       // the change since the last report
  cumulative = 3,  // grows for ever, restarts at zero
};

// The word in output and on the bus: "gauge", "delta", "cumulative".
constexpr const char* to_string(SampleType type) {
  return type == SampleType::gauge ? "gauge" : type == SampleType::delta ? "delta" : "cumulative";
}

// A plain value; threads and lifetimes are its owner's affair. An absent text is std::nullopt, and null in output.
struct Sample {
  std::string id;    // 32 hexadecimal digits when derived by the host; a foreign one is kept. Empty: derive it.
  std::string name;  // the meter
  SampleType type = SampleType::gauge;
  std::string unit;
  Decimal volume;
  std::string resource_id;
  std::optional<std::string> project_id;
  std::optional<std::string> project_name;
  std::optional<std::string> user_id;
  std::optional<std::string> user_name;
  std::optional<Time> timestamp;         // of the measurement; none: the cycle's, or the message's
  std::string resource_metadata = "{}";  // a JSON object as text
  std::string source;                    // empty: the host's configured one
  std::optional<double> monotonic_time;  // seconds of CLOCK_MONOTONIC at the measurement
};

}  // namespace tally

#endif
