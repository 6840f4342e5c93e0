// Sees that a plugin leaves file descriptors open: counts those of the process before and after its calls.
// Not for taking them back: nobody else knows what they are for.
#ifndef TALLY_PLUGIN_SUPERVISE_DESCRIPTOR_LEAKS_H
#define TALLY_PLUGIN_SUPERVISE_DESCRIPTOR_LEAKS_H

#include <chrono>
#include <cstdint>
#include <string>

#include "base/metrics.h"

namespace tally::plugin {

// A plugin is named in one warning when its calls have left so many more open than there were.
inline constexpr std::int64_t kDescriptorsWorthAWarning = 64;

// How many descriptors this process has open; 0 where the system does not say.
std::int64_t open_descriptors();

// Whether the process's descriptors are to be counted before and after a call of `plugin` that begins `now`: they are
// for its first calls, then about ten times a second at most, for counting costs more than a call. Any thread.
bool worth_counting(const std::string& plugin, std::chrono::steady_clock::time_point now);

// Notes that there were `before` descriptors before a call of `plugin` and `after` after it. Other threads open and
// close theirs meanwhile, so that this is an estimate: the sum over its calls, never below zero. Logs one warning for
// the plugin that has the most, when that and the process's own growth pass kDescriptorsWorthAWarning. True when it
// did. Any thread.
bool note_descriptors(const std::string& plugin, std::int64_t before, std::int64_t after);

// Adds process_open_fds, and tally_plugin_descriptors_grown for each plugin that ever left one open. Any thread.
void descriptor_metrics(MetricsPage& page);

}  // namespace tally::plugin

#endif
