// The cycle of one pollster.
// Not for when: see agent/schedule.h.
#include "agent/poller.h"

#include <ctime>
#include <utility>

#include "core/log.h"
#include "core/status.h"

namespace tally::agent {

Poller::Answer Poller::poll(Time cycle) {
  Answer answer;
  if (!pollster_) {
    absl::StatusOr<std::unique_ptr<host::Pollster>> made = source_.make();
    if (!made.ok()) return {made.status(), {}};
    pollster_ = std::move(*made);
  }
  std::vector<host::Resource> resources;
  if (answer.status = choose_resources(cycle, resources); !answer.status.ok()) return answer;
  if (!source_.discovery.empty() && resources.empty()) return answer;

  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  host::PollRequest request;
  request.time = cycle;
  request.monotonic_ns = static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
  request.resources = resources;
  host::PollResult result;
  answer.status = pollster_->poll(request, result);
  note_faults(result.faults);
  answer.samples = std::move(result.samples);
  for (Sample& sample : answer.samples) {
    if (!sample.timestamp) sample.timestamp = cycle;
    if (!sample.monotonic_time) sample.monotonic_time = static_cast<double>(request.monotonic_ns) / 1e9;
  }
  if (answer.status.code() == kAbsent) pollster_.reset();
  return answer;
}

absl::Status Poller::choose_resources(Time cycle, std::vector<host::Resource>& resources) {
  if (source_.discovery.empty()) return absl::OkStatus();
  const absl::StatusOr<SharedDiscovery::Found> found = discovery_->resources(source_.discovery, cycle);
  if (!found.ok()) return found.status();
  std::set<std::string> still_given_up;
  for (const host::Resource& resource : **found) {
    if (given_up_.count(resource.id) != 0) {
      still_given_up.insert(resource.id);
    } else {
      resources.push_back(resource);
    }
  }
  given_up_ = std::move(still_given_up);
  return absl::OkStatus();
}

void Poller::note_faults(const std::vector<host::ResourceFault>& faults) {
  for (const host::ResourceFault& fault : faults) {
    if (fault.status.code() == kAbsent) continue;  // it vanished between listing and reading
    const std::string text =
        "pollster:" + source_.name + ": " + fault.resource_id + ": " + std::string(fault.status.message());
    if (fault.status.code() != kPermanent) {
      log::once_per("fault " + source_.name, log::Level::warning, text + "; trying again in the next cycle");
    } else if (!source_.discovery.empty() && given_up_.insert(fault.resource_id).second) {
      log::warning(text + "; not polled again until it is discovered anew");
    } else {
      log::once_per("fault " + source_.name, log::Level::warning, text);
    }
  }
}

}  // namespace tally::agent
