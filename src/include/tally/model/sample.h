// One measurement, as plugins emit it and as the host carries it.
#ifndef TALLY_MODEL_SAMPLE_H
#define TALLY_MODEL_SAMPLE_H

#include <tally/model/decimal.h>
#include <tally/model/time.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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

// The same with texts that stand elsewhere, and must live as long as it is used. Members mean what Sample's do.
struct SampleView {
  SampleView() = default;
  SampleView(const Sample& sample)  // NOLINT(google-explicit-constructor): every sample can be looked at
      : id(sample.id),
        name(sample.name),
        type(sample.type),
        unit(sample.unit),
        volume(sample.volume),
        resource_id(sample.resource_id),
        project_id(sample.project_id),
        project_name(sample.project_name),
        user_id(sample.user_id),
        user_name(sample.user_name),
        timestamp(sample.timestamp),
        resource_metadata(sample.resource_metadata),
        source(sample.source),
        monotonic_time(sample.monotonic_time) {}

  // With texts of its own.
  Sample copy() const {
    const auto own = [](const std::optional<std::string_view>& text) {
      return text ? std::optional<std::string>(*text) : std::nullopt;
    };
    return {std::string(id),
            std::string(name),
            type,
            std::string(unit),
            volume,
            std::string(resource_id),
            own(project_id),
            own(project_name),
            own(user_id),
            own(user_name),
            timestamp,
            std::string(resource_metadata),
            std::string(source),
            monotonic_time};
  }

  std::string_view id;
  std::string_view name;
  SampleType type = SampleType::gauge;
  std::string_view unit;
  Decimal volume;
  std::string_view resource_id;
  std::optional<std::string_view> project_id;
  std::optional<std::string_view> project_name;
  std::optional<std::string_view> user_id;
  std::optional<std::string_view> user_name;
  std::optional<Time> timestamp;
  std::string_view resource_metadata = "{}";
  std::string_view source;
  std::optional<double> monotonic_time;
};

}  // namespace tally

#endif
