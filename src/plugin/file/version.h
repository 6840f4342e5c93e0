// Which of two versions of a plugin is the newer one.
// Not for ranges or for the ABI's version: that is a number of its own.
#ifndef TALLY_PLUGIN_FILE_VERSION_H
#define TALLY_PLUGIN_FILE_VERSION_H

#include <string_view>

namespace tally::plugin {

// Below zero where `a` is older than `b`, above where it is newer, 0 where they say the same. Numbers count as numbers,
// words as words, part by part ("1.9.0" is older than "1.10.0"); a part that is missing is a zero ("1.0" is "1"); what
// follows a "-" is older than nothing there ("1.0-rc1" is older than "1.0"); what follows a "+" does not count.
int compare_versions(std::string_view a, std::string_view b);

}  // namespace tally::plugin

#endif
