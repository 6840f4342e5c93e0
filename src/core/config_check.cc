// What can be checked only against what is installed: `disable` entries that match nothing, URLs that no driver takes.
#include <algorithm>

#include "absl/strings/str_join.h"
#include "core/config.h"
#include "core/config_value.h"
#include "core/glob.h"
#include "core/polling_file.h"
#include "core/url.h"

namespace tally::host {
namespace {

void check_entries(LoadedConfig& loaded, std::span<const DisableEntry> entries, std::span<const std::string> known,
                   std::string_view what) {
  if (known.empty()) return;
  const std::vector<std::string_view> words(known.begin(), known.end());
  for (const DisableEntry& entry : entries) {
    const auto matches = [&](std::string_view name) { return glob_match(entry.pattern, name); };
    if (std::any_of(words.begin(), words.end(), matches)) continue;
    loaded.faults.push_back(
        {entry.file, entry.line, entry.column, true,
         "\"" + entry.pattern + "\" matches no " + std::string(what) + did_you_mean(entry.pattern, words)});
  }
}

void check_scheme(LoadedConfig& loaded, const std::string& key, const std::string& text,
                  std::span<const std::string> schemes, std::string_view what) {
  const auto url = Url::parse(text);
  if (!url.ok() || std::find(schemes.begin(), schemes.end(), url->scheme) != schemes.end()) return;
  const std::vector<std::string_view> words(schemes.begin(), schemes.end());
  const auto origin = loaded.origins.find(key);
  const auto fallback = loaded.origins.find("transport");
  Place place{key, 0, 0};
  if (origin != loaded.origins.end()) {
    place = origin->second;
  } else if (key != "storage" && fallback != loaded.origins.end()) {
    place = fallback->second;
  }
  std::string hint = did_you_mean(url->scheme, words);
  if (hint.empty()) hint = schemes.empty() ? "; none is installed" : "; installed: " + absl::StrJoin(schemes, ", ");
  loaded.faults.push_back({place.file, place.line, place.column, false,
                           "\"" + key + "\": no " + std::string(what) + " for " + url->scheme + "://" + hint});
}

}  // namespace

void check_disable(LoadedConfig& loaded, std::span<const std::string> plugins, std::span<const std::string> meters) {
  check_entries(loaded, loaded.config.disable.plugins, plugins, "plugin (role:name)");
  check_entries(loaded, loaded.config.disable.meters, meters, "meter");
}

void check_polling(LoadedConfig& loaded, std::span<const std::string> meters,
                   std::span<const std::string> discoveries) {
  for (const PollingSource& source : loaded.config.polling.sources) {
    const std::string who = "source \"" + source.name + "\": ";
    const auto warn = [&](const Place& place, const std::string& text) {
      loaded.faults.push_back({place.file, place.line, place.column, true, who + text});
    };
    std::vector<std::string> unknown;
    for (const std::string& entry : source.meters) {
      const std::string_view glob = std::string_view(entry).substr(entry.starts_with("!") ? 1 : 0);
      const auto matches = [&](const std::string& meter) { return entry_matches(glob, meter); };
      if (std::none_of(meters.begin(), meters.end(), matches)) unknown.push_back(entry);
    }
    if (!unknown.empty() && !meters.empty()) {
      warn(source.meters_place, "no installed pollster is known to measure " + absl::StrJoin(unknown, ", "));
    }
    for (const std::string& name : source.discoveries) {
      if (std::find(discoveries.begin(), discoveries.end(), name) != discoveries.end()) continue;
      warn(source.place, "no installed discovery is called \"" + name +
                             "\", passing over it; a pollster that has none " + "left asks its own");
    }
  }
}

void check_schemes(LoadedConfig& loaded, std::span<const std::string> transports,
                   std::span<const std::string> storages) {
  for (const std::string& url : loaded.config.listen) check_scheme(loaded, "listen", url, transports, "transport");
  const bool publishes = loaded.program != Program::collector;
  if (publishes) check_scheme(loaded, "publish", loaded.config.publish, transports, "transport");
  const bool stores = loaded.program != Program::agent;
  if (stores) check_scheme(loaded, "storage", loaded.config.storage, storages, "storage driver");
}

}  // namespace tally::host
