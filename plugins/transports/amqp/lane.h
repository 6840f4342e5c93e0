// The consumer of one queue: its channel, the messages it has delivered, and which of them are unsettled.
// Not for connecting, nor for the host's window: the caller takes from it what the host has room for.
#ifndef TALLY_AMQP_LANE_H
#define TALLY_AMQP_LANE_H

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "counts.h"
#include "link.h"
#include "window.h"

namespace tally::amqp {

struct LaneOptions {
  std::string queue;
  std::uint16_t prefetch = 1000;
  std::chrono::milliseconds look_again{30'000};  // for a queue that is absent, or a channel that was closed
  std::size_t longest_body = 0;                  // of a longer one this much is taken
  std::string tag;                               // the consumer's, shown by the broker
  bool by_key = false;                           // several topics come by this queue, told by the routing key
  std::string way_out;                           // of a refusal for want of rights; empty: none
};

struct Arrived {
  std::uint64_t tag = 0;
  bool redelivered = false;
  std::size_t missing = 0;  // bytes of the body still to come
  std::string body;
  std::string key;  // with by_key
};

// One channel of its own, so that what befalls one queue (absent, deleted, consumer_timeout) leaves the others alone.
// One thread. All that sends throws tally::Error when the link breaks.
class Lane {
 public:
  Lane(std::uint64_t number, LaneOptions options, Counts& counts);

  std::uint64_t number() const { return number_; }
  amqp_channel_t channel() const { return channel_; }
  const std::string& queue() const { return options_.queue; }

  // Opens the channel and acknowledges what waits when that is due.
  void turn(Link& link);
  Clock::time_point due() const;
  void handle(Link& link, const amqp_frame_t& frame);
  // The link is gone, and the channel with it.
  void link_lost();
  // No more deliveries; settling goes on.
  void stop(Link* link);

  // The queue is not there; so it was when it was looked for last.
  bool absent() const { return absent_; }
  // It is being opened: what is known of it is about to change.
  bool opening() const { return state_ != State::closed && state_ != State::consuming && state_ != State::stopped; }
  bool consuming() const { return state_ == State::consuming; }
  // Why the broker does not let us consume it, though it is there; empty: it does, or has not been asked yet.
  const std::string& refusal() const { return refusal_; }
  std::uint64_t generation() const { return generation_; }
  // Generations up to this one have ended since it was asked last.
  std::optional<std::uint64_t> take_ended();

  // What has come and was not taken yet; the front is whole where whole() says so.
  bool whole() const { return !buffer_.empty() && (buffer_.size() > 1 || !assembling_); }
  Arrived take();
  std::size_t buffered() const { return buffer_.size(); }
  std::size_t buffered_bytes() const { return buffered_bytes_; }
  // Taken and not settled.
  std::uint64_t handed() const { return handed_; }

  // False: of an ended generation, or not open.
  bool acknowledge(std::uint64_t generation, std::uint64_t tag);
  bool requeue(Link& link, std::uint64_t generation, std::uint64_t tag);
  void flush(Link& link);

 private:
  enum class State { closed, opening, declaring, limiting, starting, consuming, closing, stopped };

  void handle_method(Link& link, const amqp_method_t& method);
  void deliver(const amqp_basic_deliver_t& given);
  void header(std::uint64_t size);
  void body(amqp_bytes_t part);
  void declare(Link& link);
  void limit(Link& link);
  void start(Link& link);
  void server_closed(Link& link, const amqp_channel_close_t& close);
  void cancelled(Link& link);
  void lose();

  std::uint64_t number_;
  amqp_channel_t channel_;
  LaneOptions options_;
  Counts& counts_;
  State state_ = State::closed;
  Clock::time_point next_try_ = Clock::now();
  bool absent_ = false;
  std::string refusal_;
  std::uint64_t generation_ = 0;
  std::optional<std::uint64_t> ended_;
  Window window_;
  std::deque<Arrived> buffer_;
  bool assembling_ = false;  // the last of the buffer is not whole
  std::size_t buffered_bytes_ = 0;
  std::uint64_t handed_ = 0;
};

}  // namespace tally::amqp

#endif
