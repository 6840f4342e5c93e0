// What of one channel's deliveries is not yet settled, and how to settle it in as few commands as it takes.
// Not for sending: the caller sends what flush() says.
#ifndef TALLY_AMQP_WINDOW_H
#define TALLY_AMQP_WINDOW_H

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>

namespace tally::amqp {

// Tags of a channel are 1, 2, 3 …, each given to arrived() in that order. One thread.
//
// What is done behind an open delivery can only be acknowledged one by one, which costs a broker as much as delivering
// it. Where batches are committed in another order than they came in, what was open is done a moment later and one
// range takes all: so what is done waits a moment for what came before.
class Window {
 public:
  using Clock = std::chrono::steady_clock;
  using Acknowledge = std::function<void(std::uint64_t tag, bool all_before)>;

  // A delivery has come.
  void arrived() { marks_.push_back(Mark::open); }
  // It is done. False, and no effect: it is not in the window, or was settled before.
  bool acknowledge(std::uint64_t tag, Clock::time_point now);
  // It is given back at once by the caller.
  bool requeue(std::uint64_t tag);
  // Says what acknowledges what is done: one range up to the oldest open delivery, beyond it single ones of those that
  // were done by `until`.
  void flush(Clock::time_point until, const Acknowledge& send);
  // Since when the first of those that are done behind an open one waits; none: none does.
  std::optional<Clock::time_point> waiting_since() const {
    return waiting_.empty() ? std::nullopt : std::optional(waiting_.front().since);
  }

  // How many at the most are done behind an open one.
  std::size_t waiting() const { return waiting_.size(); }

  std::size_t size() const { return marks_.size(); }

 private:
  enum class Mark : std::uint8_t { open, done, gone };

  Mark* mark(std::uint64_t tag);

  struct Waiting {
    std::uint64_t tag;
    Clock::time_point since;
  };
  std::deque<Mark> marks_;
  std::uint64_t first_ = 1;      // the tag of marks_.front()
  std::deque<Waiting> waiting_;  // done, in this order; after a flush the front is behind an open one
};

}  // namespace tally::amqp

#endif
