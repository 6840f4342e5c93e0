#include "lane.h"

#include <amqp_framing.h>

#include <algorithm>
#include <utility>

#include <tally/sdk/log.h>

namespace tally::amqp {
namespace {

constexpr std::uint16_t kNotFound = AMQP_NOT_FOUND;
constexpr std::chrono::milliseconds kAgain{1000};     // after the broker ended what worked
constexpr std::chrono::milliseconds kPatience{1000};  // of what is done, for what came before it

// Larger than those of any instance before, so that what they left unsettled is not taken for ours.
std::uint64_t next_generation(std::uint64_t last) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto by_clock = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  return std::max(last + 1, static_cast<std::uint64_t>(by_clock));
}

}  // namespace

Lane::Lane(std::uint64_t number, LaneOptions options, Counts& counts)
    : number_(number),
      channel_(static_cast<amqp_channel_t>(number + 1)),
      options_(std::move(options)),
      counts_(counts) {}

Clock::time_point Lane::due() const {
  if (state_ == State::closed) return next_try_;
  const auto waits = window_.waiting_since();
  return waits ? *waits + kPatience : Clock::time_point::max();
}

void Lane::turn(Link& link) {
  if (state_ == State::consuming && due() <= Clock::now()) flush(link);
  if (state_ != State::closed || Clock::now() < next_try_) return;
  amqp_channel_open_t open{};
  link.send(channel_, AMQP_CHANNEL_OPEN_METHOD, &open);
  state_ = State::opening;
}

void Lane::declare(Link& link) {
  amqp_queue_declare_t declare{};
  declare.queue = bytes_of(options_.queue);
  declare.passive = 1;
  link.send(channel_, AMQP_QUEUE_DECLARE_METHOD, &declare);
  state_ = State::declaring;
}

void Lane::limit(Link& link) {
  amqp_basic_qos_t qos{};
  qos.prefetch_count = options_.prefetch;
  link.send(channel_, AMQP_BASIC_QOS_METHOD, &qos);
  state_ = State::limiting;
}

void Lane::start(Link& link) {
  amqp_basic_consume_t consume{};
  consume.queue = bytes_of(options_.queue);
  consume.consumer_tag = bytes_of(options_.tag);
  link.send(channel_, AMQP_BASIC_CONSUME_METHOD, &consume);
  window_ = Window();
  generation_ = next_generation(generation_);
  state_ = State::starting;
}

void Lane::handle(Link& link, const amqp_frame_t& frame) {
  switch (frame.frame_type) {
    case AMQP_FRAME_METHOD:
      handle_method(link, frame.payload.method);
      break;
    case AMQP_FRAME_HEADER:
      header(frame.payload.properties.body_size);
      break;
    case AMQP_FRAME_BODY:
      body(frame.payload.body_fragment);
      break;
    default:
      break;
  }
}

void Lane::handle_method(Link& link, const amqp_method_t& method) {
  switch (method.id) {
    case AMQP_BASIC_DELIVER_METHOD:
      return deliver(*static_cast<const amqp_basic_deliver_t*>(method.decoded));
    case AMQP_CHANNEL_OPEN_OK_METHOD:
      if (state_ == State::opening) declare(link);
      return;
    case AMQP_QUEUE_DECLARE_OK_METHOD:
      if (state_ == State::declaring) limit(link);
      return;
    case AMQP_BASIC_QOS_OK_METHOD:
      if (state_ == State::limiting) start(link);
      return;
    case AMQP_BASIC_CONSUME_OK_METHOD:
      if (state_ != State::starting) return;
      state_ = State::consuming;
      refusal_.clear();
      if (std::exchange(absent_, false)) log(Level::info, "queue " + options_.queue + ": is there now, consuming");
      return;
    case AMQP_BASIC_CANCEL_METHOD:
      return cancelled(link);
    case AMQP_CHANNEL_CLOSE_METHOD:
      return server_closed(link, *static_cast<const amqp_channel_close_t*>(method.decoded));
    case AMQP_CHANNEL_CLOSE_OK_METHOD:
      if (state_ != State::closing) return;
      state_ = State::closed;
      next_try_ = Clock::now() + std::min(kAgain, options_.look_again);
      return;
    default:
      return;
  }
}

void Lane::deliver(const amqp_basic_deliver_t& given) {
  if (state_ != State::starting && state_ != State::consuming && state_ != State::stopped) return;
  window_.arrived();
  buffer_.push_back({given.delivery_tag, given.redelivered != 0, 0, {}, {}});
  if (options_.by_key) buffer_.back().key = view_of(given.routing_key);
  assembling_ = true;
}

