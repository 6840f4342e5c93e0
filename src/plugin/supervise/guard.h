// One plugin's record: calls, errors, time, quarantine with growing pauses, "absent", failed.
// Not for making the calls: see plugin/supervise/guarded.h.
#ifndef TALLY_PLUGIN_SUPERVISE_GUARD_H
#define TALLY_PLUGIN_SUPERVISE_GUARD_H

#include <tally/kit/backoff.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "plugin/catalog/catalog.h"

namespace tally::plugin {

// Counts the calls of this process that never came back. Any thread.
class HangCounter {
 public:
  // `on_second` is called at the second hang and every later one, on the thread that noticed.
  explicit HangCounter(std::function<void(const std::string& plugin)> on_second = {})
      : on_second_(std::move(on_second)) {}
  void hung(const std::string& plugin);
  int count() const;

 private:
  mutable std::mutex lock_;
  int count_ = 0;
  std::function<void(const std::string&)> on_second_;
};

struct GuardOptions {
  std::chrono::milliseconds limit{30'000};        // of one call
  int quarantine_after = 5;                       // failures in a row; 0: never
  bool permanent_counts = true;                   // false: kPermanent and kTransient are the message's fault (handlers)
  std::chrono::milliseconds first_pause{30'000};  // doubled at each further failure,
  std::chrono::milliseconds last_pause{3'600'000};               // up to this
  std::chrono::milliseconds absent_pause{600'000};               // "not here" is looked at again after this
  std::function<std::chrono::steady_clock::time_point()> clock;  // empty: the real one
  std::shared_ptr<HangCounter> hangs;                            // may be null
};

struct GuardStatistics {
  std::uint64_t calls = 0;
  std::uint64_t errors = 0;  // kAbsent and kUnclaimed are none
  int errors_in_a_row = 0;
  std::chrono::nanoseconds time{};
  std::chrono::nanoseconds longest{};
  std::string last_error;
};

// One plugin's record, shared by its instances. Any thread.
class Guard {
 public:
  explicit Guard(std::string name, GuardOptions options = {});

  const std::string& name() const { return name_; }
  const GuardOptions& options() const { return options_; }

  State state() const;         // on, absent, failed, quarantined
  std::string reason() const;  // in words; empty when on
  GuardStatistics statistics() const;

  // OK when a call may be made now: on, or its pause is over. Else kAbsent, kTransient (quarantined) or kHung (failed).
  absl::Status admit() const;
  // Takes note of a finished call. True when the state changed, which is worth one log line (state() and reason()).
  bool finished(const absl::Status& status, std::chrono::nanoseconds took);
  // Takes note of a call that is given up: the plugin is failed for this process.
  void hung(std::chrono::milliseconds limit);
  // Failed for another reason.
  void fail(std::string reason);
  // Counts that a definition of the plugin found nothing of what it needs in a message. True the first time, which is
  // worth a log line. What a message may choose is not counted without end: of very many definitions only the first.
  bool skipped(const std::string& definition);
  std::map<std::string, std::uint64_t> skips() const;

  std::chrono::steady_clock::time_point now() const;

  // Called, outside the lock, whenever the state has changed. Set before the first call.
  std::function<void(const Guard&)> on_change;

 private:
  bool record(const absl::Status& status, std::chrono::nanoseconds took);

  const std::string name_;
  const GuardOptions options_;
  mutable std::mutex lock_;
  State state_ = State::on;
  std::string reason_;
  GuardStatistics statistics_;
  std::chrono::steady_clock::time_point retry_at_{};
  Backoff pauses_;
  std::map<std::string, std::uint64_t> skips_;
};

}  // namespace tally::plugin

#endif
