// The arithmetic of plugin/schedule.h.
// Not for clocks: every time is handed in.
#include "plugin/schedule.h"

#include <algorithm>

#include "core/status.h"

namespace tally::host {

Schedule::Schedule(Options options, Time start) : options_(options), due_(start) {
  options_.interval_us = std::max<std::int64_t>(options_.interval_us, 1'000);
  if (!options_.at_once) due_ = aligned_after(start);
  pause_us_ = options_.interval_us;
}

Time Schedule::aligned_after(Time time) const {
  std::int64_t cycles = time.us / options_.interval_us;
  if (time.us < 0 && time.us % options_.interval_us != 0) --cycles;  // towards the past, also before 1970
  return Time{(cycles + 1) * options_.interval_us};
}

void Schedule::finished(Time began, Time ended, const absl::Status& status) {
  const Time next = aligned_after(began);
  due_ = aligned_after(ended);
  if (due_ > next) skipped_ += static_cast<std::uint64_t>((due_.us - next.us) / options_.interval_us);
  pause_us_ = options_.interval_us;
  const bool gone = status.code() == kAbsent;
  failures_ = status.ok() || gone ? 0 : std::min(failures_ + 1, 16);
  absences_ = gone ? std::min(absences_ + 1, 16) : 0;
  if (status.ok()) return;
  const std::int64_t longest = std::max(gone ? options_.recheck_us : options_.longest_pause_us, options_.interval_us);
  pause_us_ = std::min(options_.interval_us << (failures_ + absences_ - 1), longest);
  due_ = aligned_after(Time{ended.us + pause_us_ - options_.interval_us});
}

void Schedule::check_clock(Time now) {
  if (due_.us - now.us > pause_us_ + options_.interval_us) due_ = aligned_after(now);
}

}  // namespace tally::host
