#include "watchdog.h"

#include <sys/socket.h>

namespace tally::amqp {

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Watchdog::watch(int fd, Clock::time_point deadline) {
  bool early = false;
  {
    const std::lock_guard lock(mutex_);
    fd_ = fd;
    deadline_ = deadline;
    early = deadline < wakes_at_;
  }
  if (!thread_.joinable()) {
    thread_ = std::thread([this] { run(); });
  } else if (early) {
    changed_.notify_one();
  }
}

void Watchdog::done() {
  const std::lock_guard lock(mutex_);
  fd_ = -1;
}

// Wakes for the deadline alone, not for every write: what is watched by then decides how it goes on.
void Watchdog::run() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    if (fd_ >= 0 && Clock::now() >= deadline_) {
      bit_ = true;
      ::shutdown(fd_, SHUT_RDWR);
      fd_ = -1;
    }
    if (fd_ >= 0) {
      wakes_at_ = deadline_;
      changed_.wait_until(lock, wakes_at_);
    } else {
      wakes_at_ = Clock::time_point::max();
      changed_.wait(lock);
    }
  }
}

}  // namespace tally::amqp
