// Ends a write to a socket that takes too long, by shutting the socket down.
// Not for reading: rabbitmq-c takes a time limit there, while its writes wait for ever when the broker stops reading.
#ifndef TALLY_AMQP_WATCHDOG_H
#define TALLY_AMQP_WATCHDOG_H

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace tally::amqp {

// Used by one thread; has a thread of its own from the first watch() on.
class Watchdog {
 public:
  using Clock = std::chrono::steady_clock;

  Watchdog() = default;
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // From now until done(): at `deadline` the socket `fd` is shut down. The caller keeps `fd` open until done().
  void watch(int fd, Clock::time_point deadline);
  void done();
  // Whether it had to shut a socket down.
  bool bit() const { return bit_; }

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  int fd_ = -1;  // -1: nothing to watch
  Clock::time_point deadline_;
  Clock::time_point wakes_at_ = Clock::time_point::max();  // the thread, by itself
  bool ending_ = false;
  std::atomic<bool> bit_ = false;
  std::thread thread_;
};

}  // namespace tally::amqp

#endif
