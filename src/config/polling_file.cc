// The rules of Ceilometer's check of its sources, with a place and a way out for each fault.
// Not for defaults: what a source leaves out, the pollsters know.
#include "config/polling_file.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

#include "config/value.h"

namespace tally::config {
namespace {

constexpr std::size_t kMostOfFile = (std::size_t{1} << 20) + 1;  // one more than read_yaml takes, so that it says so
constexpr std::int64_t kLongestInterval = std::int64_t{366} * 24 * 3600;  // seconds

constexpr std::array<std::string_view, 6> kSourceKeys = {"name",      "interval",  "meters",
                                                         "resources", "discovery", "group_id_coordination_expression"};

using Kind = YamlNode::Kind;

// One entry of `sources`.
class SourceReader {
 public:
  SourceReader(const YamlNode& node, Faults& faults) : node_(node), faults_(faults) { source_.place = node.place; }

  // Nothing after a fault.
  std::optional<PollingSource> read() {
    const YamlNode* name = node_.find("name");
    if (name == nullptr || name->kind != Kind::scalar || name->text.empty()) {
      fault(name == nullptr ? node_.place : name->place, "a source needs a name: write `name: WORD`");
    } else {
      source_.name = name->text;
    }
    read_interval();
    read_meters();
    source_.resources = list("resources");
    source_.discoveries = list("discovery");
    tell_others();
    return whole_ ? std::optional(std::move(source_)) : std::nullopt;
  }

 private:
  void fault(const Place& place, const std::string& text) {
    faults_.fault(place, who() + text);
    whole_ = false;
  }
  std::string who() const { return source_.name.empty() ? "" : "source \"" + source_.name + "\": "; }

  void read_interval() {
    const YamlNode* node = node_.find("interval");
    if (node == nullptr) return fault(node_.place, "\"interval\" is missing: write whole seconds, as in 300");
    const absl::StatusOr<std::int64_t> whole = parse_integer(node->text);
    if (node->kind != Kind::scalar || !whole.ok() || *whole <= 0 || *whole > kLongestInterval) {
      return fault(node->place, "\"interval\" takes whole seconds above 0, as in 300" +
                                    (node->text.empty() ? "" : ", not \"" + node->text + "\""));
    }
    source_.interval = std::chrono::seconds(*whole);
  }

  void read_meters() {
    const YamlNode* node = node_.find("meters");
    if (node == nullptr) return fault(node_.place, "\"meters\" is missing: list them, or write [\"*\"] for all");
    source_.meters_place = node->place;
    const bool whole_before = std::exchange(whole_, true);
    if (node->kind == Kind::scalar && !node->text.empty()) {
      source_.meters = {node->text};
    } else if (node->kind != Kind::scalar) {
      source_.meters = list("meters");
    }
    if (source_.meters.empty() && whole_) {
      fault(node->place, "\"meters\" lists nothing: name some, or write [\"*\"] for all");
    }
    tell_contradictions(node->place);
    whole_ = whole_ && whole_before;
  }

  void tell_contradictions(const Place& place) {
    const auto begins = [&](const char* with) {
      return std::find_if(source_.meters.begin(), source_.meters.end(),
                          [&](const std::string& entry) { return entry.find_first_of(with) == 0; });
    };
    const auto plain = std::find_if(source_.meters.begin(), source_.meters.end(),
                                    [](const std::string& entry) { return entry.find_first_of("*!") != 0; });
    const auto excluded = begins("!");
    if (plain == source_.meters.end()) return;
    if (excluded != source_.meters.end()) {
      fault(place, "\"meters\" has both \"" + *plain + "\" and \"" + *excluded +
                       "\": list what is polled, or only exclusions (!NAME), or \"*\" and exclusions");
    }
    if (std::find(source_.meters.begin(), source_.meters.end(), "*") != source_.meters.end()) {
      fault(place, "\"meters\" has both \"*\" and \"" + *plain + "\": \"*\" is all of them, remove one of the two");
    }
  }

