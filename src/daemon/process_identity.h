// What a running program says of itself in its status: which one it is, since when, on which configuration.
// Not for what it does: each program's own status has that.
#ifndef TALLY_DAEMON_PROCESS_IDENTITY_H
#define TALLY_DAEMON_PROCESS_IDENTITY_H

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"

namespace tally::daemon {

struct ProcessIdentity {
  std::string program;  // "tally-collector"
  std::string version;
  std::vector<std::filesystem::path> files{};  // its configuration's, in the order read; none: the defaults
  std::chrono::system_clock::time_point started = std::chrono::system_clock::now();
  std::chrono::steady_clock::time_point since = std::chrono::steady_clock::now();
};

// Adds program, pid, version, configuration, started and uptime_s.
void put_process_identity(JsonWriter& json, const ProcessIdentity& identity);

// A list of texts as JSON.
std::string json_list(const std::vector<std::string>& texts);

}  // namespace tally::daemon

#endif
