// The exit statuses of all programs, which stay the same within a major version (doc/versions.md).
// Not for what a plugin's own programs answer.
#ifndef TALLY_BASE_EXIT_STATUS_H
#define TALLY_BASE_EXIT_STATUS_H

namespace tally::exit_status {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;      // something failed, or a second signal ended the program at once
inline constexpr int kUsage = 64;      // the command line is wrong
inline constexpr int kAway = 69;       // a service is away, or an address cannot be had
inline constexpr int kRestartMe = 70;  // a plugin ended the process, or two of them do not come back: start it again
inline constexpr int kInvalidConfig = 78;  // the configuration has a fault that is more than a warning

}  // namespace tally::exit_status

#endif
