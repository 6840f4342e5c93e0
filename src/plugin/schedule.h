// When one pollster is next due: aligned to the wall clock, later after errors, never catching up on what it missed.
// Not for running anything: plugin/iterator.h does, with the real clock.
#ifndef TALLY_PLUGIN_SCHEDULE_H
#define TALLY_PLUGIN_SCHEDULE_H

#include <tally/model/time.h>

#include <cstdint>

#include "absl/status/status.h"

namespace tally::host {

// A pure calculation over times that are handed in. One thread.
class Schedule {
 public:
  struct Options {
    std::int64_t interval_us = 60'000'000;
    std::int64_t recheck_us = 600'000'000;          // where the growing pauses after "not here" end
    std::int64_t longest_pause_us = 3'600'000'000;  // where the growing pauses after errors end
    bool at_once = false;                           // first cycle at the start, not at the next aligned time
  };

  Schedule(Options options, Time start);

  // The time of the next cycle.
  Time due() const { return due_; }

  // The cycle due at `due()` began at `began` and ended at `ended` with `status`. Cycles that fell due in between are
  // skipped and counted. After an error, or "not here", the next comes after 1, 2, 4 … intervals, aligned too, and at
  // most `longest_pause_us`, or `recheck_us`.
  void finished(Time began, Time ended, const absl::Status& status);

  // Call before waiting: after a step of the wall clock backwards `due` may be hours away, and is brought back.
  void check_clock(Time now);

  std::uint64_t skipped() const { return skipped_; }
  int failures_in_a_row() const { return failures_; }

 private:
  Time aligned_after(Time time) const;

  Options options_;
  Time due_;
  std::int64_t pause_us_ = 0;  // what `due_` was meant to be away at most
  std::uint64_t skipped_ = 0;
  int failures_ = 0;
  int absences_ = 0;  // in a row
};

}  // namespace tally::host

#endif
