#include "depth.h"

#include <amqp_framing.h>

#include <algorithm>
#include <utility>

namespace tally::amqp {
namespace {

constexpr std::chrono::milliseconds kSoon{100};  // while queues are being opened

}  // namespace

void Depth::turn(Link& link, std::span<const Lane> lanes) {
  if (every_.count() == 0 || state_ != State::resting || Clock::now() < next_round_) return;
  if (std::any_of(lanes.begin(), lanes.end(), [](const Lane& lane) { return lane.opening(); })) {
    next_round_ = Clock::now() + kSoon;
    return;
  }
  next_round_ = Clock::now() + every_;
  const std::vector<std::string> before = std::exchange(queues_, {});
  at_ = 0;
  for (const Lane& lane : lanes) {
    if (lane.consuming()) queues_.push_back(lane.queue());
  }
  for (const std::string& name : before) {
    if (std::find(queues_.begin(), queues_.end(), name) == queues_.end()) told_.push_back({name, std::nullopt, 0});
  }
  if (queues_.empty()) return;
  if (!open_) return open(link);
  ask(link);
}

Clock::time_point Depth::due() const {
  return every_.count() > 0 && state_ == State::resting ? next_round_ : Clock::time_point::max();
}

void Depth::link_lost() {
  state_ = State::resting;
  open_ = false;
  next_round_ = Clock::now();
  told_.clear();
}

void Depth::open(Link& link) {
  amqp_channel_open_t method{};
  link.send(channel_, AMQP_CHANNEL_OPEN_METHOD, &method);
  state_ = State::opening;
}

void Depth::ask(Link& link) {
  if (at_ == queues_.size()) {
    state_ = State::resting;
    return;
  }
  amqp_queue_declare_t method{};
  method.queue = bytes_of(queues_[at_]);
  method.passive = 1;
  link.send(channel_, AMQP_QUEUE_DECLARE_METHOD, &method);
  state_ = State::asking;
}

void Depth::handle(Link& link, const amqp_frame_t& frame) {
  if (frame.frame_type != AMQP_FRAME_METHOD) return;
  switch (frame.payload.method.id) {
    case AMQP_CHANNEL_OPEN_OK_METHOD:
      open_ = true;
      return ask(link);
    case AMQP_QUEUE_DECLARE_OK_METHOD: {
      if (state_ != State::asking) return;
      const auto& answer = *static_cast<const amqp_queue_declare_ok_t*>(frame.payload.method.decoded);
      told_.push_back({queues_[at_], answer.message_count, answer.consumer_count});
      sharing_.note(queues_[at_], answer.consumer_count);
      ++at_;
      return ask(link);
    }
    case AMQP_CHANNEL_CLOSE_METHOD: {
      amqp_channel_close_ok_t ok{};
      link.send(channel_, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok);
      open_ = false;
      if (state_ == State::asking) told_.push_back({queues_[at_++], std::nullopt, 0});
      if (state_ == State::asking && at_ < queues_.size()) return open(link);
      state_ = State::resting;
      return;
    }
    default:
      return;
  }
}

void Depth::tell(const TransportEvents& events) {
  for (const Told& one : told_) {
    QueueView queue;
    queue.name = one.name;
    std::string warning = sharing_.warning(one.name);
    if (warning.empty()) warning = topology_.warning(one.name);
    if (one.messages) {
      queue.messages = one.messages;
      queue.consumers = one.consumers;
      if (!warning.empty()) queue.warning = warning;
    } else {
      queue.state = "absent";
    }
    events.queue(queue);
  }
  told_.clear();
}

}  // namespace tally::amqp
