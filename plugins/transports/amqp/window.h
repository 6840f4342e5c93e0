// What of one channel's deliveries is not yet settled, and how to settle it in as few commands as it takes.
// Not for sending: the caller sends what flush() says.
#ifndef TALLY_AMQP_WINDOW_H
#define TALLY_AMQP_WINDOW_H

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

namespace tally::amqp {

// Tags of a channel are 1, 2, 3 …, each given to arrived() in that order. One thread.
class Window {
 public:
  using Acknowledge = std::function<void(std::uint64_t tag, bool all_before)>;

  // A delivery has come.
  void arrived() { marks_.push_back(Mark::open); }
  // It is done. False, and no effect: it is not in the window, or was settled before.
  bool acknowledge(std::uint64_t tag);
  // It is given back at once by the caller.
  bool give_back(std::uint64_t tag);
  // Says what acknowledges all that is done: one range up to the oldest open delivery, single ones beyond.
  void flush(const Acknowledge& send);

  std::size_t size() const { return marks_.size(); }

 private:
  enum class Mark : std::uint8_t { open, done, gone };

  Mark* mark(std::uint64_t tag);

  std::deque<Mark> marks_;
  std::uint64_t first_ = 1;          // the tag of marks_.front()
  std::vector<std::uint64_t> done_;  // since the last flush
};

}  // namespace tally::amqp

#endif
