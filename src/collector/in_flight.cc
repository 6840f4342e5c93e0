// What all sides of the in-flight table share: options and states, waiting for an end, and how a delivery leaves the
// books. Not for one side alone: see desk_bus.cc, desk_work.cc, desk_batch.cc, desk_status.cc.
#include "collector/in_flight.h"

#include <algorithm>
#include <utility>

namespace tally::collector {

InFlight::InFlight(CollectorOptions options) : options_(std::move(options)) {}

CollectorOptions InFlight::options() const {
  const Lock lock(mutex_);
  return options_;
}

void InFlight::apply(const CollectorOptions& options) {
  const Lock lock(mutex_);
  const bool other_store = options.store.fingerprint != options_.store.fingerprint;
  options_ = options;
  parked_.clear();  // someone has decided; what is parked from now on is said again
  parked_messages_ = 0;
  if (other_store) {
    ++store_version_;
    store_ok_ = false;
    store_reason_ = "not opened yet";
    store_tried_ = false;
    store_fault_log_.over();
  }
  batch_.notify_all();
  for (const BusPtr& bus : buses_) wake(bus);
}

void InFlight::set_state(std::string state) {
  const Lock lock(mutex_);
  state_ = std::move(state);
}

void InFlight::close() {
  {
    const Lock lock(mutex_);
    closing_ = true;
    state_ = "stopping";
    batch_.notify_all();
  }
  std::vector<BusPtr> buses;
  {
    const Lock lock(mutex_);
    buses = buses_;
  }
  for (const BusPtr& bus : buses) close_bus(bus);
}

bool InFlight::idle_all() const {
  return std::all_of(buses_.begin(), buses_.end(), [](const BusPtr& bus) { return bus->open.empty(); });
}

std::uint64_t InFlight::received() const {
  std::uint64_t sum = 0;
  for (const BusPtr& bus : buses_) sum += bus->books.messages.received;
  return sum;
}

bool InFlight::wait_idle(Clock::time_point until) const {
  Lock lock(mutex_);
  return changed_.wait_until(lock, until, [&] { return idle_all() && copies_.empty() && copying_ == 0; });
}

bool InFlight::wait_connected(Clock::time_point until) const {
  Lock lock(mutex_);
  return changed_.wait_until(lock, until, [&] {
    return std::all_of(buses_.begin(), buses_.end(), [](const BusPtr& bus) { return bus->state == "connected"; });
  });
}

bool InFlight::wait_settled(std::uint64_t count, Clock::time_point until) const {
  Lock lock(mutex_);
  return changed_.wait_until(lock, until, [&] { return idle_all() && received() >= count; });
}

void InFlight::quit() {
  const Lock lock(mutex_);
  quit_ = true;
  work_.notify_all();
  copy_.notify_all();
  batch_.notify_all();
}

bool InFlight::quitting() const {
  const Lock lock(mutex_);
  return quit_;
}

void InFlight::return_all() {
  const Lock lock(mutex_);
  for (const BusPtr& bus : buses_) requeue(bus, false, [](const Delivery&) { return true; });
  for (const BusPtr& bus : buses_) wake(bus);
}

// Takes a delivery out of flight; the caller has counted its outcome.
void InFlight::close_books(Delivery& delivery, Clock::time_point now) {
  Bus& bus = *delivery.bus;
  --bus.books.messages.in_flight;
  bus.books.samples.in_flight -= delivery.made;
  bus.open.erase(&delivery);
  bus.open_bytes -= delivery.message.body.size();
  if (delivery.stage == Stage::pending) pending_samples_ -= delivery.made;
  delivery.stage = Stage::settled;
  last_settled_ = now;
  changed_.notify_all();
}

// REQUIRES: the lock, and that no thread works on it. Containers that still hold it pass over what is settled.
void InFlight::requeue(Delivery& delivery, Clock::time_point now) {
  ++delivery.bus->books.messages.returned;
  delivery.bus->books.samples.returned += delivery.made;
  if (!delivery.lost) post(delivery.bus, delivery.id, Settle::requeue);
  close_books(delivery, now);
}

void InFlight::requeue(const BusPtr& bus, bool waiting_only, const std::function<bool(const Delivery&)>& which) {
  std::vector<Delivery*> chosen;
  for (Delivery* delivery : bus->open) {
    const bool waits = delivery->stage != Stage::working && delivery->stage != Stage::writing;
    if ((waits || !waiting_only) && which(*delivery)) chosen.push_back(delivery);
  }
  const auto now = Clock::now();
  for (Delivery* delivery : chosen) requeue(*delivery, now);
  const auto settled = [](const DeliveryPtr& delivery) { return delivery->stage == Stage::settled; };
  std::erase_if(queued_, settled);
  std::erase_if(pending_, settled);
  std::erase_if(held_, [](const auto& held) { return held.second->stage == Stage::settled; });
}

}  // namespace tally::collector
