// Reads samples out of what a command wrote: JSON lines with a sample's keys, and lines "name value [unit]".
// Not for running anything. Every byte in is an outsider's: nothing here trusts it.
#ifndef TALLY_PLUGINS_EXEC_OUTPUT_H
#define TALLY_PLUGINS_EXEC_OUTPUT_H

#include <tally/model/sample.h>

#include <optional>
#include <string>
#include <string_view>

// One line; empty ones and those that begin with # are not samples: check is_comment first. What a line leaves out:
// type gauge, no unit, `host` as the resource. On nothing, `why` says what is wrong with the line.
bool is_comment(std::string_view line);
std::optional<tally::Sample> read_line(std::string_view line, const std::string& host, std::string& why);

#endif
