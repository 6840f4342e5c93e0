// One measurement, as plugins emit it and as the host carries it.
#ifndef TALLY_MODEL_SAMPLE_H
#define TALLY_MODEL_SAMPLE_H

#include <tally/model/decimal.h>
#include <tally/model/time.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

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
// `Text` is std::string, or std::string_view: then what it looks into must live as long as it is used.
template <class Text, class Volume = Decimal>
struct BasicSample {
  Text id;    // 32 hexadecimal digits when derived by the host; a foreign one is kept. Empty: derive it.
  Text name;  // the meter
  SampleType type = SampleType::gauge;
  Text unit;
  Volume volume{};
  Text resource_id;
  std::optional<Text> project_id;
  std::optional<Text> project_name;
  std::optional<Text> user_id;
  std::optional<Text> user_name;
  std::optional<Time> timestamp;         // of the measurement; none: the cycle's, or the message's
  Text resource_metadata = "{}";         // a JSON object as text
  Text source;                           // empty: the host's configured one
  std::optional<double> monotonic_time;  // seconds of CLOCK_MONOTONIC at the measurement

  // With texts of its own.
  BasicSample<std::string, Volume> copy() const { return as<std::string>(); }

  // Every sample can be looked at.
  operator BasicSample<std::string_view, Volume>() const  // NOLINT(google-explicit-constructor)
      requires std::is_same_v<Text, std::string> {
    return as<std::string_view>();
  }

 private:
  template <class To>
  BasicSample<To, Volume> as() const {
    const auto text = [](const std::optional<Text>& from) { return from ? std::optional<To>(*from) : std::nullopt; };
    return {To(id),           To(name),           type,          To(unit),        volume,    To(resource_id),
            text(project_id), text(project_name), text(user_id), text(user_name), timestamp, To(resource_metadata),
            To(source),       monotonic_time};
  }
};
using Sample = BasicSample<std::string>;
using SampleView = BasicSample<std::string_view>;

}  // namespace tally

#endif
