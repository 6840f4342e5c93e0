// Writes a regular expression out as some of the texts that it may match.
// Not for deciding what it matches: event_pattern.h tries each of these.
#ifndef TALLY_METERS_DEFINITIONS_REGEX_LITERALS_H
#define TALLY_METERS_DEFINITIONS_REGEX_LITERALS_H

#include <string>
#include <string_view>
#include <vector>

namespace meters {

// One text for each way through the alternatives, 64 at most. What may be missing is left out, of a set the first
// character is taken, `.` is a dot; what looks ahead or behind adds nothing.
std::vector<std::string> written_out(std::string_view regex);

}  // namespace meters

#endif
