// The role "transport": a C table as a TransportDriver.
// Not for reconnecting or retrying: the plugin does the one, the caller the other.
#include <tally/abi/transport.h>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "plugin/call/adapters.h"
#include "plugin/call/instance.h"

namespace tally::plugin {
namespace {

constexpr std::size_t kMostCountName = 64;

// What one service() call tells, and whether it kept its promises.
struct Telling {
  const ServiceEvents& events;
  std::uint32_t left;  // messages that may still come
  absl::Status fault;
};
using TellingGate = Gate<Telling>;

constexpr std::size_t kLongestMessage = std::size_t{256} << 20U;
constexpr std::size_t kLongestTopic = 64 << 10U;
constexpr std::size_t kMostQueues = 100'000;

void take_message(void* context, const tally_message* given) {
  Telling* telling = static_cast<TellingGate*>(context)->target();
  if (telling == nullptr || given == nullptr) return;
  try {
    if (given->size < sizeof(tally_message)) {
      telling->fault = absl::InternalError(absl::StrCat("the plugin's message struct has ", given->size,
                                                        " bytes, version 1 has ", sizeof(tally_message)));
      return;
    }
    if (given->body.size > kLongestMessage || given->topic.size > kLongestTopic) {
      telling->fault = absl::InternalError(
          absl::StrCat("the plugin's message has ", given->body.size, " bytes, its topic ", given->topic.size));
      return;
    }
    if (telling->left == 0) telling->fault = absl::InternalError("the plugin handed over more messages than asked for");
    if (telling->left > 0) --telling->left;
    if (!telling->events.message) return;
    telling->events.message(from_c(*given).copy());
  } catch (...) {
    // Never settled, so that the bus gives it again.
    telling->fault = transient("out of memory while a message was taken");
  }
}

void take_lost(void* context, std::uint64_t lane, std::uint64_t generation) {
  Telling* telling = static_cast<TellingGate*>(context)->target();
  if (telling != nullptr && telling->events.lane_lost) telling->events.lane_lost(lane, generation);
}

void take_closing(void* context, std::uint64_t lane, std::uint64_t generation, std::int64_t deadline_ms) {
  Telling* telling = static_cast<TellingGate*>(context)->target();
  if (telling != nullptr && telling->events.lane_closing) telling->events.lane_closing(lane, generation, deadline_ms);
}

void take_count(void* context, tally_str what, std::uint64_t total) {
  Telling* telling = static_cast<TellingGate*>(context)->target();
  if (telling == nullptr || !telling->events.counted) return;
  const std::string_view name = from_c(what);
  const bool fits = !name.empty() && name.size() <= kMostCountName &&
                    name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
  if (!fits) {
    telling->fault = absl::InternalError("the plugin counts something whose name is none (a-z, 0-9, _, at most 64)");
    return;
  }
  try {
    telling->events.counted(name, total);
  } catch (...) {
    telling->fault = transient("out of memory while a count was taken");
  }
}

// Tells `sink` of a queue; an error: the plugin broke its promises, or there is no memory.
absl::Status tell_queue(const tally_queue& given, const TakeQueue& sink) {
  if (given.size < sizeof(tally_queue)) return absl::InternalError("the plugin's queue struct is too short");
  absl::Status status = check_text(given.name, {"a queue's name", 1, 4096});
  if (status.ok()) status = check_text(given.state, {"a queue's state", 1, 64});
  if (status.ok() && given.warning.data != nullptr) status = check_text(given.warning, {"a queue's warning", 0, 4096});
  if (!status.ok()) return absl::InternalError(std::string(status.message()));
  try {
    sink(from_c(given).copy());
  } catch (...) {
    return transient("out of memory while queues were taken");
  }
  return absl::OkStatus();
}

void take_depth(void* context, const tally_queue* given) {
  Telling* telling = static_cast<TellingGate*>(context)->target();
  if (telling == nullptr || given == nullptr || !telling->events.queue) return;
  absl::Status status = tell_queue(*given, telling->events.queue);
  if (!status.ok()) telling->fault = std::move(status);
}

// What inspect() or unsubscribe() tells.
struct Listing {
  const TakeQueue& sink;
  std::size_t count = 0;
  absl::Status fault;
};
using ListingGate = Gate<Listing>;

void take_queue(void* context, const tally_queue* given) {
  Listing* listing = static_cast<ListingGate*>(context)->target();
  if (listing == nullptr || given == nullptr || !listing->fault.ok()) return;
  if (++listing->count > kMostQueues) {
    listing->fault = absl::InternalError("the plugin tells more than 100000 queues");
    return;
  }
  listing->fault = tell_queue(*given, listing->sink);
}

// What rewind() tells.
struct Rewinding {
  const TakeRewound& sink;
  std::size_t count = 0;
  absl::Status fault;
};
using RewindingGate = Gate<Rewinding>;

absl::Status tell_rewound(const tally_rewound& given, const TakeRewound& sink) {
  if (given.size < sizeof(tally_rewound)) return absl::InternalError("the plugin's struct of a rewind is too short");
  absl::Status status = check_text(given.name, {"a queue's name", 1, 4096});
  if (status.ok()) status = check_text(given.state, {"a queue's state", 1, 64});
  if (status.ok() && given.warning.data != nullptr) status = check_text(given.warning, {"a queue's warning", 0, 4096});
  if (!status.ok()) return absl::InternalError(std::string(status.message()));
  try {
    sink(from_c(given).copy());
  } catch (...) {
    return transient("out of memory while a rewind was told");
  }
  return absl::OkStatus();
}

void take_rewound(void* context, const tally_rewound* given) {
  Rewinding* rewinding = static_cast<RewindingGate*>(context)->target();
  if (rewinding == nullptr || given == nullptr || !rewinding->fault.ok()) return;
  if (++rewinding->count > kMostQueues) {
    rewinding->fault = absl::InternalError("the plugin tells of more than 100000 queues");
    return;
  }
  rewinding->fault = tell_rewound(*given, rewinding->sink);
}

class LoadedTransport final : public TransportDriver {
 public:
  explicit LoadedTransport(Instance<tally_transport_table> instance) : instance_(std::move(instance)) {}

