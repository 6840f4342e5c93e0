// Serves the lanes: reads frames, hands over whole messages in turn, sends what settles them.
// Not for one queue's doings (see lane.cc).
#include "consumer.h"

#include <poll.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <set>

#include <tally/sdk/error.h>
#include <tally/sdk/log.h>

namespace tally::amqp {
namespace {

constexpr std::chrono::seconds kWriting{5};       // for what a service or settle call writes
constexpr std::chrono::milliseconds kAway{200};   // of a wait while the bus is away
constexpr std::chrono::milliseconds kTurn{1000};  // heartbeats are looked after so often
constexpr std::chrono::milliseconds kRound{1};    // while messages come: what a millisecond brings is read at once
constexpr int kFramesATime = 96;

std::set<std::string> names_of(const std::vector<OwnQueue>& queues) {
  std::set<std::string> names;
  for (const OwnQueue& queue : queues) names.insert(queue.name);
  return names;
}

}  // namespace

Consumer::Consumer(Connection::Options connection, const ConsumerOptions& options, std::uint32_t prefetch,
                   Counts& counts)
    : connection_(std::move(connection)),
      options_(options),
      prefetch_(std::max<std::uint32_t>(prefetch, 1)),
      counts_(counts),
      topology_(static_cast<amqp_channel_t>(options.lanes.size() + 1), options.topology),
      sharing_(static_cast<amqp_channel_t>(options.lanes.size() + 3), options.own_prefix,
               names_of(options.topology.queues)),
      depth_(static_cast<amqp_channel_t>(options.lanes.size() + 2), options.depth_every, sharing_, topology_) {
  lanes_.reserve(options.lanes.size());
  for (LaneOptions lane : options.lanes) {
    lane.prefetch = static_cast<std::uint16_t>(std::min<std::uint32_t>(lane.prefetch, prefetch_));
    lanes_.emplace_back(lanes_.size(), std::move(lane), counts_);
  }
}

Consumer::~Consumer() = default;

void Consumer::service(std::uint32_t max_messages, std::uint32_t timeout_ms, int wake_fd,
                       const TransportEvents& events) {
  const Clock::time_point deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
  while (true) {
    connect();
    if (rest(wake_fd)) break;
    read(std::min(max_messages, room()));
    turn_lanes();
    tell_ended(events);
    const bool given = deliver(std::min(max_messages, room()), events) > 0;
    if (given) last_given_ = Clock::now();
    if (given || Clock::now() >= deadline) break;
    const bool away = connection_.link() == nullptr && !connection_.failure().empty();
    if (wait(away ? std::min(deadline, Clock::now() + kAway) : deadline, wake_fd) || away) break;
  }
  counts_.tell(events);
  depth_.tell(events);
  tell_readiness();
}

namespace {

std::string names_of(const std::vector<Lane>& lanes) {
  std::string names;
  for (const Lane& lane : lanes) names += (names.empty() ? "" : ", ") + lane.queue();
  return names;
}

}  // namespace

void Consumer::tell_readiness() {
  if (connection_.link() == nullptr) {
    if (!connection_.failure().empty()) throw Error::transient(connection_.failure());
    if (!stopped_) throw Error::unclaimed("connecting");
  }
  if (stopped_) return;
  if (!topology_.refusal().empty()) throw Error::permanent(topology_.refusal());
  for (const Lane& lane : lanes_) {
    if (!lane.refusal().empty()) throw Error::permanent(lane.refusal());
  }
  if (std::any_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return lane.consuming(); })) return;
  const bool known = std::all_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return lane.absent(); });
  throw Error::unclaimed(known ? "connected, waiting for queues that are not there yet: " + names_of(lanes_)
                               : "connected, opening its queues");
}

void Consumer::connect() {
  connection_.turn();
  if (connection_.connections_made() == connections_made_) return;
  connections_made_ = connection_.connections_made();
  last_beat_ = Clock::now();
  counts_.add(Counts::connects);
}

void Consumer::lost(const std::string& why) {
  connection_.broke(why);
  counts_.add(Counts::failures);
  for (Lane& lane : lanes_) lane.link_lost();
  topology_.link_lost();
  depth_.link_lost();
  sharing_.link_lost();
}

std::size_t Consumer::ready() const {
  std::size_t count = 0;
  for (const Lane& lane : lanes_) count += lane.buffered();
  return count;
}

// A message of which a part has come is read to its end, however long.
bool Consumer::full() const {
  std::size_t bytes = 0;
  for (const Lane& lane : lanes_) bytes += lane.buffered_bytes();
  return bytes >= options_.buffer_bytes &&
         std::any_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return lane.whole(); });
}

std::uint32_t Consumer::room() const {
  if (stopped_) return 0;
  std::uint64_t handed = 0;
  for (const Lane& lane : lanes_) handed += lane.handed();
  return static_cast<std::uint32_t>(prefetch_ - std::min<std::uint64_t>(handed, prefetch_));
}

