// A thread that can be given up when a call into a plugin does not come back.
// Not a pool, and not for work that cannot hang.
//
// A call past its limit cannot be ended: its thread is left alone with everything the call uses, the instance is never
// called again, and the plugin is failed. A second such call in one process is told to the HangCounter's callback.
#ifndef TALLY_PLUGIN_SUPERVISE_WORKER_H
#define TALLY_PLUGIN_SUPERVISE_WORKER_H

#include <functional>
#include <memory>
#include <thread>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "plugin/supervise/guard.h"

namespace tally::plugin {

// Runs one job at a time for one caller at a time. The thread begins with the first job.
class Worker {
 public:
  Worker() = default;
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Runs `job` on the worker's thread and waits for it. Guarded calls that the job makes run directly on that thread
  // and are watched one by one; when one passes its limit, its guard is failed, run() returns kHung, the thread is left
  // alone and never returns from that call, and the next run() has a new thread. So the job must own, by shared_ptr,
  // all that it and the call use; the caller's guards must live until run() returns.
  absl::Status run(std::function<void()> job);

  // Whether the calling thread is a worker's.
  static bool on_worker();

  struct Core;

 private:
  std::shared_ptr<Core> core_;
  std::thread thread_;
};

// Makes one call to a plugin under its guard: asks admit(), measures, records. On a Worker's thread it runs there and
// then; else on `worker`. `job` owns all it uses.
absl::Status guarded_call(Guard& guard, Worker& worker, std::function<absl::Status()> job);

// The same there and then. REQUIRES: Worker::on_worker().
absl::Status guarded_call_here(Guard& guard, absl::FunctionRef<absl::Status()> job);

}  // namespace tally::plugin

#endif
