// The plugins that a field of a definition may name: split, bitfield, timedelta, map.
// Not for reading a field's specification: load_field.cc.
#ifndef TALLY_METERS_DEFINITIONS_FIELD_PLUGIN_H
#define TALLY_METERS_DEFINITIONS_FIELD_PLUGIN_H

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "values/node.h"

namespace meters {

// A value that a field found, and the way to it ("payload.flags.[0]").
struct Found {
  std::string path;
  const Node* value;
};

// Makes values of what a field's paths found, nulls left out. Any thread.
class FieldPlugin {
 public:
  virtual ~FieldPlugin() = default;
  // Whether each value found makes one of its own.
  virtual bool each() const { return false; }
  virtual void values(const std::vector<Found>& found, Arena& arena, std::vector<const Node*>& made) const = 0;
};

// Its parameters as JSON, null where it has none. Null with the reason in `why`.
std::shared_ptr<const FieldPlugin> make_trait(std::string_view name, std::string_view parameters, std::string& why);

}  // namespace meters

#endif
