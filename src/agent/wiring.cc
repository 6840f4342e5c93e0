// From catalog entries to factories that a pollster's thread may call again and again.
// Not for timers.
#include "agent/wiring.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <utility>

#include "base/status.h"
#include "base/url.h"
#include "plugin/call/adapters.h"
#include "plugin/file/load_error.h"
#include "plugin/file/preconditions.h"
#include "plugin/managers/driver.h"
#include "plugin/supervise/guarded.h"
#include "wire/ids.h"

namespace tally::agent {
namespace {

using std::chrono::milliseconds;

std::shared_ptr<plugin::Guard> make_guard(const plugin::Entry& entry, const config::Config& config,
                                          const std::shared_ptr<plugin::HangCounter>& hangs) {
  plugin::GuardOptions options;
  options.limit = entry.role.limit.value_or(config.limits.call);
  options.quarantine_after = 0;  // the schedule makes the pauses
  options.absent_pause = milliseconds(0);
  options.hangs = hangs;
  return std::make_shared<plugin::Guard>(entry.key(), std::move(options));
}

plugin::IsConfigured is_configured(const config::PluginOptions& given) {
  return [given](std::string_view, std::string_view option) {
    return std::any_of(given.begin(), given.end(), [&](const auto& pair) { return pair.first == option; });
  };
}

// A copy of the entry of one's own: threads share no catalog. Preconditions are tested at every attempt.
template <class T, class Make>
plugin::Factory<T> factory_for(const plugin::Entry& found, const config::Config& config,
                               const std::shared_ptr<plugin::HangCounter>& hangs, Make make) {
  const plugin::PluginSettings settings = plugin::settings_for(found, config);
  const std::shared_ptr<plugin::Guard> guard = make_guard(found, config, hangs);
  const auto entry = std::make_shared<const plugin::Entry>(found);
  return [entry, settings, guard, make]() mutable -> absl::StatusOr<std::unique_ptr<T>> {
    const auto unmet = plugin::unmet_precondition(entry->role, is_configured(settings.options));
    if (unmet) return absent(*unmet);
    plugin::Factory<T> inner = [entry, settings, make]() -> absl::StatusOr<std::unique_ptr<T>> {
      plugin::Entry fresh = *entry;
      fresh.state = plugin::State::on;
      fresh.reason.clear();
      absl::StatusOr<std::unique_ptr<T>> made = make(fresh, settings);
      if (made.ok()) return made;
      // What the file or its configuration is at fault for is not tried again and again.
      if (fresh.state == plugin::State::refused) return absl::Status(plugin::kRefused, made.status().message());
      if (fresh.state == plugin::State::failed) return absl::Status(plugin::kFailed, made.status().message());
      return made;
    };
    return plugin::guarded(std::move(inner), guard);
  };
}

std::int64_t interval_us(const plugin::RoleManifest& role, const config::LoadedConfig& loaded) {
  const auto set = [&](const std::string& key) { return loaded.origins.count(key) != 0; };
  milliseconds interval = loaded.config.interval_of(role.poll_namespace);
  const auto own = loaded.config.polling.interval.find(role.key());
  if (own != loaded.config.polling.interval.end()) {
    interval = own->second;
  } else if (role.interval && !set("polling.interval") && !set("polling.interval." + role.poll_namespace)) {
    interval = *role.interval;
  }
  return std::chrono::duration_cast<std::chrono::microseconds>(interval).count();
}

// By how much later than the clock's even times this host polls: always the same, and another host another.
std::int64_t offset_us(const config::Config& config) {
  const std::int64_t jitter = std::chrono::duration_cast<std::chrono::microseconds>(config.polling.jitter).count();
  if (jitter <= 0) return 0;
  const std::uint64_t dice = std::strtoull(wire::digest(config.host).substr(0, 15).c_str(), nullptr, 16);
  return static_cast<std::int64_t>(dice % static_cast<std::uint64_t>(jitter));
}

// What the sources of the polling file want of a pollster; empty where there is no such file.
std::vector<plugin::PollSelection> selections_of(const plugin::Catalog& catalog, const plugin::RoleManifest& role,
                                                 const config::Config& config) {
  std::vector<plugin::PollSelection> selections;
  for (const config::PollingSource& source : config.polling.sources) {
    if (!catalog.asks_for(source, role)) continue;
    plugin::PollSelection selection;
    selection.interval_us = std::chrono::duration_cast<std::chrono::microseconds>(source.interval).count();
    selection.meters = source.meters;
    selection.resources = source.resources;
    for (const std::string& name : source.discoveries) {
      const std::string known = catalog.discovery_called(name);
      if (!known.empty()) selection.discoveries.push_back(known);
    }
    selections.push_back(std::move(selection));
  }
  return selections;
}

std::string text_of(const plugin::PollSelection& selection) {
  std::string text = std::to_string(selection.interval_us);
  for (const auto* words : {&selection.meters, &selection.resources, &selection.discoveries}) {
    text += '\n';
    for (const std::string& word : *words) text += word + '\t';
  }
  return text + '\n';
}

std::string fingerprint(const plugin::Entry& entry, const config::Config& config, const PollsterSource& source) {
  std::string text = entry.file.string() + '\n' + entry.manifest.text + '\n';
  text += std::to_string(source.interval_us) + ' ' + std::to_string(source.offset_us) + '\n';
  for (const plugin::PollSelection& selection : source.selections) text += text_of(selection);
  std::error_code ignored;
  text += std::to_string(std::filesystem::last_write_time(entry.file, ignored).time_since_epoch().count()) + '\n';
  text += std::to_string(static_cast<int>(entry.state)) + '\n';
  text += std::to_string(config.limits.call.count()) + '\n';
  const plugin::PluginSettings settings = plugin::settings_for(entry, config);
  for (const auto& [key, value] : settings.options) text += key + '=' + value + '\n';
  return wire::digest(text);  // kept for as long as the pollster is: the text is long
}

PollsterSource source_of(const plugin::Catalog& catalog, const plugin::Entry& entry, const config::LoadedConfig& loaded,
                         const std::shared_ptr<plugin::HangCounter>& hangs) {
  PollsterSource source;
  source.name = entry.role.name;
  source.version = entry.manifest.version;
  source.poll_namespace = entry.role.poll_namespace;
  source.discovery = entry.role.discovery;
  source.state = std::string(plugin::state_name(entry.state));
  source.reason = entry.reason;
  source.interval_us = interval_us(entry.role, loaded);
  source.offset_us = offset_us(loaded.config);
  source.selections = selections_of(catalog, entry.role, loaded.config);
  source.fingerprint = fingerprint(entry, loaded.config, source);
  if (entry.state == plugin::State::on || entry.state == plugin::State::absent) {
    source.make = factory_for<plugin::Sampler>(entry, loaded.config, hangs, plugin::make_pollster);
  }
  return source;
}

}  // namespace

Sources find_sources(plugin::Catalog& catalog, const config::LoadedConfig& loaded,
                     const std::shared_ptr<plugin::HangCounter>& hangs) {
  Sources sources;
  const std::vector<std::string>& namespaces = loaded.config.polling.namespaces;
  for (plugin::Entry* entry : catalog.of(plugin::Role::pollster)) {
    if (std::find(namespaces.begin(), namespaces.end(), entry->role.poll_namespace) == namespaces.end()) continue;
    sources.pollsters.push_back(source_of(catalog, *entry, loaded, hangs));
  }
  for (plugin::Entry* entry : catalog.of(plugin::Role::discovery)) {
    if (entry->state != plugin::State::on && entry->state != plugin::State::absent) continue;
    sources.discoveries.push_back(
        {entry->role.name, factory_for<plugin::ResourceFinder>(*entry, loaded.config, hangs, plugin::make_discovery)});
  }
  for (const config::DisableEntry& meter : loaded.config.disable.meters)
    sources.disabled_meters.push_back(meter.pattern);
  sources.telemetry_secret = loaded.config.telemetry_secret;
  return sources;
}

absl::StatusOr<std::unique_ptr<plugin::TransportDriver>> make_publisher(plugin::Catalog& catalog,
                                                                        const config::Config& config) {
  absl::StatusOr<plugin::Entry*> entry = plugin::find_driver(catalog, plugin::Role::transport, config.publish);
  if (!entry.ok()) return entry.status();
  return plugin::make_transport(**entry, plugin::settings_for(**entry, config, config.publish));
}

AgentOptions agent_options(const config::Config& config) {
  AgentOptions options;
  options.source = config.source;
  options.host = config.host;
  return options;
}

OutboxOptions outbox_options(const config::Config& config) {
  OutboxOptions options;
  options.bus = redact_url(config.publish);
  options.key = config.host;
  options.spool_folder = config.data / "agent-spool";
  if (config.spool.bytes > 0) options.spool_bytes = config.spool.bytes;
  options.spool_age = config.spool.age;
  options.drop_oldest = config.spool.drop_oldest;
  return options;
}

}  // namespace tally::agent
