// When a fault that lasts is to be logged: at once, again when its reason changes, and at a slow pace while it lasts.
// Not for logging it: who knows the fault's name does that.
#ifndef TALLY_BASE_FAULT_LOG_H
#define TALLY_BASE_FAULT_LOG_H

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tally {

// Of one bus, one store. One thread at a time.
class FaultLog {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::minutes kAgain{10};

  // Whether `reason` is to be said now; it counts as said then. One that differs in numbers alone (a port, a time) is
  // the same.
  bool due(std::string_view reason, Clock::time_point now = Clock::now());

  // The fault is over: the next one is said at once.
  void over() { said_.clear(); }

 private:
  std::vector<std::pair<std::string, Clock::time_point>> said_;  // the newest reasons, and when each was said last
};

}  // namespace tally

#endif
