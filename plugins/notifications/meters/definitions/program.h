// All definitions, their paths and their metadata, each of them once however many definitions share it.
// Not for running it: message.h and sample.h.
#ifndef TALLY_METERS_DEFINITIONS_PROGRAM_H
#define TALLY_METERS_DEFINITIONS_PROGRAM_H

#include <tally/model/sample.h>

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "definitions/event_pattern.h"
#include "definitions/field.h"
#include "paths/path.h"

namespace meters {

// Every path that a definition uses, once.
class PathTable {
 public:
  explicit PathTable(PathOptions options = {}) : options_(options) {}

  // Its number; none with the reason in `why`.
  std::optional<std::uint32_t> add(const std::string& text, std::string& why);
  const Path& operator[](std::uint32_t number) const { return paths_[number]; }
  std::size_t size() const { return paths_.size(); }

 private:
  PathOptions options_;
  std::vector<Path> paths_;
  std::unordered_map<std::string, std::uint32_t> known_;
};

// What stands in resource_metadata.
struct Metadata {
  std::vector<std::pair<std::string, Field>> members;
  Field user;  // a map of which the reserved names are kept

  bool whole_payload() const { return members.empty() && !user.set(); }
};

// A text: the path's, or the literal one where the path finds nothing (empty: there is none).
struct Word {
  Field field;
  std::string literal;
};

// The type that a word names.
inline std::optional<tally::SampleType> type_named(std::string_view word) {
  for (const auto type : {tally::SampleType::gauge, tally::SampleType::delta, tally::SampleType::cumulative})
    if (word == tally::to_string(type)) return type;
  return std::nullopt;
}

struct Definition {
  std::string place;  // "compute.yaml:12"
  std::string id;     // "compute.yaml:memory": by which it is disabled
  bool disabled = false;
  std::string name_key;  // the name as written, for duplicates and errors
  std::vector<EventPattern> event_types;
  Word name, type, unit;
  std::optional<tally::SampleType> literal_type;  // the type's literal, where it names one
  Field volume, resource_id, project_id, user_id, timestamp;
  std::uint32_t metadata = 0;  // number in Program::metadata
  // Which attributes have a value for each sample (the key "lookup"); without it there is one sample.
  bool lookup = false;
  bool lookup_type = false, lookup_volume = false, lookup_unit = false, lookup_timestamp = false, lookup_user = false,
       lookup_project = false, lookup_resource = false;
};

struct Program {
  explicit Program(PathOptions options = {});

  PathTable paths;
  std::vector<Metadata> metadata = std::vector<Metadata>(1);  // the first: the whole payload
  std::vector<Definition> definitions;                        // in the order in which they make samples
  std::vector<Definition> hidden;       // disabled, and hidden by one that counts: told with the others, and no more
  Field context_project, context_user;  // where a definition finds neither: who asked for what the message tells of
  Field payload, payload_event_type, payload_host;  // for metadata that is the whole payload
};

// How user metadata is chosen; the names are Ceilometer's options.
struct Reserved {
  std::vector<std::string> namespaces = {"metering."};
  std::vector<std::string> keys;
  std::size_t length = 256;
};

}  // namespace meters

#endif
