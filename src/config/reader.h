// A YAML text as a tree in which every part knows its place; the files of one program merged into one tree.
// Not for meaning: which keys there are, and what may stand behind them, is in config_keys.h.
#ifndef TALLY_CONFIG_READER_H
#define TALLY_CONFIG_READER_H

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"

namespace tally::config {

struct YamlPair;

struct YamlNode {
  enum class Kind { null, scalar, list, map };

  Kind kind = Kind::null;
  std::string text;             // of a scalar
  std::vector<YamlNode> items;  // of a list
  std::vector<YamlPair> pairs;  // of a map, keys are scalars
  Place place;

  const YamlNode* find(std::string_view key) const;
  // {file: …} or {env: …}, which stand for a scalar.
  bool is_reference() const;
};

// A type of its own: std::pair asks about YamlNode before it is whole.
struct YamlPair {
  YamlNode first, second;
};

// Faults as they are found.
class Faults {
 public:
  void fault(const Place& place, std::string text) { add(place, false, std::move(text)); }
  void warn(const Place& place, std::string text) { add(place, true, std::move(text)); }
  // What is told from here on is about the settings of this plugin, "role:name"; empty: about none.
  void about(std::string plugin) { about_ = std::move(plugin); }
  // In order of place, files in the order given, each text once.
  std::vector<ConfigFault> take(const std::vector<std::filesystem::path>& files);

 private:
  void add(const Place& place, bool warning, std::string text);
  std::vector<ConfigFault> faults_;
  std::string about_;
};

// The text's only document; null for an empty text, or after a fault in it. Malformed YAML, a key twice, aliases, and
// more than 1 MiB are faults.
YamlNode read_yaml(const std::string& name, std::string_view text, Faults& faults);

// Lays `over` on `under`: maps merge, all else replaces, and the lists under `disable` add up.
void merge_yaml(YamlNode& under, YamlNode over);

// The file (where it exists) and `<stem>.d/*.yaml` in order of name, merged; each file read is appended to `files`.
YamlNode read_config_files(const std::filesystem::path& path, std::vector<std::filesystem::path>& files,
                           Faults& faults);

// At most `limit` bytes of a file; the error is its reason in words.
std::optional<std::string> read_small_file(const std::filesystem::path& path, std::size_t limit, std::string& why);

}  // namespace tally::config

#endif