  absl::Status consume(std::uint32_t prefetch) override {
    return instance_.call(&tally_transport_table::consume, prefetch);
  }

  absl::Status service(std::uint32_t max_messages, std::uint32_t timeout_ms, const ServiceEvents& events) override {
    Telling telling{events, max_messages, absl::OkStatus()};
    const tally_transport_events taker = {
        sizeof(tally_transport_events), gate_, &take_message, &take_lost, &take_closing, &take_count, &take_depth};
    const Opened<Telling> opened(*gate_, telling);
    absl::Status status = instance_.call<true>(&tally_transport_table::service, max_messages, timeout_ms, &taker);
    return status.ok() ? telling.fault : status;
  }

  absl::Status settle(std::span<const Settlement> settlements) override {
    std::vector<tally_settlement> list;
    list.reserve(settlements.size());
    for (const Settlement& one : settlements) list.push_back(to_c(one));
    return instance_.call(&tally_transport_table::settle, list.data(), list.size());
  }

  absl::StatusOr<std::vector<absl::Status>> publish(std::span<const Outgoing> messages,
                                                    std::uint32_t timeout_ms) override {
    const OutgoingInC list(messages);
    // What a plugin leaves out is not known, so that it is sent again.
    std::vector<std::int32_t> results(messages.size(), TALLY_TRANSIENT);
    absl::Status status = instance_.call(&tally_transport_table::publish, list.get().data(), list.get().size(),
                                         sizeof(tally_outgoing), timeout_ms, results.data());
    if (!status.ok()) return status;
    std::vector<absl::Status> statuses;
    statuses.reserve(results.size());
    for (const std::int32_t result : results) {
      if (result == TALLY_OK) {
        statuses.push_back(absl::OkStatus());
      } else if (result == TALLY_PERMANENT) {
        statuses.push_back(permanent("refused by the bus"));
      } else {
        statuses.push_back(transient("not confirmed by the bus"));
      }
    }
    return statuses;
  }

  void wake() override { instance_.tell(&tally_transport_table::wake); }

  absl::Status stop() override { return instance_.call(&tally_transport_table::stop); }

  absl::Status inspect(std::uint32_t timeout_ms, const TakeQueue& queues) override {
    if (!instance_.offers(&tally_transport_table::inspect)) return TransportDriver::inspect(timeout_ms, queues);
    return list(&tally_transport_table::inspect, timeout_ms, queues);
  }

  absl::Status unsubscribe(std::uint32_t timeout_ms, const TakeQueue& queues) override {
    if (!instance_.offers(&tally_transport_table::unsubscribe)) return TransportDriver::unsubscribe(timeout_ms, queues);
    return list(&tally_transport_table::unsubscribe, timeout_ms, queues);
  }

  absl::Status rewind(Time to, bool dry_run, std::uint32_t timeout_ms, const TakeRewound& rewinds) override {
    if (!instance_.offers(&tally_transport_table::rewind))
      return TransportDriver::rewind(to, dry_run, timeout_ms, rewinds);
    Rewinding rewinding{rewinds, 0, absl::OkStatus()};
    const tally_rewinds taker = {sizeof(tally_rewinds), rewinding_gate_, &take_rewound};
    const Opened<Rewinding> opened(*rewinding_gate_, rewinding);
    absl::Status status = instance_.call(&tally_transport_table::rewind, to.us, dry_run ? 1U : 0U, timeout_ms, &taker);
    return status.ok() ? rewinding.fault : status;
  }

 private:
  using Lister = std::int32_t (*tally_transport_table::*)(void*, std::uint32_t, const tally_queues*, tally_error*);

  absl::Status list(Lister function, std::uint32_t timeout_ms, const TakeQueue& queues) {
    Listing listing{queues, 0, absl::OkStatus()};
    const tally_queues taker = {sizeof(tally_queues), listing_gate_, &take_queue};
    const Opened<Listing> opened(*listing_gate_, listing);
    absl::Status status = instance_.call(function, timeout_ms, &taker);
    return status.ok() ? listing.fault : status;
  }

  Instance<tally_transport_table> instance_;
  TellingGate* gate_ = TellingGate::make();
  ListingGate* listing_gate_ = ListingGate::make();
  RewindingGate* rewinding_gate_ = RewindingGate::make();
};

}  // namespace

absl::StatusOr<std::unique_ptr<TransportDriver>> make_transport(Entry& entry, const PluginSettings& settings) {
  auto instance = Instance<tally_transport_table>::make(entry, Role::transport, settings);
  if (!instance.ok()) return instance.status();
  return std::make_unique<LoadedTransport>(*std::move(instance));
}

}  // namespace tally::plugin
