#include <iterator>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "collector/pipeline_group.h"
#include "collector/threads.h"
#include "plugin/supervise/worker.h"

namespace tally::collector {
namespace {

constexpr Milliseconds kRemakePause{1'000};

// Processes what it can; the messages that a hanging call left undone go back to the head of the line. False: the
// pipeline is lost with the call.
bool work(InFlight& in_flight, plugin::Worker& thread, const std::shared_ptr<Pipeline>& pipeline,
          std::vector<DeliveryPtr> taken) {
  std::vector<std::shared_ptr<const Incoming>> messages;
  messages.reserve(taken.size());
  for (const DeliveryPtr& delivery : taken) messages.emplace_back(delivery, &delivery->message);
  std::vector<std::unique_ptr<Processed>> results;
  const absl::Status status = process_group(thread, pipeline, std::move(messages), results);
  const std::size_t done = results.size();
  for (std::size_t i = 0; i < done; ++i) taken[i]->processed = std::move(results[i]);
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
                      "cannot make the handlers again: " + std::string(to_std(made.status().message())));
        in_flight.pause_worker(kRemakePause);
        continue;
      }
    }
    std::vector<DeliveryPtr> taken = in_flight.take_work(generation);
    if (!taken.empty() && !work(in_flight, thread, pipeline, std::move(taken))) pipeline = nullptr;
  }
}

}  // namespace tally::collector
