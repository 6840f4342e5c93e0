// The in-flight table's side towards the buses: what arrives, what is lost, what they are told in return.
// Not for what becomes of a message in between.
#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "collector/in_flight.h"

namespace tally::collector {
namespace {

constexpr std::size_t kMostCounts = 32;    // different things that one transport may count
constexpr std::size_t kMostDepths = 1000;  // queues of one bus whose depth is kept

std::string_view state_of(const absl::Status& status) {
  if (status.ok()) return "connected";
  if (status.code() == kUnclaimed) return "waiting";
  return status.code() == kPermanent ? "degraded" : "away";
}

}  // namespace

BusPtr InFlight::add_bus(BusOptions options) {
  const Lock lock(mutex_);
  buses_.push_back(std::make_shared<Bus>(std::move(options)));
  return buses_.back();
}

void InFlight::close_bus(const BusPtr& bus) {
  const Lock lock(mutex_);
  bus->closing = true;
  if (!bus->ended) bus->state = "closing";
  requeue(bus, true, [](const Delivery& delivery) { return delivery.stage == Stage::held; });
  wake(bus);
  hurry_ = true;
  batch_.notify_all();
  changed_.notify_all();
}

void InFlight::set_transport(const BusPtr& bus, plugin::TransportDriver* transport) {
  const Lock lock(mutex_);
  bus->transport = transport;
  bus->served = Clock::now();
}

void InFlight::report_bus(const BusPtr& bus, const absl::Status& status) {
  std::string line;
  {
    const Lock lock(mutex_);
    bus->served = Clock::now();
    if (bus->ended) return;
    bus->reason = status.ok() ? "" : std::string(status.message());
    if (bus->closing) return;
    const std::string_view state = state_of(status);
    const bool is_fault = state == "away" || state == "degraded";
    if (is_fault && bus->fault_log.due(bus->reason))
      line = "bus " + bus->options.name + (state == "away" ? " is away: " : ": ") + bus->reason;
    if (bus->state != state) {
      bus->state = state;
      if (status.ok()) {
        line = "bus " + bus->options.name + " is connected";
        bus->fault_log.over();
      }
      if (state == "away") {
        bus->depths.clear();
        bus->warned.clear();
      }
      changed_.notify_all();
    }
  }
  if (!line.empty()) log::write(status.ok() ? log::Level::info : log::Level::warning, line);
}

void InFlight::count_bus(const BusPtr& bus, std::string_view what, std::uint64_t total) {
  const Lock lock(mutex_);
  const auto found = bus->counts.find(what);
  if (found != bus->counts.end())
    found->second = total;
  else if (bus->counts.size() < kMostCounts)
    bus->counts.emplace(what, total);
}

void InFlight::note_queue(const BusPtr& bus, const Queue& queue) {
  {
    const Lock lock(mutex_);
    if (queue.state != "present") {
      bus->depths.erase(queue.name);
    } else if (bus->depths.size() < kMostDepths || bus->depths.count(queue.name) != 0) {
      bus->depths[queue.name] = {queue.messages, queue.consumers};
    }
    const auto before = bus->warned.find(queue.name);
    if (queue.warning == (before == bus->warned.end() ? std::string() : before->second)) return;
    if (queue.warning.empty()) {
      bus->warned.erase(before);
    } else if (before != bus->warned.end() || bus->warned.size() < kMostDepths) {
      bus->warned[queue.name] = queue.warning;
    } else {
      return;
    }
  }
  const std::string who = "bus " + bus->options.name + ", queue " + queue.name + ": ";
  if (queue.warning.empty()) {
    log::write(log::Level::info, who + "what was warned of is over");
  } else {
    log::write(log::Level::warning, who + queue.warning);
  }
}

bool InFlight::full(const Bus& bus) const {
  return bus.books.messages.in_flight >= options_.window || bus.open_bytes >= options_.window_bytes;
}

std::uint32_t InFlight::room(const BusPtr& bus) const {
  const Lock lock(mutex_);
  if (bus->closing || full(*bus)) return 0;
  return static_cast<std::uint32_t>(options_.window - bus->books.messages.in_flight);
}

void InFlight::arrive(const BusPtr& bus, std::vector<Message> messages) {
  if (messages.empty()) return;
  std::vector<DeliveryPtr> deliveries;
  deliveries.reserve(messages.size());
  const Time now = Time::now();
  const auto arrived = Clock::now();
  for (Message& message : messages) {
    DeliveryPtr& delivery = deliveries.emplace_back(std::make_shared<Delivery>());
    delivery->bus = bus;
    delivery->id = message.delivery;
    delivery->message = {std::move(message.body), bus->options.name, now};
    delivery->arrived = arrived;
  }
  const Lock lock(mutex_);
  bus->last_message = now;
  if (idle_all()) last_settled_ = arrived;  // the clock of "nothing settles" runs while something waits
  bus->books.messages.received += deliveries.size();
  bus->books.messages.in_flight += deliveries.size();
  const bool first = queued_.empty();
  for (std::size_t i = 0; i < deliveries.size(); ++i) {
    DeliveryPtr& delivery = deliveries[i];
    delivery->copied = !options_.copies.name.empty() && messages[i].topic == options_.copies.topic;
    bus->open.insert(delivery.get());
    bus->open_bytes += delivery->message.body.size();
    queued_.push_back(std::move(delivery));
  }
  if (first || queued_.size() >= kMostWork) work_.notify_one();
}

void InFlight::lose_lane(const BusPtr& bus, std::uint64_t lane, std::uint64_t generation) {
  const Lock lock(mutex_);
  const auto in_lane = [&](const Delivery& delivery) {
    return delivery.id.lane == lane && delivery.id.generation <= generation;
  };
  for (Delivery* delivery : bus->open)
    if (in_lane(*delivery)) delivery->lost = true;
  requeue(bus, true, in_lane);
}

void InFlight::close_lane(const BusPtr& bus, std::uint64_t lane, std::uint64_t generation) {
  const Lock lock(mutex_);
  requeue(bus, true, [&](const Delivery& delivery) {
    return delivery.id.lane == lane && delivery.id.generation <= generation && delivery.stage == Stage::held;
  });
  hurry_ = true;
  batch_.notify_all();
}

void InFlight::lose_all(const BusPtr& bus) {
  const Lock lock(mutex_);
  for (Delivery* delivery : bus->open) delivery->lost = true;
  requeue(bus, true, [](const Delivery&) { return true; });
  bus->outbox.clear();
}

void InFlight::post(const BusPtr& bus, const DeliveryId& id, Settle action) {
  if (bus->ended) return;
  bus->outbox.push_back({id, action});
  if (bus->outbox.size() == 1) wake(bus);
}

void InFlight::wake(const BusPtr& bus) {
  if (bus->transport != nullptr) bus->transport->wake();
}

std::vector<Settlement> InFlight::take_settlements(const BusPtr& bus) {
  const Lock lock(mutex_);
  return std::exchange(bus->outbox, {});
}

bool InFlight::closing(const BusPtr& bus) const {
  const Lock lock(mutex_);
  return bus->closing;
}

bool InFlight::idle(const BusPtr& bus) const {
  const Lock lock(mutex_);
  return bus->open.empty() && bus->outbox.empty();
}

void InFlight::end_bus(const BusPtr& bus) {
  const Lock lock(mutex_);
  bus->transport = nullptr;
  bus->ended = true;
  bus->state = "closed";
  bus->reason.clear();
  bus->outbox.clear();
  bus->depths.clear();
  bus->warned.clear();
  changed_.notify_all();
}

void InFlight::pause_bus(const BusPtr& bus, Milliseconds pause) {
  Lock lock(mutex_);
  const bool before = bus->closing;
  const auto until = Clock::now() + pause;
  changed_.wait_until(lock, until, [&] { return bus->closing != before || !bus->outbox.empty(); });
}

}  // namespace tally::collector
