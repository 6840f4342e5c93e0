// What is measured, made ready: a message of 1.6 KB, a worker's pipeline over the built plugins, a dispatcher of fakes.
// Not for measuring: speed.cc has clocks, count.cc is run under callgrind.
#ifndef TALLY_TESTS_BENCH_WORK_H
#define TALLY_TESTS_BENCH_WORK_H

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "collector/pipeline.h"
#include "plugin/catalog/catalog.h"
#include "plugin/managers/dispatcher.h"

namespace tally::bench {

// What is told of a server, in the version 2 envelope as a service writes it: 1,602 bytes, four samples. Its event type
// is compute.instance.ENDING.
std::string server_message(const std::string& ending = "exists");

// The handlers of $TALLY_PLUGIN_PATH with the definitions of $TALLY_DEFINITIONS, guarded as in a collector.
// Ends the program with a reason where they cannot be had.
collector::Pipeline make_pipeline();

// The part of the wiring that is done again at each start and reload: instances of all handlers, with their
// definitions.
absl::StatusOr<collector::Pipeline> load_handlers(plugin::Catalog& catalog);

// Runs `job` where a collector runs its pipeline: on a worker's thread.
void on_worker(std::function<void()> job);

// One handler that takes `server_message()`'s event type and does nothing, and `others` that do not take it; each of
// them claims an exact type, one with `*` at its end and one with `*` at its beginning.
std::unique_ptr<plugin::Dispatcher> make_dispatcher(std::size_t others);

// Finds the handlers of the message, and calls them. The number of samples, which is 0.
std::size_t dispatch(plugin::Dispatcher& dispatcher);

}  // namespace tally::bench

#endif
