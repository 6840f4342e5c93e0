// The in-flight table's snapshot, and the reasons why the collector is not ready.
#include <algorithm>

#include "collector/in_flight.h"

namespace tally::collector {

std::vector<std::string> InFlight::not_ready() const {
  std::vector<std::string> reasons;
  if (state_ != "running") reasons.push_back("the collector is " + state_);
  if (!store_ok_)
    reasons.push_back("store " + options_.store.name + (store_tried_ ? " is away: " : ": ") + store_reason_);
  for (const std::string& loss : losses_)
    reasons.push_back("store " + options_.store.name + " has lost " + loss +
                      ": bring them back or have them read again, then `tally storage acknowledge-loss`");
  for (const BusPtr& bus : buses_) {
    if (bus->state == "away")
      reasons.push_back("bus " + bus->options.name + " is away: " + bus->reason);
    else if (bus->state == "waiting" || bus->state == "degraded")
      reasons.push_back("bus " + bus->options.name + ": " + bus->reason);
  }
  if (buses_.empty() && state_ == "running")
    reasons.push_back("no bus is configured: set the key `listen`, or there is nothing to collect");
  for (const auto& [handler, types] : parked_) {
    std::string list;
    for (const std::string& type : types) list += (list.empty() ? "" : ", ") + type;
    reasons.push_back("messages are parked as dead letters because " + handler + " is not available (" + list +
                      "): mend or disable it, reload, and replay them");
  }
  const auto still = Clock::now() - last_settled_;
  if (!idle_all() && still >= options_.stuck_after) {
    bool is_full = false;
    for (const BusPtr& bus : buses_) is_full = is_full || full(*bus);
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(still).count();
    reasons.push_back("nothing was settled for " + std::to_string(seconds) + " s" +
                      (is_full ? ", and a bus is not read because its window is full" : ""));
  }
  return reasons;
}

namespace {

std::vector<std::string> warnings_of(const Bus& bus) {
  std::vector<std::string> texts;
  for (const auto& [queue, text] : bus.warned) texts.push_back("queue " + queue + ": " + text);
  return texts;
}

std::chrono::duration<double> oldest_of(const Bus& bus, Clock::time_point now) {
  Clock::time_point first = now;
  for (const Delivery* delivery : bus.open) first = std::min(first, delivery->arrived);
  return now - first;
}

}  // namespace

Clock::duration InFlight::silent() const {
  const Lock lock(mutex_);
  const auto now = Clock::now();
  Clock::duration longest{0};
  for (const BusPtr& bus : buses_)
    if (bus->transport != nullptr) longest = std::max(longest, now - bus->served);
  return longest;
}

CollectorStatus InFlight::snapshot() const {
  CollectorStatus status;
  std::function<std::vector<plugin::PluginState>()> plugins;
  {
    const Lock lock(mutex_);
    status.state = state_;
    Books sum;
    const auto now = Clock::now();
    for (const BusPtr& bus : buses_) {
      sum += bus->books;
      const auto same = std::find_if(status.buses.begin(), status.buses.end(),
                                     [&](const BusStatus& other) { return other.name == bus->options.name; });
      if (same == status.buses.end()) {
        status.buses.push_back({bus->options.name, bus->state, bus->reason, bus->books, bus->counts,
                                oldest_of(*bus, now), bus->depths, bus->last_message, warnings_of(*bus)});
        continue;
      }
      same->books += bus->books;  // closed by a reload, and opened again
      for (const auto& [what, total] : bus->counts) same->counts[what] += total;
      same->oldest = std::max(same->oldest, oldest_of(*bus, now));
      same->state = bus->state;
      same->reason = bus->reason;
      same->depths = bus->depths;
      same->warnings = warnings_of(*bus);
      same->last_message = std::max(same->last_message, bus->last_message);
    }
    status.messages = sum.messages;
    status.samples = sum.samples;
    status.not_ready = not_ready();
    status.store = {options_.store.name, store_ok_ ? "connected" : store_tried_ ? "away" : "waiting", store_reason_};
    status.batches = batches_;
    status.batch_messages = batch_messages_;
    status.batch_samples = batch_samples_;
    status.write_time = write_time_;
    status.dead_letters = dead_letters_;
    status.store_failures = store_failures_;
    status.lost_batches = lost_batches_;
    status.copies = copied_;
    plugins = options_.plugins;
  }
  if (plugins) status.plugins = plugins();
  return status;
}

}  // namespace tally::collector
