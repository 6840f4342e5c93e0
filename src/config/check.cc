// What can be checked only against what is installed: `disable` entries that match nothing, URLs that no driver takes.
#include <tally/kit/glob.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "base/strings.h"
#include "base/url.h"
#include "config/config.h"
#include "config/polling_file.h"
#include "config/value.h"

namespace tally::config {
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

// A URL of the configuration: its key, and which of a list it is.
struct UrlAt {
  std::string key;
  const std::string& text;
  std::size_t number = 0;
};

// Where it was written: under its own key, or for a bus under the one that stands for all of them.
Place place_of(const LoadedConfig& loaded, const UrlAt& url) {
  const auto& [key, text, number] = url;
  const auto nth = loaded.origins.find(key + "[" + std::to_string(number) + "]");
  if (nth != loaded.origins.end()) return nth->second;
  if (const auto origin = loaded.origins.find(key); origin != loaded.origins.end()) return origin->second;
  const auto fallback = loaded.origins.find("transport");
  if (key != "storage" && fallback != loaded.origins.end()) return fallback->second;
  return {key, 0, 0};
}

void check_scheme(LoadedConfig& loaded, const UrlAt& at, std::span<const std::string> schemes, std::string_view what) {
  const auto url = Url::parse(at.text);
  if (!url.ok() || std::find(schemes.begin(), schemes.end(), url->scheme) != schemes.end()) return;
  const std::vector<std::string_view> words(schemes.begin(), schemes.end());
  const Place place = place_of(loaded, at);
  std::string hint = did_you_mean(url->scheme, words);
  if (hint.empty()) hint = schemes.empty() ? "; none is installed" : "; installed: " + absl::StrJoin(schemes, ", ");
  loaded.faults.push_back({place.file, place.line, place.column, false,
                           "\"" + at.key + "\": no " + std::string(what) + " for " + url->scheme + "://" + hint});
}

// What is wrong with one NAME=VALUE; empty: nothing.
std::string query_fault(const UrlQuery& known, std::string_view pair) {
  const std::string name = absl::AsciiStrToLower(to_absl(pair.substr(0, pair.find('='))));
  if (pair.find('=') == std::string_view::npos || pair.find('@') != std::string_view::npos)
    return "after the ? of the URL there is no NAME=VALUE; a ? or @ in a password is written %3F, %40";
  const auto key = std::find_if(known.keys.begin(), known.keys.end(),
                                [&](const KeyDecl& one) { return glob_match(one.name, name); });
  if (key == known.keys.end()) {
    std::vector<std::string_view> words;
    for (const KeyDecl& one : known.keys) words.push_back(one.name);
    const std::string hint = did_you_mean(name, words);
    return "\"" + name + "\" after the ? of the URL is not understood by " + known.plugin +
           (hint.empty()
                ? "; `tally plugin show " + known.plugin + "` lists what is, everything else is a key of the plugin"
                : hint);
  }
  const std::string_view value = pair.substr(pair.find('=') + 1);
  // What is escaped is the driver's to read; in URLs 1 and 0 are booleans.
  if (value.find('%') != std::string_view::npos || key->type == KeyType::list) return {};
  if (key->type == KeyType::boolean && (value == "1" || value == "0")) return {};
  const auto taken = canonical_value(*key, value);
  return taken.ok() ? std::string()
                    : "\"" + name + "\" after the ? of the URL: " + std::string(to_std(taken.status().message()));
}

void check_query(LoadedConfig& loaded, const UrlAt& at, std::span<const UrlQuery> drivers) {
  const auto url = Url::parse(at.text);
  const std::size_t question = at.text.find('?');
  if (!url.ok() || question == std::string::npos) return;
  const auto known = std::find_if(drivers.begin(), drivers.end(), [&](const UrlQuery& one) {
    return std::find(one.schemes.begin(), one.schemes.end(), url->scheme) != one.schemes.end();
  });
  if (known == drivers.end()) return;
  const Place place = place_of(loaded, at);
  std::string_view rest = std::string_view(at.text).substr(question + 1);
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    if (pair.empty()) continue;
    if (std::string fault = query_fault(*known, pair); !fault.empty())
      loaded.faults.push_back({place.file, place.line, place.column, false, "\"" + at.key + "\": " + fault});
  }
}

}  // namespace

void check_disable(LoadedConfig& loaded, std::span<const std::string> plugins, std::span<const std::string> meters) {
  check_entries(loaded, loaded.config.disable.plugins, plugins, "plugin (role:name)");
  check_entries(loaded, loaded.config.disable.meters, meters, "meter");
}

void check_disabled_definitions(LoadedConfig& loaded, std::span<const std::string> definitions) {
  check_entries(loaded, loaded.config.disable.definitions, definitions, "definition (FILE:METER)");
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
      warn(source.place, "no installed discovery is called \"" + name + "\", ignoring it; a pollster that has none " +
                             "left asks its own");
    }
  }
}

void check_schemes(LoadedConfig& loaded, std::span<const std::string> transports,
                   std::span<const std::string> storages) {
  for (std::size_t i = 0; i < loaded.config.listen.size(); ++i)
    check_scheme(loaded, {"listen", loaded.config.listen[i], i}, transports, "transport");
  const bool publishes = loaded.program != Program::collector;
  if (publishes) check_scheme(loaded, {"publish", loaded.config.publish}, transports, "transport");
  const bool stores = loaded.program != Program::agent;
  if (stores) check_scheme(loaded, {"storage", loaded.config.storage}, storages, "storage driver");
}

void check_queries(LoadedConfig& loaded, std::span<const UrlQuery> transports, std::span<const UrlQuery> storages) {
  for (std::size_t i = 0; i < loaded.config.listen.size(); ++i)
    check_query(loaded, {"listen", loaded.config.listen[i], i}, transports);
  if (loaded.program != Program::collector && loaded.config.listen != std::vector{loaded.config.publish})
    check_query(loaded, {"publish", loaded.config.publish}, transports);
  check_query(loaded, {"dead_letters.copy_to", loaded.config.dead_letters.copy_to}, transports);
  if (loaded.program != Program::agent) check_query(loaded, {"storage", loaded.config.storage}, storages);
}

}  // namespace tally::config
