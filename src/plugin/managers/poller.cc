// The cycle of one pollster.
// Not for when: see plugin/managers/schedule.h.
#include "plugin/managers/poller.h"

#include <algorithm>
#include <ctime>
#include <iterator>
#include <numeric>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "config/polling_file.h"
#include "plugin/file/load_error.h"

namespace tally::plugin {
namespace {

constexpr std::size_t kMostRemembered = 1'000;  // meters; a command may make any number of names

bool names(const SharedDiscovery::Found& found, const std::string& id) {
  return std::any_of(found->begin(), found->end(), [&](const Resource& resource) { return resource.id == id; });
}

std::int64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

Poller::Poller(TimedPollster timed, std::shared_ptr<SharedDiscovery> discovery)
    : timed_(std::move(timed)), discovery_(std::move(discovery)) {
  if (timed_.selections.empty()) timed_.selections.push_back({timed_.interval_us, {}, {}, {}});
}

Poller::Answer Poller::poll(Time cycle) {
  std::vector<std::size_t> all(timed_.selections.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return poll(cycle, all);
}

Poller::Answer Poller::poll(Time cycle, std::span<const std::size_t> part) {
  Answer answer;
  // First: where the discovery is not here, the pollster's file and its libraries stay out of the process.
  ResourceLists feeds;
  std::vector<Group> groups;
  absl::Status trouble = choose(cycle, part, feeds, groups);
  if (groups.empty()) return {trouble, {}, {}};
  if (!pollster_) {
    absl::StatusOr<std::unique_ptr<Sampler>> made = timed_.make();
    if (!made.ok()) return {made.status(), {}, {}};
    pollster_ = std::move(*made);
  }
  for (const Group& group : groups) {
    if (!timed_.discovery.empty() && group.resources.empty()) continue;
    if (answer.status = poll_group(cycle, group, feeds, answer); !answer.status.ok()) break;
  }
  if (answer.status.code() == kAbsent) pollster_.reset();
  // One of several discoveries that is absent says nothing about the pollster.
  if (answer.status.ok() && trouble.code() != kAbsent) answer.status = trouble;
  return answer;
}

absl::Status Poller::poll_group(Time cycle, const Group& group, const ResourceLists& feeds, Answer& answer) {
  PollRequest request;
  request.time = cycle;
  request.monotonic_ns = monotonic_ns();
  request.resources = group.resources;
  PollResult result;
  const absl::Status status = pollster_->poll(request, result);
  judge(std::move(result.faults), feeds, answer.faults);
  std::erase_if(result.samples, [&](const Sample& sample) { return !wanted(sample.name, group.selections); });
  for (Sample& sample : result.samples) {
    if (!sample.timestamp) sample.timestamp = cycle;
    if (!sample.monotonic_time) sample.monotonic_time = static_cast<double>(request.monotonic_ns) / 1e9;
  }
  if (answer.samples.empty()) {
    answer.samples = std::move(result.samples);
  } else {
    std::move(result.samples.begin(), result.samples.end(), std::back_inserter(answer.samples));
  }
  return status;
}

bool Poller::wanted(const std::string& meter, std::span<const std::size_t> selections) {
  if (wanted_.size() >= kMostRemembered) wanted_.clear();
  std::vector<bool>& by_selection = wanted_[meter];
  if (by_selection.empty()) {
    for (const PollSelection& selection : timed_.selections)
      by_selection.push_back(selection.meters.empty() || config::wants_meter(selection.meters, meter));
  }
  return std::any_of(selections.begin(), selections.end(),
                     [&](std::size_t selection) { return by_selection[selection]; });
}

// --- resources ------------------------------------------------------------------------------------------------------

absl::StatusOr<SharedDiscovery::Found> Poller::discovered(const std::string& name, Time cycle) {
  absl::StatusOr<SharedDiscovery::Found> found = discovery_->resources(name, cycle);
  if (found.ok()) return found;
  // What is wrong with the discovery's file is not wrong with this one's.
  const absl::StatusCode code = found.status().code() == kRefused ? kFailed : found.status().code();
  return absl::Status(code, found.status().message());
}

// The ids of a selection; those that the pollster's own discovery knows come first, with what it says of them.
SharedDiscovery::Found Poller::listed(Time cycle, const PollSelection& selection) {
  auto list = std::make_shared<std::vector<Resource>>();
  std::set<std::string> left(selection.resources.begin(), selection.resources.end());
  if (!timed_.discovery.empty()) {
    if (const auto known = discovery_->resources(timed_.discovery, cycle); known.ok()) {
      for (const Resource& resource : **known) {
        if (left.erase(resource.id) != 0) list->push_back(resource);
      }
    }
  }
  for (const std::string& id : selection.resources) {
    if (left.erase(id) == 0) continue;
    Resource resource;
    resource.id = id;
    list->push_back(std::move(resource));
  }
  return list;
}

// Asks what this selection names and was not asked yet; `chosen` has the places of its feeds. An error: one
// discovery's.
absl::Status Poller::feed(Time cycle, std::size_t selection, ResourceLists& feeds, std::vector<std::size_t>& chosen) {
  const PollSelection& wanted = timed_.selections[selection];
  const auto use = [&](const std::string& name, auto ask) -> absl::Status {
    const auto at =
        std::find_if(feeds.begin(), feeds.end(), [&](const ResourceList& feed) { return feed.name == name; });
    chosen.push_back(static_cast<std::size_t>(at - feeds.begin()));
    if (at != feeds.end()) return absl::OkStatus();
    absl::StatusOr<SharedDiscovery::Found> found = ask();
    if (found.ok()) {
      feeds.push_back({name, *found});
      return absl::OkStatus();
    }
    chosen.pop_back();
    return found.status();
  };
  absl::Status trouble;
  const auto ask_discovery = [&](const std::string& name) {
    trouble.Update(use(name, [&] { return discovered(name, cycle); }));
  };
  if (!wanted.resources.empty()) {
    trouble.Update(use("the list of source " + std::to_string(selection),
                       [&] { return absl::StatusOr<SharedDiscovery::Found>(listed(cycle, wanted)); }));
  }
  if (!timed_.discovery.empty()) {
    for (const std::string& name : wanted.discoveries) ask_discovery(name);
    if (wanted.resources.empty() && wanted.discoveries.empty()) ask_discovery(timed_.discovery);
  }
  return trouble;
}

// Divides the resources by the selections that are to have them. A pollster without a discovery has one group always:
// it may measure the host whatever it is given. No group: nothing can be polled, for the reason that is returned.
absl::Status Poller::choose(Time cycle, std::span<const std::size_t> part, ResourceLists& feeds,
                            std::vector<Group>& groups) {
  absl::Status trouble;
  std::vector<SelectionInputs> fed;
  for (const std::size_t selection : part) {
    std::vector<std::size_t> chosen;
    trouble.Update(feed(cycle, selection, feeds, chosen));
    fed.emplace_back(selection, std::move(chosen));
  }
  if (feeds.empty() && !trouble.ok()) return trouble;
  forget_what_went(feeds);
  const bool alike = std::all_of(fed.begin(), fed.end(), [&](const auto& one) { return one.second == fed[0].second; });
  if (timed_.discovery.empty() || alike) groups.push_back({{part.begin(), part.end()}, {}});
  if (alike && feeds.size() == 1) {  // nearly always
    for (const Resource& resource : *feeds[0].found) {
      if (given_up_.count(resource.id) == 0) groups[0].resources.push_back(resource);
    }
  } else {
    divide(fed, feeds, groups);
  }
  return trouble;
}

void Poller::divide(const std::vector<SelectionInputs>& fed, const ResourceLists& feeds,
                    std::vector<Group>& groups) const {
  std::map<std::string, std::vector<std::size_t>> selections_of;  // by resource
  std::map<std::vector<std::size_t>, std::size_t> group_of;       // by selections
  std::vector<const Resource*> order;
  for (const auto& [selection, chosen] : fed) {
    for (const std::size_t at : chosen) {
      for (const Resource& resource : *feeds[at].found) {
        if (given_up_.count(resource.id) != 0) continue;
        std::vector<std::size_t>& selections = selections_of[resource.id];
        if (selections.empty()) order.push_back(&resource);
        if (selections.empty() || selections.back() != selection) selections.push_back(selection);
      }
    }
  }
  const bool one_group = !groups.empty();
  for (const Resource* resource : order) {
    const auto [at, fresh] = group_of.try_emplace(selections_of[resource->id], groups.size());
    if (fresh && !one_group) groups.push_back({at->first, {}});
    groups[one_group ? 0 : at->second].resources.push_back(*resource);
  }
}

void Poller::forget_what_went(const ResourceLists& feeds) {
  if (given_up_.empty()) return;
  for (const ResourceList& feed : feeds) {
    std::set<std::string_view> there;
    for (const Resource& resource : *feed.found) there.insert(resource.id);
    for (auto& [id, named_by] : given_up_) {
      if (there.count(id) == 0) named_by.erase(feed.name);
    }
  }
  std::erase_if(given_up_, [](const auto& one) { return one.second.empty(); });
}

void Poller::judge(std::vector<ResourceFault> faults, const ResourceLists& feeds, std::vector<PollFault>& judged) {
  for (ResourceFault& fault : faults) {
    if (fault.status.code() == kAbsent) continue;  // it vanished between listing and reading
    std::set<std::string> named_by;
    if (fault.status.code() == kPermanent) {
      for (const ResourceList& feed : feeds) {
        if (names(feed.found, fault.resource_id)) named_by.insert(feed.name);
      }
    }
    const bool given_up = !named_by.empty();
    if (given_up) given_up_[fault.resource_id] = std::move(named_by);
    judged.push_back({std::move(fault.resource_id), std::move(fault.status), given_up});
  }
}

}  // namespace tally::plugin
