// Reads one attribute of a definition: a path, a number, a list of paths, {fields, plugin}.
// Not for the definition as a whole: load.h.
#ifndef TALLY_METERS_DEFINITIONS_LOAD_FIELD_H
#define TALLY_METERS_DEFINITIONS_LOAD_FIELD_H

#include <string>

#include "definitions/program.h"
#include "definitions/yaml_map.h"

namespace meters {

// Throws Fault, with the path and its column where a path is wrong.
Field load_field(const YAML::Node& node, const std::string& key, PathTable& paths);
// A text as it is, or a path: one that begins with `$`, or can find something in a message.
Word load_word(const YAML::Node& node, const std::string& key, PathTable& paths);
// Whether a value counts as given: not null, not an empty text, list or map.
bool given(const YAML::Node& node);
// A literal value as a field.
Field constant_field(const std::string& json);

}  // namespace meters

#endif
