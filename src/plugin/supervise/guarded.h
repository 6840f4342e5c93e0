// The host's classes with a guard around each call; a guarded instance looks like any other.
// Not for deciding what an error means for a message or a resource.
#ifndef TALLY_PLUGIN_SUPERVISE_GUARDED_H
#define TALLY_PLUGIN_SUPERVISE_GUARDED_H

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "plugin/roles.h"
#include "plugin/supervise/guard.h"
#include "plugin/supervise/worker.h"

namespace tally::plugin {

template <class T>
using Factory = std::function<absl::StatusOr<std::unique_ptr<T>>()>;

// Instances that make themselves at the first call, under the guard, and again after they were absent. A factory is
// called on a worker's thread; what it refers to must live as long as the process or be owned by it. After kHung the
// instance is never called again.
std::unique_ptr<Sampler> guarded(Factory<Sampler> factory, std::shared_ptr<Guard> guard);
std::unique_ptr<ResourceFinder> guarded(Factory<ResourceFinder> factory, std::shared_ptr<Guard> guard);
// handle() costs a copy of the message and two thread switches, unless the caller itself is a Worker's job: then it
// runs in place, and the message and `samples` must be owned by that job.
std::unique_ptr<MessageHandler> guarded(Factory<MessageHandler> factory, std::shared_ptr<Guard> guard);

// Counted and timed on the calling thread, never refused or given up: a store or a bus has clocks of its own. The
// guard's options should say quarantine_after = 0.
std::unique_ptr<StorageDriver> guarded(std::unique_ptr<StorageDriver> storage, std::shared_ptr<Guard> guard);
std::unique_ptr<TransportDriver> guarded(std::unique_ptr<TransportDriver> transport, std::shared_ptr<Guard> guard);

}  // namespace tally::plugin

#endif
