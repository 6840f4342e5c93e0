// One pollster through its cycles: what it is given, which resources it has given up, what its answer means.
// Not for timers or threads: plugin/iterator.h calls it when it is due.
#ifndef TALLY_PLUGIN_POLLER_H
#define TALLY_PLUGIN_POLLER_H

#include <tally/model/sample.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "plugin/roles.h"
#include "plugin/shared_discovery.h"

namespace tally::host {

// One pollster on its timer, and how to make it.
struct TimedPollster {
  std::string name;
  std::string discovery;  // empty: it is polled without resources
  std::int64_t interval_us = 60'000'000;
  std::string state = "on";  // what is known of it before its first poll: "on" or "absent"
  std::string reason;
  std::string fingerprint;  // equal ones need no restart on reload; empty: always restarted
  // Called before the first poll, and before each one after "not here".
  std::function<absl::StatusOr<std::unique_ptr<Pollster>>()> make;
};

// A resource that could not be measured.
struct PollFault {
  std::string resource_id;
  absl::Status status;
  bool given_up = false;  // not polled again until it is discovered anew
};

// One thread at a time.
class Poller {
 public:
  Poller(TimedPollster timed, std::shared_ptr<SharedDiscovery> discovery)
      : timed_(std::move(timed)), discovery_(std::move(discovery)) {}

  struct Answer {
    absl::Status status;
    std::vector<Sample> samples;    // each with its time; there may be some even when the status is an error
    std::vector<PollFault> faults;  // without the resources that merely vanished
  };

  // Discovers (shared) and polls once. Makes the instance where there is none; an absent one is made anew each time.
  Answer poll(Time cycle);

  const TimedPollster& timed() const { return timed_; }
  void use(std::shared_ptr<SharedDiscovery> discovery) { discovery_ = std::move(discovery); }

 private:
  absl::Status choose_resources(Time cycle, std::vector<Resource>& resources);
  std::vector<PollFault> judge(std::vector<ResourceFault> faults);

  TimedPollster timed_;
  std::shared_ptr<SharedDiscovery> discovery_;
  std::unique_ptr<Pollster> pollster_;
  std::set<std::string> given_up_;  // failed for good; until one discovery does not name them
};

}  // namespace tally::host

#endif
