// Makes samples out of messages by declarative definitions: the handler for everything that needs no code of its own.
// Not for reading the definitions: load.h.
#include <tally/plugin.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "definitions/load.h"
#include "handler.h"

#ifndef TALLY_METERS_FOLDER
#define TALLY_METERS_FOLDER "/usr/local/share/tally/meters.d"
#endif

namespace {

constexpr const char* kVariable = "TALLY_DEFINITIONS";

bool from_variable() {
  const char* variable = std::getenv(kVariable);
  return variable != nullptr && *variable != '\0';
}

// The variable's paths, joined by colons; else the configured ones; else the shipped folder.
std::vector<std::filesystem::path> paths(const tally::Config& config) {
  std::vector<std::filesystem::path> found;
  if (from_variable()) {
    for (std::string_view rest = std::getenv(kVariable); !rest.empty();) {
      const std::size_t end = std::min(rest.find(':'), rest.size());
      if (end > 0) found.emplace_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return found;
  }
  if (config.has("definitions"))
    for (const std::string& path : config.list("definitions")) found.emplace_back(path);
  if (found.empty()) found.emplace_back(TALLY_METERS_FOLDER);
  return found;
}

class Meters : public tally::NotificationHandler {
 public:
  explicit Meters(const tally::Config& config) : handler_(program(config), reserved(config)) {}

  std::vector<std::string> claims() override { return handler_.claims(); }

  std::vector<tally::MeterDefinition> definitions(std::optional<std::string_view> event_type) override {
    return handler_.definitions(event_type);
  }

  void handle(const tally::Notification& notification, tally::Emitter& emit) override {
    handler_.handle(notification, emit);
  }

 private:
  static meters::Program program(const tally::Config& config) {
    const auto from = paths(config);
    meters::Definitions definitions({config.boolean("arithmetic_from_the_right")}, config.disabled());
    definitions.load(from);
    for (const std::string& fault : definitions.faults()) tally::log(tally::Level::warning, fault);
    for (const std::string& notice : definitions.notices()) tally::log(tally::Level::warning, notice);
    if (definitions.program().definitions.empty()) {
      const std::string none = "no definitions in " + from.front().string() + (from.size() > 1 ? " and others" : "");
      if (from_variable() || !config.has("definitions") || config.list("definitions").empty()) {
        throw tally::Error::absent(none + ": set " + kVariable + " or the key \"definitions\"");
      }
      // Somebody wants these: what they would take waits as dead letters, and is not passed over.
      throw tally::Error::permanent(none + ": correct the key \"definitions\"" +
                                    (definitions.faults().empty() ? "" : " (" + definitions.faults().front() + ")"));
    }
    return std::move(definitions).take();
  }

  static meters::Reserved reserved(const tally::Config& config) {
    meters::Reserved reserved;
    reserved.namespaces = config.list("reserved_metadata_namespace");
    reserved.keys = config.list("reserved_metadata_keys");
    reserved.length = static_cast<std::size_t>(std::max<std::int64_t>(config.integer("reserved_metadata_length"), 0));
    return reserved;
  }

  meters::Handler handler_;
};

}  // namespace

// clang-format off
TALLY_PLUGIN(Meters, {
  "name": "meters", "version": "1.0.0",
  "roles": [{
    "role": "notification", "name": "meters", "summary": "Samples by declarative definitions", "event_types": ["*"],
    "config": [
      {"key": "definitions", "type": "list", "default": [],
       "help": "files or folders of definitions, instead of the shipped ones; TALLY_DEFINITIONS goes before"},
      {"key": "reserved_metadata_namespace", "type": "list", "default": ["metering."],
       "help": "what keys of user_metadata begin with that are kept"},
      {"key": "reserved_metadata_keys", "type": "list", "default": [],
       "help": "keys of user_metadata that are kept as well"},
      {"key": "reserved_metadata_length", "type": "integer", "default": 256, "min": 0,
       "help": "characters of a text in user_metadata that are kept"},
      {"key": "arithmetic_from_the_right", "type": "boolean", "default": false,
       "help": "calculate in paths as Ceilometer does: a - b - c is a - (b - c), * binds no tighter than +"}]
  }]
})
