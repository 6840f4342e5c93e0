#include "sharing.h"

#include <amqp_framing.h>

#include <algorithm>
#include <utility>

namespace tally::amqp {
namespace {

// Of collectors that start together, each has made its mark after two looks.
constexpr unsigned kLooks = 3;
constexpr std::int32_t kMarkerLastsMs = 300'000;

amqp_table_entry_t lasting() {
  amqp_table_entry_t entry{};
  entry.key = amqp_cstring_bytes("x-expires");
  entry.value.kind = AMQP_FIELD_KIND_I32;
  entry.value.value.i32 = kMarkerLastsMs;
  return entry;
}

}  // namespace

std::string marker_of(std::string_view prefix, std::string_view queue) {
  return std::string(prefix) + "collectors." + std::string(queue);
}

std::string sharing_warning(std::uint64_t consumers, std::uint64_t others) {
  return std::to_string(others) + " of its " + std::to_string(consumers) + " consumers " +
         (others == 1 ? "is" : "are") +
         " not Tally's, and each gets a part of the messages: stop the other program, or set queues: own";
}

Sharing::Sharing(amqp_channel_t channel, std::string prefix, std::set<std::string> own)
    : channel_(channel), prefix_(std::move(prefix)), own_(std::move(own)) {}

void Sharing::note(const std::string& queue, std::uint64_t consumers) {
  if (own_.count(queue) != 0) return;
  Watched& watched = watched_[queue];
  watched.consumers = consumers;
  if (consumers < 2) {
    watched.others = watched.looks = 0;
  } else if (!watched.refused.empty()) {
    watched.others = consumers - 1;
  } else if (std::find(to_ask_.begin(), to_ask_.end(), queue) == to_ask_.end()) {
    to_ask_.push_back(queue);
  }
}

void Sharing::turn(Link& link) {
  if (state_ != State::resting || to_ask_.empty()) return;
  if (!open_) return open(link);
  declare(link);
}

void Sharing::link_lost() {
  state_ = State::resting;
  open_ = false;
  to_ask_.clear();
  for (auto& [queue, watched] : watched_) {
    watched.marked = false;
    watched.refused.clear();
  }
}

std::string Sharing::warning(const std::string& queue) const {
  const auto found = watched_.find(queue);
  if (found == watched_.end() || found->second.others == 0) return {};
  const Watched& watched = found->second;
  if (!watched.refused.empty()) {
    return "it has " + std::to_string(watched.consumers) +
           " consumers, each gets a part of the messages, and whether all are Tally's cannot be told: the queue " +
           marker_of(prefix_, queue) + " may not be used: " + watched.refused;
  }
  return watched.looks < kLooks ? std::string() : sharing_warning(watched.consumers, watched.others);
}

void Sharing::open(Link& link) {
  amqp_channel_open_t method{};
  link.send(channel_, AMQP_CHANNEL_OPEN_METHOD, &method);
  state_ = State::opening;
}

void Sharing::declare(Link& link) {
  const std::string marker = marker_of(prefix_, to_ask_.front());
  amqp_table_entry_t lasts = lasting();
  amqp_queue_declare_t method{};
  method.queue = bytes_of(marker);
  method.durable = 1;  // brokers give up queues that are neither durable nor exclusive
  method.arguments = {1, &lasts};
  link.send(channel_, AMQP_QUEUE_DECLARE_METHOD, &method);
  state_ = State::declaring;
}

void Sharing::declared(Link& link, std::uint64_t collectors) {
  const std::string& queue = to_ask_.front();
  Watched& watched = watched_[queue];
  const std::uint64_t ours = collectors + (watched.marked ? 0 : 1);
  watched.others = watched.consumers > ours ? watched.consumers - ours : 0;
  watched.looks = watched.others == 0 ? 0 : std::min(watched.looks + 1, kLooks);
  if (watched.marked) return done(link);
  const std::string marker = marker_of(prefix_, queue);
  amqp_basic_consume_t method{};
  method.queue = bytes_of(marker);
  method.consumer_tag = bytes_of(marker);
  method.no_ack = 1;
  link.send(channel_, AMQP_BASIC_CONSUME_METHOD, &method);
  state_ = State::starting;
}

void Sharing::done(Link& link) {
  to_ask_.pop_front();
  state_ = State::resting;
  turn(link);
}

void Sharing::cancelled(std::string_view marker) {
  for (auto& [queue, watched] : watched_) {
    if (marker_of(prefix_, queue) == marker) watched.marked = false;
  }
}

// The marks of the other queues went with the channel: each is made again when its queue is asked for next.
void Sharing::closed(Link& link, const amqp_channel_close_t& close) {
  const std::string why(view_of(close.reply_text));
  amqp_channel_close_ok_t ok{};
  link.send(channel_, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok);
  open_ = false;
  for (auto& [queue, watched] : watched_) watched.marked = false;
  const bool asked = state_ == State::declaring || state_ == State::starting;
  state_ = State::resting;
  if (!asked) return;
  Watched& watched = watched_[to_ask_.front()];
  watched.refused = why;
  watched.others = watched.consumers - 1;
  to_ask_.pop_front();
  turn(link);
}

void Sharing::handle(Link& link, const amqp_frame_t& frame) {
  if (frame.frame_type != AMQP_FRAME_METHOD) return;
  const void* decoded = frame.payload.method.decoded;
  switch (frame.payload.method.id) {
    case AMQP_CHANNEL_OPEN_OK_METHOD:
      open_ = true;
      return declare(link);
    case AMQP_QUEUE_DECLARE_OK_METHOD:
      if (state_ == State::declaring)
        declared(link, static_cast<const amqp_queue_declare_ok_t*>(decoded)->consumer_count);
      return;
    case AMQP_BASIC_CONSUME_OK_METHOD:
      if (state_ != State::starting) return;
      watched_[to_ask_.front()].marked = true;
      return done(link);
    case AMQP_BASIC_CANCEL_METHOD:
      return cancelled(view_of(static_cast<const amqp_basic_cancel_t*>(decoded)->consumer_tag));
    case AMQP_CHANNEL_CLOSE_METHOD:
      return closed(link, *static_cast<const amqp_channel_close_t*>(decoded));
    default:
      return;
  }
}

}  // namespace tally::amqp
