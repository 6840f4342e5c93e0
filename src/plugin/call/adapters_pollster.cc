// The roles "pollster" and "discovery": C tables as a Sampler and a ResourceFinder.
// Not for timers: see plugin/managers/iterator.h.
#include <tally/abi/pollster.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "plugin/call/adapters.h"
#include "plugin/call/instance.h"

namespace tally::plugin {
namespace {

constexpr std::size_t kMostFaults = 10'000;  // of one poll

using PollGate = Gate<PollResult>;

// A name for people, of whatever bytes a plugin gave.
std::string shown(tally_str name, std::string_view without) {
  return name.data == nullptr || name.size == 0 ? std::string(without) : readable_text(from_c(name).substr(0, 1024));
}

void take_fault(void* context, tally_str resource_id, std::int32_t error_class, tally_str text) {
  PollResult* result = static_cast<PollGate*>(context)->target();
  if (result == nullptr || error_class == TALLY_OK) return;
  try {
    if (result->faults.size() >= kMostFaults) return;
    std::string resource = check_text(resource_id, {"the resource's id", 1, 1024}).ok()
                               ? std::string(from_c(resource_id))
                               : shown(resource_id, "a resource without an id");
    result->faults.push_back({std::move(resource), status_from_c(error_class, from_c(text).substr(0, 2048))});
  } catch (...) {
    return;  // out of memory: the fault is not told, the resource is polled again
  }
}

// Transient: a sample that cannot be taken gives up no resource.
void keep_refusal(const tally_sample* given, const absl::Status& why, PollResult& result) {
  if (result.faults.size() >= kMostFaults) return;
  const bool named = given != nullptr && given->size >= sizeof(tally_sample);
  const std::string text = absl::StrCat("the sample \"", named ? shown(given->name, "") : "",
                                        "\" is left out: ", absl::string_view(why.message()));
  result.faults.push_back({named ? shown(given->resource_id, "no resource") : "no resource", transient(text)});
}

std::int32_t take_polled(void* context, const tally_sample* given, tally_error* error) {
  PollResult* result = static_cast<PollGate*>(context)->target();
  if (result == nullptr) return refuse(outside_call(), error);
  try {
    absl::Status status = too_many_results();
    if (given == nullptr) {
      status = permanent("the sample is null");
    } else if (result->samples.size() < kMostResults) {
      status = append_sample(*given, result->samples);
    }
    if (!status.ok()) keep_refusal(given, status, *result);
    return refuse(status, error);
  } catch (...) {
    return TALLY_TRANSIENT;  // out of memory; no room for words
  }
}

class LoadedPollster final : public Sampler {
 public:
  explicit LoadedPollster(Instance<tally_pollster_table> instance) : instance_(std::move(instance)) {}

  absl::Status poll(const PollRequest& request, PollResult& result) override {
    std::vector<tally_resource> resources;
    resources.reserve(request.resources.size());
    for (const Resource& resource : request.resources) resources.push_back(to_c(resource));
    const tally_resource_faults faults = {sizeof(tally_resource_faults), gate_, &take_fault};
    const tally_poll poll = {
        sizeof(tally_poll),     request.time.us, request.monotonic_ns, resources.data(), resources.size(),
        sizeof(tally_resource), &faults};
    const Opened<PollResult> opened(*gate_, result);
    return instance_.call(&tally_pollster_table::poll, &poll, &emitter_);
  }

 private:
  Instance<tally_pollster_table> instance_;
  PollGate* gate_ = PollGate::make();
  tally_emitter emitter_ = {sizeof(tally_emitter), gate_, &take_polled, nullptr, nullptr, nullptr};
};

struct FoundList {
  std::vector<Resource> resources;
  std::set<std::string> ids;
};
using FoundGate = Gate<FoundList>;

std::int32_t take_resource(void* context, const tally_resource* given, tally_error* error) {
  FoundList* found = static_cast<FoundGate*>(context)->target();
  if (found == nullptr) return refuse(outside_call(), error);
  if (given == nullptr) return refuse(permanent("the resource is null"), error);
  try {
    if (found->resources.size() >= kMostResults) return refuse(too_many_results(), error);
    absl::StatusOr<Resource> resource = resource_from_c(*given);
    if (!resource.ok()) return refuse(resource.status(), error);
    if (!found->ids.insert(resource->id).second) {
      return refuse(permanent(absl::StrCat("the resource \"", resource->id, "\" was found before")), error);
    }
    found->resources.push_back(*std::move(resource));
    return TALLY_OK;
  } catch (...) {
    return TALLY_TRANSIENT;  // out of memory; no room for words
  }
}

class LoadedDiscovery final : public ResourceFinder {
 public:
  explicit LoadedDiscovery(Instance<tally_discovery_table> instance) : instance_(std::move(instance)) {}

  absl::StatusOr<std::vector<Resource>> discover() override {
    FoundList list;
    const tally_found found = {sizeof(tally_found), gate_, &take_resource};
    const Opened<FoundList> opened(*gate_, list);
    absl::Status status = instance_.call(&tally_discovery_table::discover, &found);
    if (!status.ok()) return status;
    return std::move(list.resources);
  }

 private:
  Instance<tally_discovery_table> instance_;
  FoundGate* gate_ = FoundGate::make();
};

}  // namespace

absl::StatusOr<std::unique_ptr<Sampler>> make_pollster(Entry& entry, const PluginSettings& settings) {
  auto instance = Instance<tally_pollster_table>::make(entry, Role::pollster, settings);
  if (!instance.ok()) return instance.status();
  return std::make_unique<LoadedPollster>(*std::move(instance));
}

absl::StatusOr<std::unique_ptr<ResourceFinder>> make_discovery(Entry& entry, const PluginSettings& settings) {
  auto instance = Instance<tally_discovery_table>::make(entry, Role::discovery, settings);
  if (!instance.ok()) return instance.status();
  return std::make_unique<LoadedDiscovery>(*std::move(instance));
}

}  // namespace tally::plugin
