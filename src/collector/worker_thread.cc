#include <atomic>
#include <iterator>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "collector/threads.h"
#include "plugin/supervise/worker.h"

namespace tally::collector {
namespace {

constexpr Milliseconds kRemakePause{1'000};

// Everything that a hanging call may still hold: owned by the job, so that it may be left alone for ever.
struct Job {
  std::shared_ptr<Pipeline> pipeline;
  std::vector<DeliveryPtr> deliveries;
  std::vector<std::unique_ptr<Processed>> results;
  std::atomic<std::size_t> done{0};  // results below it are there
  std::atomic<bool> abandoned{false};

  void run() {
    for (std::size_t i = 0; i < deliveries.size() && !abandoned.load(); ++i) {
      results[i].reset(new Processed(pipeline->process(deliveries[i]->message)));  // made where it stays
      done.store(i + 1, std::memory_order_release);
    }
  }
};

// Processes what it can; the messages that a hanging call left undone go back to the head of the line. False: the
// pipeline is lost with the call.
bool work(InFlight& in_flight, plugin::Worker& thread, const std::shared_ptr<Pipeline>& pipeline,
          std::vector<DeliveryPtr> taken) {
  auto job = std::make_shared<Job>();
  job->pipeline = pipeline;
  job->results.resize(taken.size());
  job->deliveries = taken;
  const absl::Status status = thread.run([job] { job->run(); });
  job->abandoned.store(true);
  const std::size_t done = job->done.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < done; ++i) taken[i]->processed = std::move(job->results[i]);
  const auto border = taken.begin() + static_cast<std::ptrdiff_t>(done);
  std::vector<DeliveryPtr> undone(std::make_move_iterator(border), std::make_move_iterator(taken.end()));
  taken.resize(done);
  in_flight.done_work(taken);
  in_flight.return_work(std::move(undone));
  if (status.ok()) return true;
  log::error(to_std(status.message()));
  return false;
}

}  // namespace

void run_worker(InFlight& in_flight, PipelineSlot& slot) {
  plugin::Worker thread;
  std::shared_ptr<Pipeline> pipeline;
  while (!in_flight.quitting()) {
    const std::uint64_t generation = in_flight.generation();
    if (auto next = slot.take()) pipeline = std::move(next);
    if (!pipeline) {
      absl::StatusOr<Pipeline> made = in_flight.options().pipeline();
      if (made.ok()) {
        pipeline = std::make_shared<Pipeline>(*std::move(made));
      } else {
        log::once_per("remake handlers", log::Level::error,
                      "cannot make the handlers anew: " + std::string(to_std(made.status().message())));
        in_flight.pause_worker(kRemakePause);
        continue;
      }
    }
    std::vector<DeliveryPtr> taken = in_flight.take_work(generation);
    if (!taken.empty() && !work(in_flight, thread, pipeline, std::move(taken))) pipeline = nullptr;
  }
}

}  // namespace tally::collector
