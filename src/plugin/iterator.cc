#include "plugin/iterator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status.h"

namespace tally::host {

void Iterator::add_discovery(std::string name, std::unique_ptr<Discovery> discovery) {
  discoveries_[std::move(name)] = std::move(discovery);
}

void Iterator::add(Timed pollster, TimePoint start) { pollsters_.push_back({std::move(pollster), start, {}}); }

const Iterator::Found& Iterator::resources_of(const std::string& discovery, Cycle& cycle) {
  const auto known = cycle.find(discovery);
  if (known != cycle.end()) return known->second;
  Found found;
  if (const auto named = discoveries_.find(discovery); named == discoveries_.end()) {
    found.status = absent(absl::StrCat("its discovery \"", discovery, "\" is not on"));
  } else if (absl::StatusOr<std::vector<Resource>> resources = named->second->discover(); resources.ok()) {
    found.resources = *std::move(resources);
  } else {
    found.status = {resources.status().code(),
                    absl::StrCat("discovery \"", discovery, "\": ", resources.status().message())};
  }
  return cycle.emplace(discovery, std::move(found)).first->second;
}

void Iterator::poll(Slot& slot, Time time, Cycle& cycle, const Sink& sink) {
  const Timed& timed = slot.timed;
  if (timed.guard != nullptr && !timed.guard->admit().ok()) return;
  Polled polled{timed.name, time, absl::OkStatus(), {}, {}};
  std::vector<Resource> resources;
  if (!timed.discovery.empty()) {
    const Found& found = resources_of(timed.discovery, cycle);
    if (!found.status.ok()) {
      polled.status = found.status;
      return sink(std::move(polled));
    }
    std::set<std::string> still_given_up;
    for (const Resource& resource : found.resources) {
      if (slot.given_up.contains(resource.id)) {
        still_given_up.insert(resource.id);
      } else {
        resources.push_back(resource);
      }
    }
    slot.given_up = std::move(still_given_up);
  }
  const TimePoint begin = std::chrono::steady_clock::now();
  const std::int64_t monotonic_ns = std::chrono::nanoseconds(begin.time_since_epoch()).count();
  polled.status = timed.pollster->poll({time, monotonic_ns, resources}, polled.result);
  polled.took = std::chrono::steady_clock::now() - begin;
  for (Sample& sample : polled.result.samples) {
    if (!sample.timestamp) sample.timestamp = time;
  }
  for (const ResourceFault& fault : polled.result.faults) {
    if (fault.status.code() == kPermanent) slot.given_up.insert(fault.resource_id);
  }
  sink(std::move(polled));
}

Iterator::TimePoint Iterator::run_due(TimePoint now, Time time, const Sink& sink) {
  Cycle cycle;
  for (Slot& slot : pollsters_) {
    if (slot.due > now) continue;
    const auto interval = std::max(slot.timed.interval, std::chrono::milliseconds(1));
    slot.due += interval * ((now - slot.due) / interval + 1);
    poll(slot, time, cycle, sink);
  }
  return next_due();
}

void Iterator::run_all(Time time, const Sink& sink) {
  Cycle cycle;
  for (Slot& slot : pollsters_) poll(slot, time, cycle, sink);
}

Iterator::TimePoint Iterator::next_due() const {
  TimePoint next = TimePoint::max();
  for (const Slot& slot : pollsters_) next = std::min(next, slot.due);
  return next;
}

}  // namespace tally::host
