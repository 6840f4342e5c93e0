// One pollster through its cycles: what it is given, which resources it has given up, what its answer means.
// Not for timers or threads: agent/agent.cc calls it when it is due.
#ifndef TALLY_AGENT_POLLER_H
#define TALLY_AGENT_POLLER_H

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent/agent.h"
#include "agent/shared_discovery.h"

namespace tally::agent {

// One thread at a time.
class Poller {
 public:
  Poller(PollsterSource source, std::shared_ptr<SharedDiscovery> discovery)
      : source_(std::move(source)), discovery_(std::move(discovery)) {}

  struct Answer {
    absl::Status status;
    std::vector<Sample> samples;  // each with its time
  };

  // Discovers (shared) and polls once. Makes the instance first; an absent one is made anew each time.
  Answer poll(Time cycle);

  const PollsterSource& source() const { return source_; }
  void use(std::shared_ptr<SharedDiscovery> discovery) { discovery_ = std::move(discovery); }

 private:
  absl::Status choose_resources(Time cycle, std::vector<host::Resource>& resources);
  void note_faults(const std::vector<host::ResourceFault>& faults);

  PollsterSource source_;
  std::shared_ptr<SharedDiscovery> discovery_;
  std::unique_ptr<host::Pollster> pollster_;
  std::set<std::string> given_up_;  // failed for good; until one discovery does not name them
};

}  // namespace tally::agent

#endif
