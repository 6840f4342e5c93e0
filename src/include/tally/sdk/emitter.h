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
  // the refusal as a fault of its own, and `why`, where there is one, is its reason. In a handler it becomes a dead
  // letter of its own, and the answer is true.
  bool operator()(const SampleView& sample, std::string* why = nullptr) { return send(emitter_.sample, sample, why); }

  // Handlers: instead of a sample that cannot be made for `why`; `json` is what there is of it, an object with the keys
  // of Tally's samples. A dead letter of its own. Throws Error::permanent where the host is too old to know.
  void refuse(std::string_view json, std::string_view why) {
    if (!offers(&tally_emitter::refused)) throw Error::permanent(std::string(why));
    detail::HostAnswer answer;
    answer.check(emitter_.refused(emitter_.context, to_c(json), to_c(why), &answer.error));
  }

  // Handlers: a sample of a definition that the configuration disables. Nothing where the host is too old to know.
  void withhold(const SampleView& sample) {
    if (offers(&tally_emitter::withheld)) send(emitter_.withheld, sample, nullptr);
  }

  // Handlers: `definition` makes no sample of this message, because of something that is missing. Counted by the host,
  // and logged once for each definition.
  void skip(std::string_view definition, std::string_view why) {
    if (!offers(&tally_emitter::skipped)) return;
    detail::HostAnswer answer;
    answer.check(emitter_.skipped(emitter_.context, to_c(definition), to_c(why), &answer.error));
  }

 private:
  // Whether the host, which may be older, has the function.
  template <class Function>
  bool offers(Function tally_emitter::*function) const {
    const auto* begin = reinterpret_cast<const char*>(&emitter_);
    const auto* end = reinterpret_cast<const char*>(&(emitter_.*function) + 1);
    return static_cast<std::size_t>(end - begin) <= emitter_.size && emitter_.*function != nullptr;
  }

  bool send(std::int32_t (*take)(void*, const tally_sample*, tally_error*), const SampleView& sample,
            std::string* why) {
    const std::string volume = sample.volume.to_string();
    const tally_sample out = to_c(sample, volume);
    detail::HostAnswer answer;
    const std::int32_t result = take(emitter_.context, &out, &answer.error);
    if (result != TALLY_PERMANENT || refusal_ == Refusal::thrown) {
      answer.check(result);
      return true;
    }
    if (why != nullptr) why->assign(answer.buffer, answer.error.length);
    return false;
  }

  const tally_emitter& emitter_;
  const Refusal refusal_;
};

}  // namespace tally

#endif
