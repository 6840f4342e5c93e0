// How samples leave a plugin, and short ways to make one.
// Not for keeping: an Emitter lives for the call that was given it, on that call's thread.
#ifndef TALLY_SDK_EMITTER_H
#define TALLY_SDK_EMITTER_H

#include <tally/abi/sample.h>
#include <tally/model/sample.h>
#include <tally/sdk/boundary.h>

#include <string>
#include <utility>

namespace tally {

namespace detail {

inline Sample make_sample(SampleType type, std::string name, std::string unit, Decimal volume,
                          std::string resource_id) {
  Sample sample;
  sample.name = std::move(name);
  sample.type = type;
  sample.unit = std::move(unit);
  sample.volume = volume;
  sample.resource_id = std::move(resource_id);
  return sample;
}

}  // namespace detail

// An absolute value now.
inline Sample gauge(std::string name, std::string unit, Decimal volume, std::string resource_id) {
  return detail::make_sample(SampleType::gauge, std::move(name), std::move(unit), volume, std::move(resource_id));
}

// The change since the last report.
inline Sample delta(std::string name, std::string unit, Decimal volume, std::string resource_id) {
  return detail::make_sample(SampleType::delta, std::move(name), std::move(unit), volume, std::move(resource_id));
}

// Grows for ever, restarts at zero.
inline Sample cumulative(std::string name, std::string unit, Decimal volume, std::string resource_id) {
  return detail::make_sample(SampleType::cumulative, std::move(name), std::move(unit), volume, std::move(resource_id));
}

class Emitter {
 public:
  // What becomes of a sample that the host refuses: its plugin throws, or goes on with the next.
  enum class Refusal { thrown, counted };

  explicit Emitter(const tally_emitter& emitter, Refusal refusal = Refusal::thrown)
      : emitter_(emitter), refusal_(refusal) {}

  // Hands one sample over; it is copied. The host refuses what is not a sample (a name of no bytes, metadata that is
  // not a JSON object …); nothing else is lost by that. In a poll the answer is false then, the host counts and tells
  // the refusal as a fault of its own, and `why`, where there is one, is its reason. In a handler it throws.
  bool operator()(const SampleView& sample, std::string* why = nullptr) {
    const std::string volume = sample.volume.to_string();
    tally_sample out{};
    out.size = sizeof out;
    out.type = static_cast<std::int32_t>(sample.type);
    out.has_monotonic_time = sample.monotonic_time ? 1 : 0;
    out.monotonic_time = sample.monotonic_time.value_or(0);
    out.timestamp_us = sample.timestamp ? sample.timestamp->us : TALLY_NO_TIME;
    out.name = detail::text(sample.name);
    out.unit = detail::text(sample.unit);
    out.volume = detail::text(volume);
    out.resource_id = detail::text(sample.resource_id);
    out.project_id = detail::text(sample.project_id);
    out.project_name = detail::text(sample.project_name);
    out.user_id = detail::text(sample.user_id);
    out.user_name = detail::text(sample.user_name);
    out.resource_metadata = detail::text(sample.resource_metadata);
    if (!sample.source.empty()) out.source = detail::text(sample.source);
    if (!sample.id.empty()) out.id = detail::text(sample.id);
    detail::Answer answer;
    const std::int32_t result = emitter_.sample(emitter_.context, &out, &answer.error);
    if (result != TALLY_PERMANENT || refusal_ == Refusal::thrown) {
      answer.check(result);
      return true;
    }
    if (why != nullptr) why->assign(answer.buffer, answer.error.length);
    return false;
  }

 private:
  const tally_emitter& emitter_;
  const Refusal refusal_;
};

}  // namespace tally

#endif
