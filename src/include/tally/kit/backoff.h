// How long to wait before something that failed is tried again: each time twice as long, up to a limit.
// Not for waiting, and not for chance: the caller does both.
#ifndef TALLY_KIT_BACKOFF_H
#define TALLY_KIT_BACKOFF_H

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace tally {

// A plain value, for one thread at a time.
class Backoff {
 public:
  // REQUIRES: 0 < first <= last.
  constexpr Backoff(std::chrono::milliseconds first, std::chrono::milliseconds last) : first_(first), last_(last) {}

  // The pause after so many failures in a row, of which there is one at least.
  constexpr std::chrono::milliseconds after(std::uint64_t failures) const {
    std::chrono::milliseconds pause = first_;
    while (--failures > 0 && pause < last_) pause *= 2;
    return std::min(pause, last_);
  }

  // Counts one more failure, and gives the pause after it.
  constexpr std::chrono::milliseconds next() { return after(++failures_); }

  // It went well: the next pause is the first again.
  constexpr void reset() { failures_ = 0; }

 private:
  std::chrono::milliseconds first_, last_;
  std::uint64_t failures_ = 0;
};

}  // namespace tally

#endif
