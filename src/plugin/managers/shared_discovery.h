// Asks each discovery once a cycle and lets all pollsters of that cycle have the answer.
// Not for deciding which resources a pollster skips.
#ifndef TALLY_PLUGIN_MANAGERS_SHARED_DISCOVERY_H
#define TALLY_PLUGIN_MANAGERS_SHARED_DISCOVERY_H

#include <tally/model/time.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/status.h"
#include "plugin/roles.h"

namespace tally::plugin {

// One discovery as pollsters name it, and how to make it.
struct DiscoverySource {
  std::string name;
  std::function<absl::StatusOr<std::unique_ptr<ResourceFinder>>()> make;
};

// Any thread; pollsters that need a discovery which is at work wait for it, others do not.
class SharedDiscovery {
 public:
  using Found = std::shared_ptr<const std::vector<Resource>>;

  explicit SharedDiscovery(std::vector<DiscoverySource> sources) {
    for (DiscoverySource& source : sources) {
      std::string name = source.name;
      auto slot = std::make_unique<Slot>();
      slot->source = std::move(source);
      slots_.emplace(std::move(name), std::move(slot));
    }
  }

  // What there is to measure in the cycle of `cycle`; an older answer is not good enough, a newer one is, unless it is
  // so much newer that the clock was set back.
  absl::StatusOr<Found> resources(const std::string& name, Time cycle) {
    const auto at = slots_.find(name);
    if (at == slots_.end()) return absent("the discovery \"" + name + "\" is not installed, or off");
    Slot& slot = *at->second;
    const std::lock_guard lock(slot.mutex);
    if (slot.asked && slot.cycle >= cycle && slot.cycle.us - cycle.us < 60'000'000) return slot.answer;
    slot.answer = ask(slot);
    slot.asked = true;
    slot.cycle = cycle;
    return slot.answer;
  }

 private:
  struct Slot {
    DiscoverySource source;
    std::mutex mutex;
    std::unique_ptr<ResourceFinder> discovery;
    bool asked = false;
    Time cycle{};
    absl::StatusOr<Found> answer = Found();
  };

  static absl::StatusOr<Found> ask(Slot& slot) {
    if (!slot.discovery) {
      absl::StatusOr<std::unique_ptr<ResourceFinder>> made = slot.source.make();
      if (!made.ok()) return made.status();
      slot.discovery = std::move(*made);
    }
    absl::StatusOr<std::vector<Resource>> found = slot.discovery->discover();
    if (!found.ok()) {
      return absl::Status(found.status().code(),
                          "discovery:" + slot.source.name + ": " + std::string(found.status().message()));
    }
    return std::make_shared<const std::vector<Resource>>(std::move(*found));
  }

  std::map<std::string, std::unique_ptr<Slot>> slots_;
};

}  // namespace tally::plugin

#endif
