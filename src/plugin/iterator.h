// Calls each pollster in turn on its timer, with the resources that its discovery found in the same cycle.
// Not for what becomes of the samples: a sink takes them, one result after each poll.
#ifndef TALLY_PLUGIN_ITERATOR_H
#define TALLY_PLUGIN_ITERATOR_H

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "plugin/guard.h"
#include "plugin/roles.h"

namespace tally::host {

// What one poll brought. Samples that named no time carry the cycle's.
struct Polled {
  std::string pollster;  // "pollster:load"
  Time cycle;
  absl::Status status;  // samples may be there even when it is an error
  PollResult result;
  std::chrono::nanoseconds took{};
};

// One thread at a time.
class Iterator {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Sink = std::function<void(Polled)>;

  // A discovery is asked at most once a cycle, and shared by all pollsters that name it.
  void add_discovery(std::string name, std::unique_ptr<Discovery> discovery);

  struct Timed {
    std::string name;  // "pollster:load"
    std::unique_ptr<Pollster> pollster;
    std::chrono::milliseconds interval{60'000};
    std::string discovery;         // empty: polled without resources
    std::shared_ptr<Guard> guard;  // null in tests; while it does not admit, the pollster is passed over
  };
  // Due at once, and then at each interval counted from `start`; a cycle that was missed is left out, never made up
  // for.
  void add(Timed pollster, TimePoint start);

  // Polls all that are due, in the order they were added. `time` is the cycle's time. Returns when the next is due;
  // TimePoint::max() when there is none. A resource that failed for good is left out by that pollster until it has been
  // missing from one discovery; a discovery that fails leaves its pollsters out of this cycle, told with its status.
  TimePoint run_due(TimePoint now, Time time, const Sink& sink);

  // Polls everything once, whatever is due.
  void run_all(Time time, const Sink& sink);

  TimePoint next_due() const;
  std::size_t size() const { return pollsters_.size(); }

 private:
  struct Slot {
    Timed timed;
    TimePoint due;
    std::set<std::string> given_up;  // resources that failed for good
  };
  struct Found {
    absl::Status status;
    std::vector<Resource> resources;
  };
  using Cycle = std::map<std::string, Found>;  // by discovery

  void poll(Slot& slot, Time time, Cycle& cycle, const Sink& sink);
  const Found& resources_of(const std::string& discovery, Cycle& cycle);

  std::map<std::string, std::unique_ptr<Discovery>> discoveries_;
  std::vector<Slot> pollsters_;
};

}  // namespace tally::host

#endif
