// Every key that the programs themselves understand, declared once: type, default, help, and where it goes.
// Not for plugins' keys: their manifests declare them.
#ifndef TALLY_CONFIG_KEYS_H
#define TALLY_CONFIG_KEYS_H

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"

namespace tally::config {

enum class Shape {
  one,           // a scalar
  list,          // a list of scalars, or one scalar
  by_namespace,  // a scalar, or a map from a polling namespace, or a pollster, to one
  by_meter,      // a scalar, or a map from a meter's glob to one
  open,          // read by code of its own: `plugins`
};

struct Item {
  std::string name;                 // by_namespace, by_meter; "*" for a scalar that stands for all
  std::optional<std::string> text;  // empty: the word none
  Place place;                      // line 0 and no file: the default
  bool elsewhere = false;           // {file:} or {env:} stands there instead of the text
};

// A key's value, checked; `one` has exactly one item.
using Items = std::vector<Item>;

inline constexpr unsigned kCollector = 1U << static_cast<unsigned>(Program::collector);
inline constexpr unsigned kAgent = 1U << static_cast<unsigned>(Program::agent);
inline constexpr unsigned kRun = 1U << static_cast<unsigned>(Program::run);
inline constexpr unsigned kAll = kCollector | kAgent | kRun;

struct CoreKey {
  KeyDecl decl;  // its name is the whole path: "polling.interval"; its default the one for most programs
  Shape shape = Shape::one;
  unsigned programs = kAll;
  bool url = false;                          // a value must be a URL, and is shown without its password
  bool none = false;                         // the word `none` is a value
  std::string example;                       // for the sample, where the default says too little
  std::optional<std::string> run_default;    // where `tally run` differs
  std::optional<std::string> agent_default;  // where the agent differs
  void (*set)(Config& config, const Items& items) = nullptr;

  bool belongs_to(Program program) const { return (programs & 1U << static_cast<unsigned>(program)) != 0; }
  // With {data} and {host} in it still; empty: none, or it follows from another key.
  std::optional<std::string> default_for(Program program) const;
};

// In the order in which they are shown. `data` and `host` come first, because defaults speak of them.
std::span<const CoreKey> core_keys();

// `host: 60s, compute: 300s` as items.
Items parse_default_items(const CoreKey& key, std::string_view text);

}  // namespace tally::config

#endif
