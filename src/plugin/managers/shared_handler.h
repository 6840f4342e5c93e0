// One instance of a handler whose manifest says `single`, shared by all workers of a process.
// Not for handlers that have an instance a worker: guarded.h.
#ifndef TALLY_PLUGIN_MANAGERS_SHARED_HANDLER_H
#define TALLY_PLUGIN_MANAGERS_SHARED_HANDLER_H

#include <chrono>
#include <memory>

#include "plugin/roles.h"
#include "plugin/supervise/guarded.h"

namespace tally::plugin {

// A factory of handlers that all stand for one instance: made at the first call, by one thread at a time, and again
// after it was absent. Who waits for it longer than `patience` gets kTransient: another call may hang in it.
Factory<MessageHandler> shared_handler(Factory<MessageHandler> factory, std::chrono::milliseconds patience);

}  // namespace tally::plugin

#endif
