// Hands over what the library has fetched, as much as the host has room for, and keeps our place in the group
// meanwhile. Not for rebalances and commits (see group.cc).
#include "consumer.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include <tally/sdk/error.h>

namespace tally::kafka {
namespace {

constexpr std::chrono::milliseconds kTurn{1000};  // the library is polled so often
constexpr std::chrono::milliseconds kLook{200};   // for a broker, while none is in touch
constexpr std::size_t kAtOnce = 256;

}  // namespace

Consumer::Consumer(GroupOptions options, std::uint32_t prefetch, Counts& counts)
    : counts_(counts),
      prefetch_(std::max<std::uint32_t>(prefetch, 1)),
      depth_(options.depth_every),
      group_(std::move(options), counts) {}

void Consumer::service(std::uint32_t max_messages, std::uint32_t timeout_ms, int wake_fd,
                       const TransportEvents& events) {
  const Clock::time_point deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
  while (true) {
    group_.turn(events);
    group_.client().look(kLook);
    const bool given = deliver(std::min(max_messages, room()), events) > 0;
    if (given || Clock::now() >= deadline) break;
    const bool away = group_.client().in_doubt();
    if (wait(away ? std::min(deadline, Clock::now() + kLook) : deadline, wake_fd) || away) break;
  }
  counts_.tell(events);
  tell_readiness(events);
}

void Consumer::tell_readiness(const TransportEvents& events) {
  Client& client = group_.client();
  if (const std::string& why = client.failure(); !why.empty()) throw Error::transient(why);
  if (!client.answered()) throw Error::unclaimed("connecting");
  if (client.in_doubt()) return;
  depth_.turn(client, group_.lanes(), events);
  if (const std::string why = group_.trouble(); !why.empty()) throw Error::permanent(why);
  if (const std::string why = group_.waiting_for(); !why.empty()) throw Error::unclaimed(why);
}

std::uint32_t Consumer::room() const {
  if (stopped_) return 0;
  const std::size_t open = group_.open();
  return static_cast<std::uint32_t>(prefetch_ - std::min<std::size_t>(open, prefetch_));
}

std::uint32_t Consumer::deliver(std::uint32_t max_messages, const TransportEvents& events) {
  std::uint32_t given = 0;
  std::array<rd_kafka_message_t*, kAtOnce> batch{};
  while (given < max_messages) {
    const auto count = rd_kafka_consume_batch_queue(group_.messages(), 0, batch.data(),
                                                    std::min<std::size_t>(batch.size(), max_messages - given));
    if (count <= 0) break;
    last_topic_ = nullptr;
    for (rd_kafka_message_t* one : std::span(batch.data(), static_cast<std::size_t>(count))) {
      const KafkaMessage message(one);
      if (take(*message, events)) ++given;
    }
  }
  return given;
}

Lane* Consumer::lane_of(const rd_kafka_message_t& message) {
  if (message.rkt != nullptr && message.rkt == last_topic_ && message.partition == last_partition_) return last_lane_;
  last_topic_ = message.rkt;
  last_partition_ = message.partition;
  last_lane_ = message.rkt == nullptr ? nullptr : group_.find(rd_kafka_topic_name(message.rkt), message.partition);
  return last_lane_;
}

// True: it was handed over.
bool Consumer::take(const rd_kafka_message_t& message, const TransportEvents& events) {
  Lane* lane = lane_of(message);
  if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF || lane == nullptr || !lane->ours || lane->closing) return false;
  if (message.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || message.err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
    group_.offset_lost(*lane, rd_kafka_message_errstr(&message), events);
    return false;
  }
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    group_.note(lane->text() + ": " + rd_kafka_message_errstr(&message));
    return false;
  }
  const Window::Arrival arrival = lane->window.arrived(message.offset);
  if (arrival == Window::Arrival::known) return false;
  const bool again = arrival == Window::Arrival::again || message.offset < lane->given_before;
  events.message({{lane->number, lane->generation, static_cast<std::uint64_t>(message.offset)},
                  {static_cast<const char*>(message.payload), message.len},
                  lane->topic,
                  again});
  return true;
}

// True: woken by the host.
bool Consumer::wait(Clock::time_point deadline, int wake_fd) {
  const auto until = std::min({deadline, Clock::now() + kTurn, group_.due()});
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
  std::array<pollfd, 2> watched = {{{wake_fd, POLLIN, 0}, {group_.fd(), POLLIN, 0}}};
  static_cast<void>(
      ::poll(watched.data(), watched.size(), static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000))));
  std::uint64_t count = 0;
  static_cast<void>(::read(group_.fd(), &count, sizeof count) > 0);
  return watched[0].revents != 0;
}

void Consumer::settle(std::span<const Settlement> settlements) {
  for (const Settlement& settlement : settlements) {
    const DeliveryId& delivery = settlement.delivery;
    if (delivery.lane >= group_.lanes().size()) continue;
    Lane& lane = group_.lanes()[delivery.lane];
    if (!lane.ours || lane.generation != delivery.generation) continue;
    const auto offset = static_cast<std::int64_t>(delivery.tag);
    if (settlement.action == Settle::acknowledge) {
      lane.window.acknowledge(offset);
    } else {
      lane.window.requeue(offset);
    }
  }
}

}  // namespace tally::kafka
