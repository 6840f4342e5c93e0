#include "collector/pipeline_group.h"

#include <atomic>
#include <utility>

namespace tally::collector {
namespace {

// Everything that a hanging call may still hold: owned by the job, so that it may be left alone for ever.
struct GroupJob {
  std::shared_ptr<Pipeline> pipeline;
  std::vector<std::shared_ptr<const Incoming>> messages;
  std::vector<std::unique_ptr<Processed>> results;
  std::atomic<std::size_t> done{0};  // results below it are there
  std::atomic<bool> abandoned{false};

  void run() {
    for (std::size_t i = 0; i < messages.size() && !abandoned.load(); ++i) {
      results[i].reset(new Processed(pipeline->process(*messages[i])));  // made where it stays
      done.store(i + 1, std::memory_order_release);
    }
  }
};

}  // namespace

absl::Status process_group(plugin::Worker& worker, std::shared_ptr<Pipeline> pipeline,
                           std::vector<std::shared_ptr<const Incoming>> messages,
                           std::vector<std::unique_ptr<Processed>>& results) {
  auto job = std::make_shared<GroupJob>();
  job->pipeline = std::move(pipeline);
  job->results.resize(messages.size());
  job->messages = std::move(messages);
  absl::Status status = worker.run([job] { job->run(); });
  job->abandoned.store(true);
  const std::size_t done = job->done.load(std::memory_order_acquire);
  results.clear();
  for (std::size_t i = 0; i < done; ++i) results.push_back(std::move(job->results[i]));
  return status;
}

}  // namespace tally::collector
