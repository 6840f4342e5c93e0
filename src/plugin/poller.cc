// The cycle of one pollster.
// Not for when: see plugin/schedule.h.
#include "plugin/poller.h"

#include <ctime>
#include <utility>

#include "core/status.h"
#include "plugin/unfit.h"

namespace tally::host {

Poller::Answer Poller::poll(Time cycle) {
  Answer answer;
  // First: where the discovery is not here, the pollster's file and its libraries stay out of the process.
  std::vector<Resource> resources;
  if (answer.status = choose_resources(cycle, resources); !answer.status.ok()) return answer;
  if (!pollster_) {
    absl::StatusOr<std::unique_ptr<Pollster>> made = timed_.make();
    if (!made.ok()) return {made.status(), {}, {}};
    pollster_ = std::move(*made);
  }
  if (!timed_.discovery.empty() && resources.empty()) return answer;

  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  PollRequest request;
  request.time = cycle;
  request.monotonic_ns = static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
  request.resources = resources;
  PollResult result;
  answer.status = pollster_->poll(request, result);
  answer.faults = judge(std::move(result.faults));
  answer.samples = std::move(result.samples);
  for (Sample& sample : answer.samples) {
    if (!sample.timestamp) sample.timestamp = cycle;
    if (!sample.monotonic_time) sample.monotonic_time = static_cast<double>(request.monotonic_ns) / 1e9;
  }
  if (answer.status.code() == kAbsent) pollster_.reset();
  return answer;
}

absl::Status Poller::choose_resources(Time cycle, std::vector<Resource>& resources) {
  if (timed_.discovery.empty()) return absl::OkStatus();
  const absl::StatusOr<SharedDiscovery::Found> found = discovery_->resources(timed_.discovery, cycle);
  if (!found.ok()) {
    // What is wrong with the discovery's file is not wrong with this one's.
    const absl::StatusCode code = found.status().code() == kRefused ? kFailed : found.status().code();
    return {code, found.status().message()};
  }
  std::set<std::string> still_given_up;
  for (const Resource& resource : **found) {
    if (given_up_.count(resource.id) != 0) {
      still_given_up.insert(resource.id);
    } else {
      resources.push_back(resource);
    }
  }
  given_up_ = std::move(still_given_up);
  return absl::OkStatus();
}

std::vector<PollFault> Poller::judge(std::vector<ResourceFault> faults) {
  std::vector<PollFault> judged;
  for (ResourceFault& fault : faults) {
    if (fault.status.code() == kAbsent) continue;  // it vanished between listing and reading
    const bool given_up = fault.status.code() == kPermanent && !timed_.discovery.empty();
    if (given_up) given_up_.insert(fault.resource_id);
    judged.push_back({std::move(fault.resource_id), std::move(fault.status), given_up});
  }
  return judged;
}

}  // namespace tally::host
