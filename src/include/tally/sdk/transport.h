// Role "transport": brings messages from a bus, gives back what became of each, and publishes with confirmation.
// Not for reading what is in a message. The whole contract of each call stands in tally/abi/transport.h; here it is
// said again in C++ types.
#ifndef TALLY_SDK_TRANSPORT_H
#define TALLY_SDK_TRANSPORT_H

#include <tally/abi/transport.h>
#include <tally/model/transport.h>
#include <tally/sdk/boundary.h>
#include <tally/sdk/convert_transport.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace tally {

// What `service` tells. Valid during `service`, on its thread.
class TransportEvents {
 public:
  explicit TransportEvents(const tally_transport_events& events) : events_(events) {}

  // The views need to live for this call alone.
  void message(const MessageView& message) const {
    const tally_message out = to_c(message);
    events_.message(events_.context, &out);
  }

  // All deliveries of the lane up to this generation are void: the bus will give them again.
  void lane_lost(std::uint64_t lane, std::uint64_t generation) const {
    events_.lane_lost(events_.context, lane, generation);
  }

  // The lane is to be given up: the host settles what it can within this time.
  void lane_closing(std::uint64_t lane, std::uint64_t generation, std::int64_t deadline_ms) const {
    events_.lane_closing(events_.context, lane, generation, deadline_ms);
  }

  // A total counted since this instance was made, for the host's metrics: "refused", "damaged". Small letters, digits,
  // underscores; say it again whenever it has grown.
  void counted(std::string_view what, std::uint64_t total) const {
    events_.counted(events_.context, to_c(what), total);
  }

  // How a queue that is consumed stands, for the host's metrics; tell it again at each look. One whose state is not
  // "present" is forgotten, and all of them are when the bus goes away.
  void queue(const QueueView& queue) const {
    const tally_queue out = to_c(queue);
    events_.queue(events_.context, &out);
  }

 private:
  const tally_transport_events& events_;
};

// Takes queues, during the call.
class QueueSink {
 public:
  explicit QueueSink(const tally_queues& queues) : queues_(queues) {}

  void operator()(const QueueView& queue) const {
    const tally_queue out = to_c(queue);
    queues_.queue(queues_.context, &out);
  }

 private:
  const tally_queues& queues_;
};

// Takes queues that are set back, during the call.
class RewindSink {
 public:
  explicit RewindSink(const tally_rewinds& rewinds) : rewinds_(rewinds) {}

  void operator()(const RewoundView& rewound) const {
    const tally_rewound out = to_c(rewound);
    rewinds_.rewound(rewinds_.context, &out);
  }

 private:
  const tally_rewinds& rewinds_;
};

// All calls to one instance come from one thread, but wake().
class Transport {
 public:
  virtual ~Transport() = default;

  // Begins to consume; may succeed while the bus is away: service() connects.
  virtual void consume(std::uint32_t prefetch) = 0;

  // Waits up to `timeout_ms` for something to happen, keeps the connection alive, hands over at most `max_messages`.
  // Error::transient: the bus is away; keep growing pauses of your own, you are called on. Error::unclaimed: nothing is
  // wrong and nothing is consumed yet, since the bus has not answered so far or what is to be consumed is not there.
  // Error::permanent: the bus answers, but refuses a part of what is configured. To return is to say that all is well.
  virtual void service(std::uint32_t max_messages, std::uint32_t timeout_ms, const TransportEvents& events) = 0;

  // Any order. A delivery of an ended generation is not an error.
  virtual void settle(std::span<const Settlement> settlements) = 0;

  // Sends, and returns when the bus has confirmed or refused each, at the latest after `timeout_ms`. Of none it only
  // finds out whether the bus takes messages: Error::transient where it does not. `results` has one entry a message,
  // all Outcome::transient ("not known, send it again") until it is set.
  virtual void publish(std::span<const OutgoingView> messages, std::uint32_t timeout_ms,
                       std::span<Outcome> results) = 0;

  // Ends a service() that waits. Any thread.
  virtual void wake() = 0;

  // Stops taking messages; what was delivered may still be settled. The destructor ends the connection.
  virtual void stop() = 0;

  // Of an instance that does not consume: tells each queue that this configuration consumes or once made.
  virtual void inspect(std::uint32_t /*timeout_ms*/, const QueueSink& /*queues*/) {
    throw Error::absent("this transport does not say how its queues stand");
  }