void Consumer::read(std::uint32_t max_messages) {
  Link* link = connection_.link();
  if (link == nullptr) return;
  try {
    const Link::Writing writing(*link, Clock::now() + kWriting);
    while (!full() && (max_messages == 0 || ready() <= max_messages)) {
      for (int i = 0; i < kFramesATime; ++i) {
        amqp_frame_t frame{};
        if (!link->receive(frame)) return;
        const std::size_t at = frame.channel - 1U;
        if (at < lanes_.size()) lanes_[at].handle(*link, frame);
        if (frame.channel == topology_.channel()) topology_.handle(*link, frame);
        if (frame.channel == depth_.channel()) depth_.handle(*link, frame);
        if (frame.channel == sharing_.channel()) sharing_.handle(*link, frame);
        link->release(frame.channel);
      }
    }
    // Nothing is read that would send them.
    if (Clock::now() - last_beat_ < kTurn) return;
    last_beat_ = Clock::now();
    link->beat();
  } catch (const Error& error) {
    lost(error.what());
  }
}

void Consumer::turn_lanes() {
  Link* link = connection_.link();
  if (link == nullptr || stopped_) return;
  try {
    const Link::Writing writing(*link, Clock::now() + kWriting);
    topology_.turn(*link);
    if (topology_.ours() && !topology_.declared()) return;
    for (Lane& lane : lanes_) lane.turn(*link);
    depth_.turn(*link, lanes_);
    sharing_.turn(*link);
    log_absent();
  } catch (const Error& error) {
    lost(error.what());
  }
}

// One line for all of them, once a connection.
void Consumer::log_absent() {
  const bool known = std::none_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return lane.opening(); });
  if (!known || absent_told_for_ == connections_made_) return;
  absent_told_for_ = connections_made_;
  std::string names;
  for (const Lane& lane : lanes_) {
    if (lane.absent()) names += (names.empty() ? "" : ", ") + lane.queue();
  }
  if (!names.empty())
    log(Level::info, connection_.link()->where() + ": waiting for queues that are not there yet: " + names);
}

void Consumer::tell_ended(const TransportEvents& events) {
  for (Lane& lane : lanes_) {
    if (const auto ended = lane.take_ended()) events.lane_lost(lane.number(), *ended);
  }
}

// One of each lane in turn, so that a full queue does not keep the others waiting.
std::uint32_t Consumer::deliver(std::uint32_t max_messages, const TransportEvents& events) {
  std::uint32_t given = 0;
  std::size_t empty = 0;
  while (given < max_messages && empty < lanes_.size()) {
    Lane& lane = lanes_[next_lane_];
    next_lane_ = (next_lane_ + 1) % lanes_.size();
    if (!lane.whole()) {
      ++empty;
      continue;
    }
    empty = 0;
    const Arrived one = lane.take();
    events.message({{lane.number(), lane.generation(), one.tag},
                    one.body,
                    one.key.empty() ? lane.queue() : one.key,
                    one.redelivered});
    ++given;
  }
  return given;
}

// After messages, a moment for more of them: one reading for all. True: woken by the host.
bool Consumer::rest(int wake_fd) {
  const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(last_given_ + kRound - Clock::now()).count();
  if (left <= 0) return false;
  pollfd host{wake_fd, POLLIN, 0};
  const timespec limit{0, static_cast<long>(left)};
  return ::ppoll(&host, 1, &limit, nullptr) > 0;
}

// True: woken by the host.
bool Consumer::wait(Clock::time_point deadline, int wake_fd) {
  Clock::time_point until = std::min({deadline, Clock::now() + kTurn, connection_.due()});
  if (connection_.link() != nullptr && !stopped_) {
    until = std::min(until, topology_.due());
    if (!topology_.ours() || topology_.declared()) {
      for (const Lane& lane : lanes_) until = std::min(until, lane.due());
      until = std::min(until, depth_.due());
    }
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
  const bool reads = connection_.link() == nullptr || !full();
  std::array<pollfd, 2> watched = {{{wake_fd, POLLIN, 0}, {reads ? connection_.fd() : -1, POLLIN, 0}}};
  static_cast<void>(
      ::poll(watched.data(), watched.size(), static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000))));
  return watched[0].revents != 0;
}

void Consumer::settle(std::span<const Settlement> settlements) {
  Link* link = connection_.link();
  if (link == nullptr) return;
  try {
    const Link::Writing writing(*link, Clock::now() + kWriting);
    for (const Settlement& settlement : settlements) {
      const DeliveryId& delivery = settlement.delivery;
      if (delivery.lane >= lanes_.size()) continue;
      Lane& lane = lanes_[delivery.lane];
      if (settlement.action == Settle::acknowledge) {
        lane.acknowledge(delivery.generation, delivery.tag);
      } else {
        lane.requeue(*link, delivery.generation, delivery.tag);
      }
    }
    for (Lane& lane : lanes_) lane.flush(*link);
  } catch (const Error& error) {
    lost(error.what());  // all of it comes again
  }
}

void Consumer::stop() {
  stopped_ = true;
  Link* link = connection_.link();
  try {
    for (Lane& lane : lanes_) lane.stop(link);
  } catch (const Error& error) {
    lost(error.what());
  }
}

}  // namespace tally::amqp
