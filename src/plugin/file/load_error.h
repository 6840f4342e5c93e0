// The status codes of a plugin that cannot be used in this process at all.
// Not for errors of one call: see base/status.h.
#ifndef TALLY_PLUGIN_FILE_LOAD_ERROR_H
#define TALLY_PLUGIN_FILE_LOAD_ERROR_H

#include "absl/status/status.h"

namespace tally::plugin {

// The plugin's file broke the boundary's rules before its first call. Never tried again in this process.
inline constexpr absl::StatusCode kRefused = absl::StatusCode::kFailedPrecondition;
// The plugin says of itself, for good, that it cannot be used as it is configured; or its `create` is broken.
inline constexpr absl::StatusCode kFailed = absl::StatusCode::kAborted;

}  // namespace tally::plugin

#endif
