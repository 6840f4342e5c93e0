// Reads files of definitions; what is wrong in one costs that one alone.
// Not for finding out which files: the plugin does.
#ifndef TALLY_PLUGINS_METERS_LOAD_H
#define TALLY_PLUGINS_METERS_LOAD_H

#include <filesystem>
#include <string>
#include <vector>

#include "definition.h"

namespace meters {

struct Loaded {
  std::vector<Definition> definitions;  // in the order in which they make samples
  std::vector<std::string> faults;      // "compute.yaml:12: …"
  std::vector<std::string> files;       // those that were read
};

// Each path is a file, or a folder whose *.yaml are read in order of name. Of definitions with the same name the first
// file's counts, and within a file the last; within a file they make samples from the last to the first.
Loaded load(const std::vector<std::filesystem::path>& paths);

}  // namespace meters

#endif
