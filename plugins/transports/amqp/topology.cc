#include "topology.h"

#include <amqp_framing.h>

#include <algorithm>
#include <utility>

#include <tally/sdk/log.h>

namespace tally::amqp {
OwnArguments::OwnArguments(const TopologyOptions& options) {
  add("x-queue-type", options.type);
  add("x-overflow", options.overflow);
  if (options.length > 0) add("x-max-length", options.length);
  if (options.length_bytes > 0) add("x-max-length-bytes", options.length_bytes);
  if (options.delivery_limit > 0 && options.type == "quorum") add("x-delivery-limit", options.delivery_limit);
}

void OwnArguments::add(const char* key, std::int64_t value) {
  amqp_table_entry_t& entry = entries_.at(count_++);
  entry.key = amqp_cstring_bytes(key);
  entry.value.kind = AMQP_FIELD_KIND_I64;
  entry.value.value.i64 = value;
}

void OwnArguments::add(const char* key, const std::string& value) {
  amqp_table_entry_t& entry = entries_.at(count_++);
  entry.key = amqp_cstring_bytes(key);
  entry.value.kind = AMQP_FIELD_KIND_UTF8;
  entry.value.value.bytes = bytes_of(value);
}

std::string absent_warning(const TopologyOptions& options, const std::vector<std::string>& absent) {
  if (absent.empty() || (options.usual && absent.size() < options.exchanges.size())) return {};
  std::string names;
  for (const std::string& name : absent) names += (names.empty() ? "" : ", ") + name;
  if (absent.size() == 1) return "exchange " + names + " is not there: nothing is received from it";
  return "exchanges " + names + " are not there: nothing is received from them";
}

Topology::Topology(amqp_channel_t channel, TopologyOptions options) : channel_(channel), options_(std::move(options)) {}

std::string Topology::warning(const std::string& queue) const {
  const auto same = [&](const OwnQueue& own) { return own.name == queue; };
  return std::any_of(options_.queues.begin(), options_.queues.end(), same) ? warning_ : std::string();
}

void Topology::turn(Link& link) {
  if (!ours() || state_ != State::resting || Clock::now() < next_round_) return;
  then_ = State::asking;
  queue_ = exchange_ = key_ = 0;
  absent_.clear();
  noted_.clear();
  way_out_.clear();
  more_ = 0;
  if (!open_) return open(link);
  state_ = then_;
  step(link);
}

void Topology::link_lost() {
  state_ = State::resting;
  next_round_ = Clock::now();
  open_ = declared_ = told_ = false;
  refusal_.clear();
  warning_.clear();
}

void Topology::open(Link& link) {
  amqp_channel_open_t method{};
  link.send(channel_, AMQP_CHANNEL_OPEN_METHOD, &method);
  state_ = State::opening;
}

void Topology::step(Link& link) {
  if (state_ != State::binding && queue_ == options_.queues.size()) {
    declared_ = true;
    state_ = State::binding;
    queue_ = 0;
  }
  if (state_ != State::binding) return declare(link, state_ == State::making);
  if (exchange_ == options_.exchanges.size()) return end_round(link);
  bind(link);
}

void Topology::declare(Link& link, bool make) {
  OwnArguments arguments(options_);
  amqp_queue_declare_t method{};
  method.queue = bytes_of(options_.queues[queue_].name);
  method.passive = make ? 0 : 1;
  method.durable = 1;
  if (make) method.arguments = arguments.table();
  link.send(channel_, AMQP_QUEUE_DECLARE_METHOD, &method);
}

void Topology::bind(Link& link) {
  const OwnQueue& queue = options_.queues[queue_];
  amqp_queue_bind_t method{};
  method.queue = bytes_of(queue.name);
  method.exchange = bytes_of(options_.exchanges[exchange_]);
  method.routing_key = bytes_of(queue.keys[key_]);
  link.send(channel_, AMQP_QUEUE_BIND_METHOD, &method);
}

void Topology::next_binding() {
  if (++key_ < options_.queues[queue_].keys.size()) return;
  key_ = 0;
  if (++queue_ == options_.queues.size()) next_exchange();
}

void Topology::next_exchange() {
  key_ = queue_ = 0;
  ++exchange_;
}

void Topology::handle(Link& link, const amqp_frame_t& frame) {
  if (frame.frame_type != AMQP_FRAME_METHOD) return;
  switch (frame.payload.method.id) {
    case AMQP_CHANNEL_OPEN_OK_METHOD:
      open_ = true;
      state_ = then_;
      return step(link);
    case AMQP_QUEUE_DECLARE_OK_METHOD:
      if (state_ == State::making) log(Level::info, "queue " + options_.queues[queue_].name + ": made");
      state_ = State::asking;
      ++queue_;
      return step(link);
    case AMQP_QUEUE_BIND_OK_METHOD:
      next_binding();
      return step(link);
    case AMQP_CHANNEL_CLOSE_METHOD:
      return refused(link, *static_cast<const amqp_channel_close_t*>(frame.payload.method.decoded));
    default:
      return;
  }
}

void Topology::note(const std::string& what, const amqp_channel_close_t& close) {
  if (!noted_.empty()) {
    ++more_;
    return;
  }
  noted_ = what + ": " + std::string(view_of(close.reply_text));
  way_out_ = lacks_right(close) ? options_.way_out : "";
  refusal_ = noted_ + way_out_;  // known at once, not at the round's end
}

// Each refusal closes the channel: the round goes on with what comes after, on a new one.
void Topology::refused(Link& link, const amqp_channel_close_t& close) {
  const bool absent = close.reply_code == AMQP_NOT_FOUND;
  amqp_channel_close_ok_t ok{};
  link.send(channel_, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok);
  open_ = false;
  then_ = state_;
  if (state_ == State::asking && absent) {
    then_ = State::making;
  } else if (state_ == State::asking || state_ == State::making) {
    note("queue " + options_.queues[queue_].name + " cannot be made", close);
    then_ = State::asking;
    ++queue_;
  } else if (state_ == State::binding) {
    const std::string& exchange = options_.exchanges[exchange_];
    // A queue that has just gone is made in the next round.
    const bool queue_gone = absent && view_of(close.reply_text).find("no queue '") != std::string_view::npos;
    if (absent && !queue_gone) absent_.push_back(exchange);
    if (!absent) note("queue " + options_.queues[queue_].name + " cannot be bound to exchange " + exchange, close);
    next_exchange();
  } else {
    state_ = State::resting;
    next_round_ = Clock::now() + options_.look_again;
    return;
  }
  open(link);
}

void Topology::end_round(Link& link) {
  state_ = State::resting;
  next_round_ = Clock::now() + options_.look_again;
  refusal_ = noted_ + (more_ > 0 ? " (and " + std::to_string(more_) + " more)" : "") + way_out_;
  warning_ = absent_warning(options_, absent_);
  if (std::exchange(told_, true) || absent_.empty()) return;
  std::string names;
  for (const std::string& name : absent_) names += (names.empty() ? "" : ", ") + name;
  log(Level::info, link.where() + ": waiting for exchanges that are not there yet: " + names);
}

}  // namespace tally::amqp
