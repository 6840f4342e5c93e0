// One pollster through its cycles: what it is given, which resources it has given up, what its answer means.
// Not for timers or threads: plugin/managers/iterator.h calls it when it is due.
#ifndef TALLY_PLUGIN_MANAGERS_POLLER_H
#define TALLY_PLUGIN_MANAGERS_POLLER_H

#include <tally/model/sample.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "plugin/managers/shared_discovery.h"
#include "plugin/roles.h"

namespace tally::plugin {

// What one source of a polling file wants of a pollster.
struct PollSelection {
  std::int64_t interval_us = 60'000'000;
  std::vector<std::string> meters;       // see wants_meter (config/polling_file.h); empty: all
  std::vector<std::string> resources;    // ids, described as the pollster's own discovery does where it finds them
  std::vector<std::string> discoveries;  // in place of the pollster's own, where there are any
};

// One pollster on its timer, and how to make it.
struct TimedPollster {
  std::string name;
  std::string discovery;  // empty: it is polled without resources
  std::int64_t interval_us = 60'000'000;
  std::int64_t offset_us = 0;             // see Schedule
  std::vector<PollSelection> selections;  // empty: one, for everything each `interval_us`
  std::string state = "on";               // what is known of it before its first poll: "on" or "absent"
  std::string reason;
  std::string fingerprint;  // equal ones need no restart on reload; empty: always restarted
  // Called before the first poll, and before each one after "not here".
  std::function<absl::StatusOr<std::unique_ptr<Sampler>>()> make;
};

// A resource that could not be measured.
struct PollFault {
  std::string resource_id;
  absl::Status status;
  bool given_up = false;  // not polled again until it is discovered again
};

// Of the selections that take part in a cycle each resource is polled once, and a sample is kept once: two sources that
// want one meter of one resource at one time get one measurement. One thread at a time.
class Poller {
 public:
  Poller(TimedPollster timed, std::shared_ptr<SharedDiscovery> discovery);

  struct Answer {
    absl::Status status;
    std::vector<Sample> samples;    // each with its time; there may be some even when the status is an error
    std::vector<PollFault> faults;  // without the resources that merely vanished
  };

  // Discovers (shared) and polls, for the selections at these places. Makes the instance where there is none; an absent
  // one is made again each time.
  Answer poll(Time cycle, std::span<const std::size_t> part);
  // For all selections.
  Answer poll(Time cycle);

  // Its `selections` are never empty.
  const TimedPollster& timed() const { return timed_; }
  void use(std::shared_ptr<SharedDiscovery> discovery) { discovery_ = std::move(discovery); }

 private:
  // Resources from one place: a discovery by its name, or the list of one selection.
  struct ResourceList {
    std::string name;
    SharedDiscovery::Found found;
  };
  // Resources that the same selections are to have.
  struct Group {
    std::vector<std::size_t> selections;
    std::vector<Resource> resources;
  };
  using ResourceLists = std::vector<ResourceList>;
  using SelectionInputs = std::pair<std::size_t, std::vector<std::size_t>>;  // a selection and its feeds

  absl::Status feed(Time cycle, std::size_t selection, ResourceLists& feeds, std::vector<std::size_t>& chosen);
  absl::StatusOr<SharedDiscovery::Found> discovered(const std::string& name, Time cycle);
  SharedDiscovery::Found listed(Time cycle, const PollSelection& selection);
  absl::Status choose(Time cycle, std::span<const std::size_t> part, ResourceLists& feeds, std::vector<Group>& groups);
  void divide(const std::vector<SelectionInputs>& fed, const ResourceLists& feeds, std::vector<Group>& groups) const;
  void forget_what_went(const ResourceLists& feeds);
  absl::Status poll_group(Time cycle, const Group& group, const ResourceLists& feeds, Answer& answer);
  void judge(std::vector<ResourceFault> faults, const ResourceLists& feeds, std::vector<PollFault>& judged);
  bool wanted(const std::string& meter, std::span<const std::size_t> selections);

  TimedPollster timed_;
  std::shared_ptr<SharedDiscovery> discovery_;
  std::unique_ptr<Sampler> pollster_;
  std::map<std::string, std::set<std::string>> given_up_;  // failed for good, until none of these feeds names them
  std::map<std::string, std::vector<bool>> wanted_;        // by meter: which selections want it
};

}  // namespace tally::plugin

#endif