  std::vector<std::string> list(const std::string& key) {
    const YamlNode* node = node_.find(key);
    std::vector<std::string> texts;
    if (node == nullptr || (node->kind == Kind::null && key != "meters")) return texts;
    if (node->kind == Kind::scalar || node->kind == Kind::map) {
      fault(node->place, "\"" + key + "\" takes a list, as in [" + (node->text.empty() ? "a, b" : node->text) + "]");
    }
    for (const YamlNode& item : node->items) {
      if (item.kind == Kind::scalar && !item.text.empty()) {
        texts.push_back(item.text);
      } else {
        fault(item.place, "an entry of \"" + key + "\" is a word, and this is none: write it out, or remove it");
      }
    }
    return texts;
  }

  void tell_others() {
    for (const auto& [key, value] : node_.pairs) {
      if (key.text == "group_id_coordination_expression") {
        faults_.warn(key.place, who() + "\"" + key.text + "\" is a program in Python, ignoring it: every agent polls");
      } else if (std::find(kSourceKeys.begin(), kSourceKeys.end(), key.text) == kSourceKeys.end()) {
        faults_.warn(key.place,
                     who() + "unknown key \"" + key.text + "\", ignoring it" + did_you_mean(key.text, kSourceKeys));
      }
    }
  }

  const YamlNode& node_;
  Faults& faults_;
  PollingSource source_;
  bool whole_ = true;
};

}  // namespace

std::vector<PollingSource> parse_polling(const std::string& name, std::string_view text, Faults& faults) {
  Faults of_yaml;
  const YamlNode root = read_yaml(name, text, of_yaml);
  const std::vector<ConfigFault> told = of_yaml.take({name});
  for (const ConfigFault& fault : told) faults.fault({fault.file, fault.line, fault.column}, fault.text);
  const YamlNode* list = root.find("sources");
  std::vector<PollingSource> sources;
  if (root.kind == Kind::null && !told.empty()) return sources;
  if (list == nullptr || list->kind != Kind::list) {
    Place place = list != nullptr ? list->place : root.place;
    place.file = name;
    faults.fault(place, "a polling file has a list \"sources\", each with name, interval and meters");
    return sources;
  }
  std::map<std::string, int> lines;
  for (const YamlNode& node : list->items) {
    if (node.kind != Kind::map) {
      faults.fault(node.place, "a source is a mapping with name, interval and meters");
      continue;
    }
    std::optional<PollingSource> source = SourceReader(node, faults).read();
    if (!source) continue;
    const auto [first, fresh] = lines.try_emplace(source->name, source->place.line);
    if (!fresh) {
      faults.warn(source->place, "source \"" + source->name + "\" stands here a second time, first in line " +
                                     std::to_string(first->second) + ": both count");
    }
    sources.push_back(*std::move(source));
  }
  if (list->items.empty()) faults.warn(list->place, "\"sources\" is empty: nothing is polled");
  return sources;
}

std::vector<PollingSource> read_polling(const std::filesystem::path& file, const Place& named, Faults& faults) {
  std::string why;
  const std::optional<std::string> text = read_small_file(file, kMostOfFile, why);
  if (text) return parse_polling(file.string(), *text, faults);
  faults.fault(named, "\"polling.file\": " + file.string() + " cannot be read: " + why +
                          "; without the key everything is polled");
  return {};
}

bool entry_matches(std::string_view entry, const std::string& meter) {
  return ::fnmatch(std::string(entry).c_str(), meter.c_str(), FNM_NOESCAPE) == 0;
}

bool wants_meter(std::span<const std::string> entries, const std::string& meter) {
  bool only_exclusions = true;
  bool included = false;
  for (const std::string& entry : entries) {
    if (entry.starts_with("!")) {
      if (entry_matches(std::string_view(entry).substr(1), meter)) return false;
    } else {
      only_exclusions = false;
      included = included || entry_matches(entry, meter);
    }
  }
  return included || (only_exclusions && !entries.empty());
}

}  // namespace tally::config
