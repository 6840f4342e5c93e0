#include "plugin/supervise/guard.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "config/value.h"

namespace tally::plugin {
namespace {

using Clock = std::chrono::steady_clock;

bool is_failure(const absl::Status& status) {
  return !status.ok() && status.code() != kAbsent && status.code() != kUnclaimed;
}

}  // namespace

// --- HangCounter ----------------------------------------------------------------------------------------------------

void HangCounter::hung(const std::string& plugin) {
  {
    const std::lock_guard guard(lock_);
    if (++count_ < 2) return;
  }
  if (on_second_) on_second_(plugin);
}

int HangCounter::count() const {
  const std::lock_guard guard(lock_);
  return count_;
}

// --- Guard ----------------------------------------------------------------------------------------------------------

Guard::Guard(std::string name, GuardOptions options)
    : name_(std::move(name)), options_(std::move(options)), pauses_(options_.first_pause, options_.last_pause) {}

Clock::time_point Guard::now() const { return options_.clock ? options_.clock() : Clock::now(); }

State Guard::state() const {
  const std::lock_guard guard(lock_);
  return state_;
}

std::string Guard::reason() const {
  const std::lock_guard guard(lock_);
  return reason_;
}

GuardStatistics Guard::statistics() const {
  const std::lock_guard guard(lock_);
  return statistics_;
}

absl::Status Guard::admit() const {
  const std::lock_guard guard(lock_);
  if (state_ == State::on) return absl::OkStatus();
  if (state_ == State::failed) return {kHung, absl::StrCat(name_, " is failed: ", reason_)};
  if (now() >= retry_at_) return absl::OkStatus();
  if (state_ == State::absent) return absent(absl::StrCat(name_, " is absent: ", reason_));
  return transient(absl::StrCat(name_, " is quarantined: ", reason_));
}

bool Guard::record(const absl::Status& status, std::chrono::nanoseconds took) {
  const std::lock_guard guard(lock_);
  ++statistics_.calls;
  statistics_.time += took;
  statistics_.longest = std::max(statistics_.longest, took);
  if (state_ == State::failed) return false;
  const State before = state_;
  if (status.code() == kAbsent) {
    state_ = State::absent;
    reason_ = std::string(status.message());
    retry_at_ = now() + options_.absent_pause;
    return before != state_;
  }
  if (!is_failure(status)) {
    statistics_.errors_in_a_row = 0;
    pauses_.reset();
    state_ = State::on;
    reason_.clear();
    return before != state_;
  }
  ++statistics_.errors;
  statistics_.last_error = std::string(status.message());
  const bool of_the_input = status.code() == kPermanent || status.code() == kTransient;
  if (!options_.permanent_counts && of_the_input) {
    // It answered as it should about an input that is bad: neither better nor worse than before.
    if (state_ == State::absent) state_ = State::on;
    return before != state_;
  }
  ++statistics_.errors_in_a_row;
  if (options_.quarantine_after > 0 && statistics_.errors_in_a_row >= options_.quarantine_after) {
    const std::chrono::milliseconds pause = pauses_.next();
    retry_at_ = now() + pause;
    state_ = State::quarantined;
    reason_ = absl::StrCat(statistics_.errors_in_a_row, " errors in a row, next try after ",
                           config::format_duration(pause), "; the last: ", statistics_.last_error);
  } else if (state_ == State::absent) {
    state_ = State::on;
    reason_.clear();
  }
  return before != state_;
}

bool Guard::finished(const absl::Status& status, std::chrono::nanoseconds took) {
  const bool changed = record(status, took);
  if (changed && on_change) on_change(*this);
  return changed;
}

void Guard::hung(std::chrono::milliseconds limit) {
  fail(absl::StrCat("a call did not come back within ", config::format_duration(limit),
                    " and was given up; restart to try again"));
  if (options_.hangs != nullptr) options_.hangs->hung(name_);
}

void Guard::fail(std::string reason) {
  {
    const std::lock_guard guard(lock_);
    if (state_ == State::failed) return;
    ++statistics_.errors;
    statistics_.last_error = reason;
    state_ = State::failed;
    reason_ = std::move(reason);
  }
  if (on_change) on_change(*this);
}

bool Guard::skipped(const std::string& definition) {
  static constexpr std::size_t kMost = 1'000;
  const std::lock_guard guard(lock_);
  const auto known = skips_.find(definition);
  if (known != skips_.end()) {
    ++known->second;
    return false;
  }
  if (skips_.size() >= kMost) return false;
  skips_.emplace(definition, 1);
  return true;
}

std::map<std::string, std::uint64_t> Guard::skips() const {
  const std::lock_guard guard(lock_);
  return skips_;
}

}  // namespace tally::plugin
