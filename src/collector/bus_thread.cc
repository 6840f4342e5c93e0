#include <utility>
#include <vector>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "collector/threads.h"

namespace tally::collector {
namespace {

constexpr std::uint32_t kServiceMs = 1'000;    // a transport is serviced at least each second
constexpr std::uint32_t kFirstServiceMs = 20;  // so that readiness knows at once whether the bus is there
constexpr std::size_t kMostArriving = 256;     // messages that wait for the end of the call that brought them
constexpr Milliseconds kAwayPause{100};        // a service that fails at once must not spin

// Hands over all messages of one call to the in-flight table together, so that the threads behind it are woken once.
class Arrivals {
 public:
  Arrivals(InFlight& in_flight, const BusPtr& bus) : in_flight_(in_flight), bus_(bus) {}

  // Valid as long as this.
  plugin::ServiceEvents events() {
    plugin::ServiceEvents events;
    events.message = [this](Message message) { take(std::move(message)); };
    events.lane_lost = [this](std::uint64_t lane, std::uint64_t generation) {
      flush();
      in_flight_.lose_lane(bus_, lane, generation);
    };
    events.lane_closing = [this](std::uint64_t lane, std::uint64_t generation, std::int64_t) {
      flush();
      in_flight_.close_lane(bus_, lane, generation);
    };
    events.counted = [this](std::string_view what, std::uint64_t total) { in_flight_.count_bus(bus_, what, total); };
    events.queue = [this](const Queue& queue) { in_flight_.note_queue(bus_, queue); };
    return events;
  }

  void flush() { in_flight_.arrive(bus_, std::exchange(came_, {})); }

 private:
  void take(Message message) {
    came_.push_back(std::move(message));
    if (came_.size() >= kMostArriving) flush();
  }

  InFlight& in_flight_;
  const BusPtr& bus_;
  std::vector<Message> came_;
};

void settle(const BusPtr& bus, plugin::TransportDriver& transport, const std::vector<Settlement>& settlements) {
  if (settlements.empty()) return;
  const absl::Status status = transport.settle(settlements);
  if (!status.ok())  // what it did not take comes again from the bus, and is a duplicate then
    log::once_per("settle " + bus->options.name, log::Level::warning,
                  "bus " + bus->options.name + ": cannot settle " + std::to_string(settlements.size()) +
                      " messages, the bus will give them again: " + std::string(to_std(status.message())));
}

void serve(InFlight& in_flight, const BusPtr& bus, plugin::TransportDriver& transport) {
  Arrivals arrivals(in_flight, bus);
  const plugin::ServiceEvents events = arrivals.events();
  bool stopped = false;
  std::uint32_t wait_ms = kFirstServiceMs;
  while (true) {
    settle(bus, transport, in_flight.take_settlements(bus));
    if (!stopped && in_flight.closing(bus)) {
      if (const absl::Status status = transport.stop(); !status.ok()) in_flight.report_bus(bus, status);
      stopped = true;
    }
    if (stopped && in_flight.idle(bus)) return;
    const absl::Status status = transport.service(stopped ? 0 : in_flight.room(bus), wait_ms, events);
    arrivals.flush();
    wait_ms = kServiceMs;
    in_flight.report_bus(bus, status);
    if (!status.ok() && status.code() != kUnclaimed && status.code() != kPermanent)
      in_flight.pause_bus(bus, kAwayPause);
  }
}

}  // namespace

void run_bus(InFlight& in_flight, const BusPtr& bus) {
  Backoff pauses(kFirstPause, kLastPause);
  while (!in_flight.closing(bus)) {
    auto transport = bus->options.open();
    absl::Status status = transport.status();
    if (status.ok()) status = (*transport)->consume(in_flight.options().window);
    if (!status.ok()) {
      in_flight.report_bus(bus, transient(to_std(status.message())));  // whatever its class: it is tried again
      in_flight.pause_bus(bus, pauses.next());
      continue;
    }
    in_flight.set_transport(bus, transport->get());
    serve(in_flight, bus, **transport);
    in_flight.set_transport(bus, nullptr);
    break;
  }
  in_flight.end_bus(bus);
}

}  // namespace tally::collector
