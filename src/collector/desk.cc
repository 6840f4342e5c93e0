#include "collector/desk.h"

#include <algorithm>
#include <utility>

#include "core/log.h"
#include "core/strings.h"

namespace tally::collector {
namespace {

constexpr std::size_t kMostParkedTypes = 100;  // named in readiness; what is beyond is only counted

std::string text_of(const absl::Status& status) { return std::string(to_std(status.message())); }

}  // namespace

Desk::Desk(CollectorOptions options) : options_(std::move(options)) {}

// --- buses ----------------------------------------------------------------------------------------------------------

BusPtr Desk::add_bus(BusOptions options) {
  const Lock lock(mutex_);
  buses_.push_back(std::make_shared<Bus>(std::move(options)));
  return buses_.back();
}

void Desk::close_bus(const BusPtr& bus) {
  const Lock lock(mutex_);
  bus->closing = true;
  if (!bus->ended) bus->state = "closing";
  give_back(bus, true, [](const Delivery& delivery) { return delivery.stage == Stage::held; });
  wake(bus);
  hurry_ = true;
  batch_.notify_all();
  changed_.notify_all();
}

void Desk::set_transport(const BusPtr& bus, host::Transport* transport) {
  const Lock lock(mutex_);
  bus->transport = transport;
}

void Desk::report_bus(const BusPtr& bus, const absl::Status& status) {
  std::string line;
  {
    const Lock lock(mutex_);
    if (bus->ended) return;
    const std::string before = bus->state;
    bus->reason = status.ok() ? "" : text_of(status);
    if (!bus->closing) bus->state = status.ok() ? "connected" : "away";
    if (bus->state != before) {
      line = "bus " + bus->options.name + " is " + bus->state;
      changed_.notify_all();
    }
    if (!line.empty() && !status.ok()) line += ": " + bus->reason;
  }
  if (!line.empty()) log::write(status.ok() ? log::Level::info : log::Level::warning, line);
}

bool Desk::full(const Bus& bus) const {
  return bus.books.messages.in_flight >= options_.window || bus.open_bytes >= options_.window_bytes;
}

std::uint32_t Desk::room(const BusPtr& bus) const {
  const Lock lock(mutex_);
  if (bus->closing || full(*bus)) return 0;
  return static_cast<std::uint32_t>(options_.window - bus->books.messages.in_flight);
}

void Desk::arrive(const BusPtr& bus, host::Message message) {
  auto delivery = std::make_shared<Delivery>();
  delivery->bus = bus;
  delivery->id = message.delivery;
  delivery->message = {std::move(message.body), bus->options.name, Time::now()};
  const Lock lock(mutex_);
  if (idle_all()) last_settled_ = Clock::now();  // the clock of "nothing settles" runs while something waits
  ++bus->books.messages.received;
  ++bus->books.messages.in_flight;
  bus->open.insert(delivery.get());
  bus->open_bytes += delivery->message.body.size();
  queued_.push_back(std::move(delivery));
  work_.notify_one();
}

// Takes a delivery out of flight; the caller has counted its outcome.
void Desk::close_books(Delivery& delivery) {
  Bus& bus = *delivery.bus;
  --bus.books.messages.in_flight;
  bus.books.samples.in_flight -= delivery.made;
  bus.open.erase(&delivery);
  bus.open_bytes -= delivery.message.body.size();
  if (delivery.stage == Stage::pending) pending_samples_ -= delivery.made;
  delivery.stage = Stage::settled;
  last_settled_ = Clock::now();
  changed_.notify_all();
}

// REQUIRES: the lock, and that no thread works on it. Containers that still hold it pass over what is settled.
void Desk::give_back(Delivery& delivery) {
  ++delivery.bus->books.messages.returned;
  delivery.bus->books.samples.returned += delivery.made;
  if (!delivery.lost) post(delivery.bus, delivery.id, host::Settle::requeue);
  close_books(delivery);
}

void Desk::give_back(const BusPtr& bus, bool waiting_only, const std::function<bool(const Delivery&)>& which) {
  std::vector<Delivery*> chosen;
  for (Delivery* delivery : bus->open) {
    const bool waits = delivery->stage != Stage::working && delivery->stage != Stage::writing;
    if ((waits || !waiting_only) && which(*delivery)) chosen.push_back(delivery);
  }
  for (Delivery* delivery : chosen) give_back(*delivery);
  const auto settled = [](const DeliveryPtr& delivery) { return delivery->stage == Stage::settled; };
  std::erase_if(queued_, settled);
  std::erase_if(pending_, settled);
  std::erase_if(held_, [](const auto& held) { return held.second->stage == Stage::settled; });
}

void Desk::lose_lane(const BusPtr& bus, std::uint64_t lane, std::uint64_t generation) {
  const Lock lock(mutex_);
  const auto in_lane = [&](const Delivery& delivery) {
    return delivery.id.lane == lane && delivery.id.generation <= generation;
  };
  for (Delivery* delivery : bus->open)
    if (in_lane(*delivery)) delivery->lost = true;
  give_back(bus, true, in_lane);
}

void Desk::close_lane(const BusPtr& bus, std::uint64_t lane, std::uint64_t generation) {
  const Lock lock(mutex_);
  give_back(bus, true, [&](const Delivery& delivery) {
    return delivery.id.lane == lane && delivery.id.generation <= generation && delivery.stage == Stage::held;
  });
  hurry_ = true;
  batch_.notify_all();
}

void Desk::lose_all(const BusPtr& bus) {
  const Lock lock(mutex_);
  for (Delivery* delivery : bus->open) delivery->lost = true;
  give_back(bus, true, [](const Delivery&) { return true; });
  bus->outbox.clear();
}

void Desk::post(const BusPtr& bus, const host::DeliveryId& id, host::Settle action) {
  if (bus->ended) return;
  bus->outbox.push_back({id, action});
  if (bus->outbox.size() == 1) wake(bus);
}

void Desk::wake(const BusPtr& bus) {
  if (bus->transport != nullptr) bus->transport->wake();
}

std::vector<host::Settlement> Desk::take_settlements(const BusPtr& bus) {
  const Lock lock(mutex_);
  return std::exchange(bus->outbox, {});
}

bool Desk::closing(const BusPtr& bus) const {
  const Lock lock(mutex_);
  return bus->closing;
}

bool Desk::idle(const BusPtr& bus) const {
  const Lock lock(mutex_);
  return bus->open.empty() && bus->outbox.empty();
}

void Desk::end_bus(const BusPtr& bus) {
  const Lock lock(mutex_);
  bus->transport = nullptr;
  bus->ended = true;
  bus->state = "closed";
  bus->reason.clear();
  bus->outbox.clear();
  changed_.notify_all();
}

void Desk::pause_bus(const BusPtr& bus, Milliseconds pause) {
  Lock lock(mutex_);
  const bool before = bus->closing;
  const auto until = Clock::now() + pause;
  changed_.wait_until(lock, until, [&] { return bus->closing != before || !bus->outbox.empty(); });
}

// --- workers --------------------------------------------------------------------------------------------------------

std::vector<DeliveryPtr> Desk::take_work(std::size_t most, std::uint64_t generation) {
  Lock lock(mutex_);
  while (!quit_ && generation == generation_) {
    const auto now = Clock::now();
    std::vector<DeliveryPtr> taken;
    while (taken.size() < most && !held_.empty() && held_.begin()->first <= now) {
      taken.push_back(held_.begin()->second);
      held_.erase(held_.begin());
    }
    while (taken.size() < most && !queued_.empty()) {
      taken.push_back(std::move(queued_.front()));
      queued_.pop_front();
    }
    for (const DeliveryPtr& delivery : taken) delivery->stage = Stage::working;
    working_ += taken.size();
    if (!taken.empty()) return taken;
    if (held_.empty())
      work_.wait(lock);
    else
      work_.wait_until(lock, Clock::time_point(held_.begin()->first));
  }
  return {};
}

void Desk::done_work(std::vector<DeliveryPtr> deliveries) {
  const Lock lock(mutex_);
  for (DeliveryPtr& delivery : deliveries) {
    --working_;
    for (const std::string& name : delivery->processed.parked) {
      std::set<std::string>& types = parked_[name];
      if (types.size() < kMostParkedTypes) types.insert(delivery->processed.event_type);
    }
    if (!delivery->processed.parked.empty()) ++parked_messages_;
    if (delivery->lost)
      give_back(*delivery);
    else if (delivery->processed.again)
      hold_or_kill(delivery);
    else
      make_pending(delivery);
  }
  batch_.notify_one();
}

void Desk::undo_work(std::vector<DeliveryPtr> deliveries) {
  const Lock lock(mutex_);
  std::reverse(deliveries.begin(), deliveries.end());
  for (DeliveryPtr& delivery : deliveries) {
    --working_;
    delivery->stage = Stage::queued;
    if (delivery->lost)
      give_back(*delivery);
    else
      queued_.push_front(std::move(delivery));
  }
  work_.notify_all();
}

void Desk::hold_or_kill(const DeliveryPtr& delivery) {
  const auto now = Clock::now();
  if (delivery->tries++ == 0) delivery->first_try = now;
  if (closing_ || delivery->bus->closing) return give_back(*delivery);
  const Processed& processed = delivery->processed;
  if (delivery->tries < options_.again_tries && now - delivery->first_try < options_.again_time) {
    const unsigned doublings = std::min(delivery->tries - 1, 10U);
    const Milliseconds pause = std::min(options_.again_first * (1U << doublings), Milliseconds(60'000));
    delivery->due = now + pause;
    delivery->stage = Stage::held;
    held_.emplace(delivery->due, delivery);
    work_.notify_one();
    return;
  }
  delivery->processed.dead_message =
      dead_message(delivery->message, processed, "again limit",
                   processed.again_handler + " asked " + std::to_string(delivery->tries) +
                       " times to try again; the last time: " + processed.again_why,
                   processed.again_handler);
  make_pending(delivery);
}

void Desk::make_pending(const DeliveryPtr& delivery) {
  delivery->made = delivery->processed.made;
  delivery->bus->books.samples.made += delivery->made;
  delivery->bus->books.samples.in_flight += delivery->made;
  delivery->stage = Stage::pending;
  if (pending_.empty()) pending_since_ = Clock::now();
  pending_samples_ += delivery->made;
  pending_.push_back(delivery);
}

std::uint64_t Desk::generation() const {
  const Lock lock(mutex_);
  return generation_;
}

void Desk::next_generation() {
  const Lock lock(mutex_);
  ++generation_;
  work_.notify_all();
}

void Desk::pause_worker(Milliseconds pause) {
  Lock lock(mutex_);
  work_.wait_until(lock, Clock::now() + pause, [&] { return quit_; });
}

// --- writer ---------------------------------------------------------------------------------------------------------

// When the pending messages are to be written; none: nothing is pending.
std::optional<Clock::time_point> Desk::batch_due() const {
  if (pending_.empty()) return std::nullopt;
  const bool enough = pending_samples_ >= options_.batch_samples || pending_.size() >= options_.batch_samples;
  // A full window with nothing left to work on gains nothing by waiting.
  const bool stalled = queued_.empty() && working_ == 0 &&
                       std::any_of(buses_.begin(), buses_.end(), [&](const BusPtr& bus) { return full(*bus); });
  if (enough || stalled || hurry_ || closing_) return Clock::time_point::min();
  return pending_since_ + options_.batch_age;
}

std::vector<DeliveryPtr> Desk::take_batch(Clock::time_point until, std::uint64_t store_version) {
  Lock lock(mutex_);
  while (!quit_ && store_version == store_version_) {
    const auto now = Clock::now();
    const auto due = batch_due();
    if (due && *due <= now) break;
    if (until <= now) return {};
    batch_.wait_until(lock, due ? std::min(*due, until) : until);
  }
  if (quit_ || store_version != store_version_) return {};
  std::vector<DeliveryPtr> batch;
  std::uint64_t samples = 0;
  while (!pending_.empty() && batch.size() < options_.batch_samples && samples < options_.batch_samples) {
    DeliveryPtr delivery = std::move(pending_.front());
    pending_.pop_front();
    pending_samples_ -= delivery->made;
    samples += delivery->made;
    delivery->stage = Stage::writing;
    batch.push_back(std::move(delivery));
  }
  pending_since_ = Clock::now();
  if (pending_.empty()) hurry_ = false;
  return batch;
}

void Desk::commit(const std::vector<DeliveryPtr>& batch, const std::vector<Fate>& fates) {
  const Lock lock(mutex_);
  ++batches_;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    Delivery& delivery = *batch[i];
    const Fate& fate = fates[i];
    MessageBooks& messages = delivery.bus->books.messages;
    switch (fate.outcome) {
      case Outcome::stored:
        ++messages.stored;
        break;
      case Outcome::duplicate:
        ++messages.duplicate;
        break;
      case Outcome::dead:
        ++messages.dead;
        break;
      case Outcome::filtered:
        ++messages.filtered;
        break;
    }
    SampleBooks& samples = delivery.bus->books.samples;
    samples.stored += fate.stored;
    samples.duplicate += fate.duplicate;
    samples.conflict += fate.conflict;
    samples.dead += fate.dead;
    samples.filtered += fate.filtered;
    if (!delivery.lost) post(delivery.bus, delivery.id, host::Settle::acknowledge);
    close_books(delivery);
  }
}

void Desk::return_batch(const std::vector<DeliveryPtr>& batch) {
  const Lock lock(mutex_);
  for (const DeliveryPtr& delivery : batch) give_back(*delivery);
}

void Desk::report_store(const absl::Status& status, bool attempt) {
  std::string line;
  {
    const Lock lock(mutex_);
    if (!status.ok() && attempt) ++store_failures_;
    if (status.ok() != store_ok_ || (!status.ok() && store_reason_ != text_of(status)))
      line = "store " + options_.store.name + (status.ok() ? " is there" : " failed, tried again: " + text_of(status));
    store_ok_ = status.ok();
    store_reason_ = status.ok() ? "" : text_of(status);
  }
  if (!line.empty()) log::write(status.ok() ? log::Level::info : log::Level::warning, line);
}

bool Desk::pause_writer(Milliseconds pause, std::uint64_t store_version) {
  Lock lock(mutex_);
  const auto until = Clock::now() + pause;
  batch_.wait_until(lock, until, [&] { return quit_ || store_version != store_version_; });
  return !quit_;
}

std::uint64_t Desk::store_version() const {
  const Lock lock(mutex_);
  return store_version_;
}

StoreOptions Desk::store() const {
  const Lock lock(mutex_);
  return options_.store;
}

// --- all ------------------------------------------------------------------------------------------------------------

CollectorOptions Desk::options() const {
  const Lock lock(mutex_);
  return options_;
}

void Desk::apply(const CollectorOptions& options) {
  const Lock lock(mutex_);
  const bool other_store = options.store.fingerprint != options_.store.fingerprint;
  options_ = options;
  parked_.clear();  // someone has decided; what is parked from now on is said anew
  parked_messages_ = 0;
  if (other_store) {
    ++store_version_;
    store_ok_ = false;
    store_reason_ = "not opened yet";
  }
  batch_.notify_all();
  for (const BusPtr& bus : buses_) wake(bus);
}

void Desk::set_state(std::string state) {
  const Lock lock(mutex_);
  state_ = std::move(state);
}

void Desk::close() {
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

bool Desk::idle_all() const {
  return std::all_of(buses_.begin(), buses_.end(), [](const BusPtr& bus) { return bus->open.empty(); });
}

std::uint64_t Desk::received() const {
  std::uint64_t sum = 0;
  for (const BusPtr& bus : buses_) sum += bus->books.messages.received;
  return sum;
}

bool Desk::wait_idle(Clock::time_point until) const {
  Lock lock(mutex_);
  return changed_.wait_until(lock, until, [&] { return idle_all(); });
}

bool Desk::wait_connected(Clock::time_point until) const {
  Lock lock(mutex_);
  return changed_.wait_until(lock, until, [&] {
    return std::all_of(buses_.begin(), buses_.end(), [](const BusPtr& bus) { return bus->state == "connected"; });
  });
}

bool Desk::wait_settled(std::uint64_t count, Clock::time_point until) const {
  Lock lock(mutex_);
  return changed_.wait_until(lock, until, [&] { return idle_all() && received() >= count; });
}

void Desk::quit() {
  const Lock lock(mutex_);
  quit_ = true;
  work_.notify_all();
  batch_.notify_all();
}

bool Desk::quitting() const {
  const Lock lock(mutex_);
  return quit_;
}

void Desk::return_all() {
  const Lock lock(mutex_);
  for (const BusPtr& bus : buses_) give_back(bus, false, [](const Delivery&) { return true; });
  for (const BusPtr& bus : buses_) wake(bus);
}

}  // namespace tally::collector
