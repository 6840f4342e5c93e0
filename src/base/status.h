// The classes of failure, as absl::Status codes: what to do next, not what happened.
// Not for error texts: those name the thing, the place and the way out, where they arise.
#ifndef TALLY_BASE_STATUS_H
#define TALLY_BASE_STATUS_H

#include <string_view>

#include "absl/status/status.h"
#include "base/strings.h"

namespace tally {

// What a plugin measures is not here: turn it off, look again slowly.
inline constexpr absl::StatusCode kAbsent = absl::StatusCode::kUnimplemented;
// May succeed later: try again.
inline constexpr absl::StatusCode kTransient = absl::StatusCode::kUnavailable;
// Will never succeed for this input: do not try again.
inline constexpr absl::StatusCode kPermanent = absl::StatusCode::kInvalidArgument;
// A notification handler's "none of mine, after all".
inline constexpr absl::StatusCode kUnclaimed = absl::StatusCode::kOutOfRange;
// A call that did not come back within its limit.
inline constexpr absl::StatusCode kHung = absl::StatusCode::kDeadlineExceeded;

inline absl::Status absent(std::string_view text) { return {kAbsent, to_absl(text)}; }
inline absl::Status transient(std::string_view text) { return {kTransient, to_absl(text)}; }
inline absl::Status permanent(std::string_view text) { return {kPermanent, to_absl(text)}; }

}  // namespace tally

#endif
