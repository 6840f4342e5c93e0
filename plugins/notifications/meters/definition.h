// One declarative definition: which messages it takes, and how a sample is made of one.
// Not for files of definitions: load.h.
#ifndef TALLY_PLUGINS_METERS_DEFINITION_H
#define TALLY_PLUGINS_METERS_DEFINITION_H

#include <tally/model/sample.h>
#include <tally/sdk/json.h>

#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "path.h"

namespace meters {

// Where a value comes from: the first path that finds one, or a value that is always the same.
struct Field {
  std::vector<Path> paths;
  std::string constant;  // JSON text, used where there are no paths

  bool set() const { return !paths.empty() || !constant.empty(); }
  // The first value that is not null, as written; none where there is none. The view lives as long as both.
  std::optional<std::string_view> raw(const tally::Json& message) const;
  // The same as a text: a string's own, anything else as written.
  std::optional<std::string> text(const tally::Json& message) const;
};

// A pattern of event types: a regular expression that must match from the first character on, not to the last, or where
// it is no valid one, a text in which `*` stands for any run of characters.
class EventPattern {
 public:
  static std::optional<EventPattern> parse(const std::string& text, std::string& why);
  bool matches(const std::string& event_type) const;
  // What the host can index: exact characters up to the first special one, then `*`.
  const std::string& claim() const { return claim_; }

 private:
  std::regex regex_;
  std::string claim_;
};

// Made by parse_definition (load.h). Making samples is for any thread.
struct Definition {
  std::string place;     // "compute.yaml:12"
  std::string name_key;  // the name as written, for duplicates and errors
  std::vector<EventPattern> event_types;
  Field name, type, unit, volume, resource_id, project_id, user_id, timestamp;
  std::vector<std::pair<std::string, Field>> metadata;

  bool matches(const std::string& event_type) const;

  // The sample of one message (`ctxt`, `publisher_id`, `event_type`, `payload`, `metadata`). None where the message has
  // no volume for it. Throws tally::Error::permanent where there is one of which no sample can be made.
  std::optional<tally::Sample> sample(const tally::Json& message) const;
};

}  // namespace meters

#endif
