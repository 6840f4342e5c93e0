// Makes samples out of messages by declarative definitions: the handler for everything that needs no code of its own.
// Not for reading the definitions: load.h.
#include <tally/plugin.h>

#include <cstdlib>
#include <filesystem>
#include <set>
#include <unordered_map>

#include "load.h"

#ifndef TALLY_METERS_FOLDER
#define TALLY_METERS_FOLDER "/usr/local/share/tally/meters.d"
#endif

namespace {

using meters::Definition;

constexpr const char* kVariable = "TALLY_DEFINITIONS";

// The variable's paths, joined by colons; else the configured ones; else the shipped folder.
std::vector<std::filesystem::path> paths(const tally::Config& config) {
  std::vector<std::filesystem::path> found;
  if (const char* variable = std::getenv(kVariable); variable != nullptr && *variable != '\0') {
    for (std::string_view rest = variable; !rest.empty();) {
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
  explicit Meters(const tally::Config& config) {
    const auto from = paths(config);
    meters::Loaded loaded = meters::load(from);
    for (const std::string& fault : loaded.faults) tally::log(tally::Level::warning, fault);
    if (loaded.definitions.empty()) {
      throw tally::Error::absent("no definitions in " + from.front().string() + (from.size() > 1 ? " and others" : "") +
                                 ": set " + kVariable + " or the key \"definitions\"");
    }
    definitions_ = std::move(loaded.definitions);
  }

  std::vector<std::string> claims() override {
    std::set<std::string> all;
    for (const Definition& definition : definitions_)
      for (const auto& pattern : definition.event_types) all.insert(pattern.claim());
    return {all.begin(), all.end()};
  }

  void handle(const tally::Notification& notification, tally::Emitter& emit) override {
    const auto& takers = takers_of(std::string(notification.event_type));
    const auto priority = notification.priority.value_or("info");
    if (takers.empty() || (priority != "info" && priority != "sample")) throw tally::Error::unclaimed();
    const std::string text = document(notification);
    std::string why;
    const auto message = tally::Json::parse(text, &why);
    if (!message) throw tally::Error::permanent("the payload is not JSON: " + why);
    for (const Definition* definition : takers)
      if (const auto sample = definition->sample(*message)) emit(*sample);
  }

 private:
  // What paths see.
  static std::string document(const tally::Notification& notification) {
    tally::JsonObject metadata;
    metadata.set("message_id", notification.message_id).set("timestamp", notification.timestamp);
    tally::JsonObject out;
    out.raw("ctxt", notification.context).set("publisher_id", notification.publisher_id);
    out.set("event_type", notification.event_type).raw("payload", notification.payload).set("metadata", metadata);
    return out.str();
  }

  const std::vector<const Definition*>& takers_of(const std::string& event_type) {
    // Event types are few; one who makes them up only makes this begin anew.
    static constexpr std::size_t kMost = 4096;
    if (const auto known = takers_.find(event_type); known != takers_.end()) return known->second;
    if (takers_.size() >= kMost) takers_.clear();
    auto& takers = takers_[event_type];
    for (const Definition& definition : definitions_)
      if (definition.matches(event_type)) takers.push_back(&definition);
    return takers;
  }

  std::vector<Definition> definitions_;
  std::unordered_map<std::string, std::vector<const Definition*>> takers_;
};

}  // namespace

// clang-format off
TALLY_PLUGIN(Meters, {
  "name": "meters", "version": "1.0.0",
  "roles": [{
    "role": "notification", "name": "meters", "summary": "Samples by declarative definitions", "event_types": ["*"],
    "config": [
      {"key": "definitions", "type": "list", "default": [],
       "help": "files or folders of definitions, instead of the shipped ones; TALLY_DEFINITIONS goes before"}]
  }]
})
