// What each of a collector's threads does from its start to its end.
// Not for starting them: collector.cc does; not for what they share: collector/in_flight.h.
#ifndef TALLY_COLLECTOR_THREADS_H
#define TALLY_COLLECTOR_THREADS_H

#include <tally/kit/backoff.h>

#include <memory>
#include <mutex>
#include <utility>

#include "collector/in_flight.h"
#include "collector/loss_detector.h"
#include "collector/pipeline.h"

namespace tally::collector {

// Between attempts to reach a bus; doubled from the first to the last.
inline constexpr Milliseconds kFirstPause{250};
inline constexpr Milliseconds kLastPause{30'000};

// Hands a worker its next pipeline, from any thread.
class PipelineSlot {
 public:
  void put(std::shared_ptr<Pipeline> pipeline) {
    const std::lock_guard lock(mutex_);
    next_ = std::move(pipeline);
  }
  // Null where nothing new is there.
  std::shared_ptr<Pipeline> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(next_, nullptr);
  }

 private:
  std::mutex mutex_;
  std::shared_ptr<Pipeline> next_;
};

// Opens the bus with growing pauses, serves it until it is closed and nothing of it is in flight or unsettled.
void run_bus(InFlight& in_flight, const BusPtr& bus);

// Turns messages into rows until the in-flight table quits.
void run_worker(InFlight& in_flight, PipelineSlot& slot);

// Opens the store with growing pauses and writes batch after batch until the in-flight table quits; stays idle while
// the store takes no more than `number` writers. Writer 0 also removes expired samples, once an hour.
void run_writer(InFlight& in_flight, LossDetector& loss_detector, unsigned number);

// Sends copies of dead letters until the in-flight table quits; what it cannot send then is counted as missed.
void run_copier(InFlight& in_flight);

}  // namespace tally::collector

#endif
