// The arithmetic of plugin/managers/schedule.h.
// Not for clocks: every time is handed in.
#include "plugin/managers/schedule.h"

#include <algorithm>

#include "base/status.h"

namespace tally::plugin {

Schedule::Schedule(Options options, Time start) : options_(options), due_(start) {
  options_.interval_us = std::max<std::int64_t>(options_.interval_us, 1'000);
  options_.offset_us %= options_.interval_us;
  if (!options_.at_once) due_ = aligned_after(start);
  pause_us_ = options_.interval_us;
}

Time Schedule::aligned_after(Time time) const {
  const std::int64_t us = time.us - options_.offset_us;
  std::int64_t cycles = us / options_.interval_us;
  if (us < 0 && us % options_.interval_us != 0) --cycles;  // towards the past, also before 1970
  return Time{(cycles + 1) * options_.interval_us + options_.offset_us};
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

Time Timetable::due() const {
  const auto earlier = [](const Schedule& a, const Schedule& b) { return a.due() < b.due(); };
  return std::min_element(schedules_.begin(), schedules_.end(), earlier)->due();
}

std::vector<std::size_t> Timetable::begin(Time now) const {
  std::vector<std::size_t> part;
  for (std::size_t at = 0; at < schedules_.size(); ++at) {
    if (schedules_[at].due() <= now) part.push_back(at);
  }
  return part;
}

void Timetable::finished(const std::vector<std::size_t>& part, Time ended, const absl::Status& status) {
  for (const std::size_t at : part) schedules_[at].finished(schedules_[at].due(), ended, status);
}

void Timetable::check_clock(Time now) {
  for (Schedule& schedule : schedules_) schedule.check_clock(now);
}

std::uint64_t Timetable::skipped() const {
  std::uint64_t all = 0;
  for (const Schedule& schedule : schedules_) all += schedule.skipped();
  return all;
}

int Timetable::failures_in_a_row() const {
  int most = 0;
  for (const Schedule& schedule : schedules_) most = std::max(most, schedule.failures_in_a_row());
  return most;
}

}  // namespace tally::plugin