void Lane::header(std::uint64_t size) {
  if (!assembling_) return;
  Arrived& last = buffer_.back();
  last.missing = size;
  last.body.reserve(std::min<std::uint64_t>(size, options_.longest_body));
  if (size > options_.longest_body) {
    counts_.add(Counts::cut);
    log(Level::warning, "queue " + options_.queue + ": a message of " + std::to_string(size) +
                            " bytes is longer than max_message, only its beginning is taken");
  }
  assembling_ = size > 0;
}

void Lane::body(amqp_bytes_t part) {
  if (!assembling_) return;
  Arrived& last = buffer_.back();
  const std::size_t room = options_.longest_body - last.body.size();
  const std::string_view taken = view_of(part).substr(0, room);
  last.body.append(taken);
  buffered_bytes_ += taken.size();
  last.missing -= std::min(last.missing, part.len);
  assembling_ = last.missing > 0;
}

Arrived Lane::take() {
  Arrived taken = std::move(buffer_.front());
  buffer_.pop_front();
  buffered_bytes_ -= taken.body.size();
  ++handed_;
  return taken;
}

// The queue was deleted, or its node went away.
void Lane::cancelled(Link& link) {
  counts_.add(Counts::cancelled);
  log(Level::warning,
      "queue " + options_.queue + ": the broker ended the consumer (was the queue deleted?), looking again");
  amqp_channel_close_t close{};
  close.reply_code = AMQP_REPLY_SUCCESS;
  link.send(channel_, AMQP_CHANNEL_CLOSE_METHOD, &close);
  lose();
  if (state_ != State::stopped) state_ = State::closing;
}

void Lane::server_closed(Link& link, const amqp_channel_close_t& close) {
  const std::string why(view_of(close.reply_text));
  const bool absent = close.reply_code == kNotFound;
  const bool was_consuming = state_ == State::consuming;
  amqp_channel_close_ok_t ok{};
  link.send(channel_, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok);
  lose();
  if (state_ == State::stopped) return;
  if (was_consuming) {  // as after consumer_timeout: all of it comes again
    counts_.add(Counts::lanes_lost);
    log(Level::warning, "queue " + options_.queue + ": the broker closed the channel, opening another: " + why);
    next_try_ = Clock::now() + std::min(kAgain, options_.look_again);
    return;
  }
  if (absent) {
    if (!absent_) counts_.add(Counts::absent);
    absent_ = true;
    refusal_.clear();
  } else {
    refusal_ = "queue " + options_.queue + " may not be consumed: " + why;
    if (lacks_right(close)) refusal_ += options_.way_out;
  }
}

void Lane::lose() {
  if (state_ == State::consuming || state_ == State::starting) ended_ = generation_;
  if (state_ != State::stopped) {
    state_ = State::closed;
    next_try_ = Clock::now() + options_.look_again;
  } else if (generation_ > 0) {
    ended_ = generation_;
  }
  window_ = Window();
  buffer_.clear();
  handed_ = 0;
  assembling_ = false;
  buffered_bytes_ = 0;
}

void Lane::link_lost() {
  lose();
  refusal_.clear();
  next_try_ = Clock::now();
}

void Lane::stop(Link* link) {
  if (state_ == State::consuming && link != nullptr) {
    amqp_basic_cancel_t cancel{};
    cancel.consumer_tag = bytes_of(options_.tag);
    cancel.nowait = 1;
    link->send(channel_, AMQP_BASIC_CANCEL_METHOD, &cancel);
  }
  state_ = State::stopped;
  if (link != nullptr) flush(*link);
}

std::optional<std::uint64_t> Lane::take_ended() { return std::exchange(ended_, std::nullopt); }

bool Lane::acknowledge(std::uint64_t generation, std::uint64_t tag) {
  if (generation != generation_ || !window_.acknowledge(tag, Clock::now())) return false;
  --handed_;
  return true;
}

bool Lane::requeue(Link& link, std::uint64_t generation, std::uint64_t tag) {
  if (generation != generation_ || !window_.requeue(tag)) return false;
  --handed_;
  link.requeue(channel_, tag);
  return true;
}

void Lane::flush(Link& link) {
  // The broker sends no more than the prefetch, and what waits counts: it must not be most of that.
  const bool at_once = state_ == State::stopped || window_.waiting() > options_.prefetch / 2U;
  const auto until = at_once ? Clock::time_point::max() : Clock::now() - kPatience;
  window_.flush(until, [&](std::uint64_t tag, bool all_before) { link.acknowledge(channel_, tag, all_before); });
}

}  // namespace tally::amqp
