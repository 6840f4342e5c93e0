// The newest value of every (meter, resource) with its rate, for the live table.
// Not for billing: rates are doubles, and what does not fit is left out.
#ifndef TALLY_AGENT_LATEST_VALUES_H
#define TALLY_AGENT_LATEST_VALUES_H

#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "agent/agent.h"

namespace tally::agent {

// Any thread.
class LastValues {
 public:
  static constexpr std::size_t kMost = 2'000;

  void note(const std::vector<Sample>& samples) {
    const std::lock_guard lock(mutex_);
    for (const Sample& sample : samples) {
      const std::pair<std::string, std::string> key{sample.name, sample.resource_id};
      auto at = values_.find(key);
      if (at == values_.end()) {
        if (values_.size() >= kMost) continue;
        at = values_.emplace(key, LastValue{.meter = sample.name, .resource = sample.resource_id}).first;
      }
      update(at->second, sample);
    }
  }

  std::vector<LastValue> all() const {
    const std::lock_guard lock(mutex_);
    std::vector<LastValue> values;
    for (const auto& [key, value] : values_) values.push_back(value);
    return values;
  }

 private:
  static void update(LastValue& value, const Sample& sample) {
    const Time time = sample.timestamp.value_or(Time{});
    const std::string volume = sample.volume.to_string();
    if (sample.type == SampleType::cumulative && value.samples > 0 && time > value.time) {
      const double increase = std::strtod(volume.c_str(), nullptr) - std::strtod(value.volume.c_str(), nullptr);
      value.per_second.reset();  // after a restart at zero there is no rate for one cycle
      if (increase >= 0) value.per_second = increase / (static_cast<double>(time.us - value.time.us) / 1e6);
    }
    value.unit = sample.unit;
    value.type = sample.type;
    value.volume = volume;
    value.time = time;
    ++value.samples;
  }

  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, LastValue> values_;
};

}  // namespace tally::agent

#endif
