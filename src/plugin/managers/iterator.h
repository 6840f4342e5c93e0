// Calls each pollster on its timer, with the resources that its discovery found in the same cycle.
// Not for what becomes of the samples: a sink takes them, one result after each poll. Not for finding plugins either:
// it is given named factories, and a test gives it objects of its own.
//
//   plugin::Iterator iterator({}, [](plugin::Polled polled) { … });
//   iterator.run({{.name = "load", .make = [] { return std::make_unique<Load>(); }}}, {});
//   …
//   iterator.stop(std::chrono::seconds(5));
#ifndef TALLY_PLUGIN_MANAGERS_ITERATOR_H
#define TALLY_PLUGIN_MANAGERS_ITERATOR_H

#include <tally/model/sample.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "plugin/managers/poller.h"
#include "plugin/managers/shared_discovery.h"

namespace tally::plugin {

// What one poll brought. `state` is what the pollster is from now on ("on", "absent", "quarantined", "failed",
// "refused"), `before` what it was.
struct Polled {
  std::string pollster;
  Time cycle;  // the time of samples that name none
  absl::Status status;
  std::vector<Sample> samples;  // each with its time; there may be some even when the status is an error
  std::vector<PollFault> faults;
  std::string state;
  std::string before;
};

struct IteratorOptions {
  std::int64_t recheck_us = 600'000'000;  // how often an absent pollster is looked at again
  bool at_once = false;                   // first cycle at the start, not at the next multiple of the interval
};

// One pollster's record.
struct PollsterState {
  std::string name;
  std::string state = "on";
  std::string reason;
  std::uint64_t cycles = 0;
  std::uint64_t skipped = 0;  // fell due while one before was still at it: left out, never made up for
  std::uint64_t errors = 0;
  std::uint64_t faults = 0;  // resources that could not be measured, samples that were refused
};

// Every pollster has a thread of its own, so that a slow one delays only itself; pollsters that name one discovery
// share its answer of the cycle. When each is due: plugin/managers/schedule.h. A pollster whose call is given up
// (kHung) is not called again.
//
// All calls from one thread, but states(), which any may call.
class Iterator {
 public:
  // Called on the pollsters' threads, by several at once; never after stop().
  using Sink = std::function<void(Polled)>;

  Iterator(IteratorOptions options, Sink sink);
  ~Iterator();
  Iterator(const Iterator&) = delete;
  Iterator& operator=(const Iterator&) = delete;

  // Runs these from now on, and no others. One that ran already with an equal fingerprint goes on with its instance and
  // its timer. Waits up to five seconds for those that end; answers the names of those that were left alone, because
  // they did not come back.
  std::vector<std::string> run(std::vector<TimedPollster> pollsters, std::vector<DiscoverySource> discoveries);

  // Ends all; answers the names of those left alone after `limit`. Idempotent.
  std::vector<std::string> stop(std::chrono::milliseconds limit);

  // In the order they were given.
  std::vector<PollsterState> states() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tally::plugin

#endif