  // Of an instance that does not consume: removes the queues that are ours and that nobody consumes, and tells what
  // became of each.
  virtual void unsubscribe(std::uint32_t /*timeout_ms*/, const QueueSink& /*queues*/) {
    throw Error::absent("this transport makes nothing that would have to be removed");
  }

  // Of an instance that does not consume: what the bus took at `time_us` (microseconds since 1970, UTC) or later is
  // delivered again; nothing is skipped that was not acknowledged. Error::permanent, with what can be done, while
  // anybody consumes, and where the bus keeps nothing that was acknowledged.
  virtual void rewind(std::int64_t /*time_us*/, bool /*dry_run*/, std::uint32_t /*timeout_ms*/,
                      const RewindSink& /*rewinds*/) {
    throw Error::absent("this transport cannot be rewound");
  }
};

namespace detail {

template <class Plugin>
struct TransportRole {
  static constexpr std::int32_t kRole = TALLY_ROLE_TRANSPORT;

  static Transport& self(void* instance) { return *static_cast<Transport*>(instance); }

  static std::int32_t consume(void* instance, std::uint32_t prefetch, tally_error* error) noexcept {
    return guarded(error, [&] { self(instance).consume(prefetch); });
  }

  static std::int32_t service(void* instance, std::uint32_t max_messages, std::uint32_t timeout_ms,
                              const tally_transport_events* events, tally_error* error) noexcept {
    return guarded(error, [&] { self(instance).service(max_messages, timeout_ms, TransportEvents(*events)); });
  }

  static std::int32_t settle(void* instance, const tally_settlement* settlements, std::size_t count,
                             tally_error* error) noexcept {
    return guarded(error, [&] {
      std::vector<Settlement> list;
      list.reserve(count);
      for (const tally_settlement& from : std::span(settlements, count)) list.push_back(from_c(from));
      self(instance).settle(list);
    });
  }

  static std::int32_t publish(void* instance, const tally_outgoing* messages, std::size_t count,
                              std::size_t message_size, std::uint32_t timeout_ms, std::int32_t* results,
                              tally_error* error) noexcept {
    return guarded(error, [&] {
      std::vector<OutgoingView> list;
      list.reserve(count);
      for (std::size_t i = 0; i < count; ++i) {
        const auto* bytes = reinterpret_cast<const char*>(messages) + i * message_size;
        list.push_back(from_c(*reinterpret_cast<const tally_outgoing*>(bytes)));
      }
      std::vector<Outcome> outcomes(count, Outcome::transient);
      self(instance).publish(list, timeout_ms, outcomes);
      for (std::size_t i = 0; i < count; ++i) results[i] = static_cast<std::int32_t>(outcomes[i]);
    });
  }

  static void wake(void* instance) noexcept {
    guarded(nullptr, [&] { self(instance).wake(); });
  }

  static std::int32_t stop(void* instance, tally_error* error) noexcept {
    return guarded(error, [&] { self(instance).stop(); });
  }

  static std::int32_t inspect(void* instance, std::uint32_t timeout_ms, const tally_queues* queues,
                              tally_error* error) noexcept {
    return guarded(error, [&] { self(instance).inspect(timeout_ms, QueueSink(*queues)); });
  }

  static std::int32_t unsubscribe(void* instance, std::uint32_t timeout_ms, const tally_queues* queues,
                                  tally_error* error) noexcept {
    return guarded(error, [&] { self(instance).unsubscribe(timeout_ms, QueueSink(*queues)); });
  }

  static std::int32_t rewind(void* instance, std::int64_t time_us, std::uint32_t dry_run, std::uint32_t timeout_ms,
                             const tally_rewinds* rewinds, tally_error* error) noexcept {
    return guarded(error, [&] { self(instance).rewind(time_us, dry_run != 0, timeout_ms, RewindSink(*rewinds)); });
  }

  static constexpr tally_transport_table kTable = {sizeof(tally_transport_table),
                                                   create<Plugin, Transport>,
                                                   destroy<Transport>,
                                                   consume,
                                                   service,
                                                   settle,
                                                   publish,
                                                   wake,
                                                   stop,
                                                   inspect,
                                                   unsubscribe,
                                                   rewind};
};

}  // namespace detail

}  // namespace tally

#endif
