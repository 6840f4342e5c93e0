// One line in the host's log, under the plugin's name.
// Not for errors that end a call: throw those. Never once per call: for what an operator must act upon.
#ifndef TALLY_SDK_LOG_H
#define TALLY_SDK_LOG_H

#include <tally/sdk/boundary.h>

#include <string_view>

namespace tally {

enum class Level : std::int32_t {
  debug = TALLY_LOG_DEBUG,
  info = TALLY_LOG_INFO,
  warning = TALLY_LOG_WARNING,
  error = TALLY_LOG_ERROR,
};

// Any thread.
inline void log(Level level, std::string_view text) {
  if (detail::host != nullptr && detail::host->log != nullptr) {
    detail::host->log(static_cast<std::int32_t>(level), to_c(text));
  }
}

}  // namespace tally

#endif
