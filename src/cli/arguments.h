// What several commands read alike: durations, input files, where the store is.
// Not for configuration values: config/value.h.
#ifndef TALLY_CLI_ARGUMENTS_H
#define TALLY_CLI_ARGUMENTS_H

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "config/config.h"

namespace tally::cli {

// "30s", "5m", "1h", "2d", "500ms", or seconds without a unit; in microseconds. Nothing for what is none.
std::optional<std::int64_t> duration_us(const std::string& text);

// Calls `take` with each line of the file ("-": standard input) that is not blank, with its number from 1 on, without
// its end. False from `take` ends the reading.
absl::Status each_line(const std::string& path,
                       const std::function<bool(std::string line, std::uint64_t number)>& take);

// Why there is no store to ask yet: an SQLite file that does not exist would be made by asking.
std::optional<std::string> missing_store(const config::Config& config);

}  // namespace tally::cli

#endif
