// When one pollster is next due: aligned to the wall clock, later after errors, never catching up on what it missed.
// Schedule is for one interval, Timetable for a pollster that several sources want, each at its own.
// Not for running anything: plugin/managers/iterator.h does, with the real clock.
#ifndef TALLY_PLUGIN_MANAGERS_SCHEDULE_H
#define TALLY_PLUGIN_MANAGERS_SCHEDULE_H

#include <tally/model/time.h>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace tally::plugin {

// A pure calculation over times that are handed in. One thread.
class Schedule {
 public:
  struct Options {
    std::int64_t interval_us = 60'000'000;
    std::int64_t offset_us = 0;                     // later than each multiple of the interval, by less than one
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

// Several schedules of one pollster. What falls due together is one cycle, so that nothing is measured twice at a time.
// A pure calculation too. One thread.
class Timetable {
 public:
  // REQUIRES: one schedule at least.
  explicit Timetable(std::vector<Schedule> schedules) : schedules_(std::move(schedules)) {}

  // The earliest.
  Time due() const;

  // A cycle begins at `now`: all that are due by then take part, and are named by their places.
  std::vector<std::size_t> begin(Time now) const;

  // The cycle of `part` ended.
  void finished(const std::vector<std::size_t>& part, Time ended, const absl::Status& status);

  void check_clock(Time now);

  std::uint64_t skipped() const;
  int failures_in_a_row() const;

 private:
  std::vector<Schedule> schedules_;
};

}  // namespace tally::plugin

#endif
