// Hands messages in a row to a pipeline, on a thread that can be given up: one change of threads for all of them.
// Not for what becomes of them.
#ifndef TALLY_COLLECTOR_PIPELINE_GROUP_H
#define TALLY_COLLECTOR_PIPELINE_GROUP_H

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "collector/pipeline.h"
#include "plugin/supervise/worker.h"

namespace tally::collector {

// Processes `messages` in their order on the thread of `worker`, and waits for it. `results` becomes what was made of
// them, in that order.
//
// Not ok: the call that a handler made for messages[results.size()] hangs, and holds the pipeline for ever. That
// message and those behind it were left undone; another pipeline must take them, in which the handler's guard says
// failed.
absl::Status process_group(plugin::Worker& worker, std::shared_ptr<Pipeline> pipeline,
                           std::vector<std::shared_ptr<const Incoming>> messages,
                           std::vector<std::unique_ptr<Processed>>& results);

}  // namespace tally::collector

#endif
