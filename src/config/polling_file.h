// Reads Ceilometer's polling.yaml as it is: which meters are polled, how often, and of what.
// Not for what is installed: check_polling (config/config.h) compares the lists with that.
#ifndef TALLY_CONFIG_POLLING_FILE_H
#define TALLY_CONFIG_POLLING_FILE_H

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/reader.h"

namespace tally::config {

// The sources of a text, which faults call `name`; one with a fault is left out.
std::vector<PollingSource> parse_polling(const std::string& name, std::string_view text, Faults& faults);

// The same of a file; one that cannot be read is a fault at `named`, where the configuration names it.
std::vector<PollingSource> read_polling(const std::filesystem::path& file, const Place& named, Faults& faults);

// Ceilometer's rule: a `!` entry that matches excludes; else one that matches includes; only exclusions include the
// rest. `*`, `?`, `[seq]` and `[!seq]` are wildcards.
bool wants_meter(std::span<const std::string> entries, const std::string& meter);

// Whether one entry, without its `!`, matches.
bool entry_matches(std::string_view entry, const std::string& meter);

}  // namespace tally::config

#endif
