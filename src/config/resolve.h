// From a node of the tree to a checked value: references followed, types, ranges and choices held, secrets watched.
// Not for deciding which keys there are.
#ifndef TALLY_CONFIG_RESOLVE_H
#define TALLY_CONFIG_RESOLVE_H

#include <map>
#include <optional>
#include <string>

#include "config/keys.h"
#include "config/reader.h"
#include "config/value.h"

namespace tally::config {

class Resolver {
 public:
  explicit Resolver(Faults& faults) : faults_(faults) {}

  // A scalar, or what {file:} or {env:} stands for; a fault and empty for anything else. `key` is for the fault's text.
  std::optional<std::string> text(const std::string& key, const YamlNode& node, bool secret);

  // text(), in canonical form, as the declaration wants it; paths absolute, from the folder of the file that says them.
  std::optional<std::string> value(const std::string& key, const KeyDecl& decl, const YamlNode& node);

  // The items of a list, or one scalar as a list of one; each checked. Faults are told, good items kept.
  Items list(const std::string& key, const KeyDecl& decl, const YamlNode& node);

  // The value as written, checked for type, range and choices: what core keys are set from.
  std::optional<std::string> checked_text(const std::string& key, const KeyDecl& decl, const YamlNode& node);

  // A warning where a secret stands in a file that others may read.
  void watch_secret(const std::string& key, const Place& place);

 private:
  std::optional<std::string> from_file(const std::string& key, const YamlNode& node, bool secret);
  bool others_may_read(const std::string& file);

  Faults& faults_;
  std::map<std::string, bool> readable_;  // by file
};

}  // namespace tally::config

#endif
