// What of one partition was handed over and is not yet settled, and how far all before is settled.
// Not for committing: the caller commits what done_up_to() says.
#ifndef TALLY_KAFKA_WINDOW_H
#define TALLY_KAFKA_WINDOW_H

#include <cstdint>
#include <deque>

namespace tally::kafka {

// Offsets grow and may have gaps (compaction, transactions). One thread.
class Window {
 public:
  enum class Arrival {
    fresh,  // hand it over
    again,  // hand it over: it was given back before
    known,  // settled, or with the host already
  };

  // All before `start` is done.
  explicit Window(std::int64_t start = 0) : end_(start), done_up_to_(start) {}

  // A message was read. What is handed over is open.
  Arrival arrived(std::int64_t offset);
  // False, and no effect: it is not open.
  bool acknowledge(std::int64_t offset);
  bool requeue(std::int64_t offset);

  // Everything before this offset is settled: what may be committed.
  std::int64_t done_up_to() const { return done_up_to_; }
  // One beyond the last that was handed over.
  std::int64_t end() const { return end_; }
  // With the host.
  std::size_t open() const { return open_; }
  // The oldest that was given back and has not come again; -1: none.
  std::int64_t oldest_returned() const;

 private:
  enum class Mark : std::uint8_t { open, done, returned };
  struct Entry {
    std::int64_t offset;
    Mark mark;
  };

  Entry* find(std::int64_t offset);
  Entry* find_open(std::int64_t offset);
  void advance();

  std::deque<Entry> entries_;  // by offset; the front is not done
  std::int64_t end_;
  std::int64_t done_up_to_;
  std::size_t open_ = 0;
  std::size_t returned_ = 0;
};

}  // namespace tally::kafka

#endif
