// From catalog entries to factories that a pollster's thread may call again and again.
// Not for timers.
#include "agent/sources.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <utility>

#include "core/ids.h"
#include "core/status.h"
#include "core/url.h"
#include "plugin/adapters.h"
#include "plugin/driver.h"
#include "plugin/guarded.h"
#include "plugin/preconditions.h"
#include "plugin/unfit.h"

namespace tally::agent {
namespace {

using std::chrono::milliseconds;

std::shared_ptr<host::Guard> make_guard(const host::Entry& entry, const host::Config& config,
                                        const std::shared_ptr<host::HangCounter>& hangs) {
  host::GuardOptions options;
  options.limit = entry.role.limit.value_or(config.limits.call);
  options.quarantine_after = 0;  // the schedule makes the pauses
  options.absent_pause = milliseconds(0);
  options.hangs = hangs;
  return std::make_shared<host::Guard>(entry.key(), std::move(options));
}

host::IsConfigured is_configured(const host::PluginOptions& given) {
  return [given](std::string_view, std::string_view option) {
    return std::any_of(given.begin(), given.end(), [&](const auto& pair) { return pair.first == option; });
  };
}

// A copy of the entry of one's own: threads share no catalog. Preconditions are tested at every attempt.
template <class T, class Make>
host::Factory<T> factory_for(const host::Entry& found, const host::Config& config,
                             const std::shared_ptr<host::HangCounter>& hangs, Make make) {
  const host::PluginSettings settings = host::settings_for(found, config);
  const std::shared_ptr<host::Guard> guard = make_guard(found, config, hangs);
  const auto entry = std::make_shared<const host::Entry>(found);
  return [entry, settings, guard, make]() mutable -> absl::StatusOr<std::unique_ptr<T>> {
    const auto unmet = host::unmet_precondition(entry->role, is_configured(settings.options));
    if (unmet) return absent(*unmet);
    host::Factory<T> inner = [entry, settings, make]() -> absl::StatusOr<std::unique_ptr<T>> {
      host::Entry fresh = *entry;
      fresh.state = host::State::on;
      fresh.reason.clear();
      absl::StatusOr<std::unique_ptr<T>> made = make(fresh, settings);
      if (made.ok()) return made;
      // What the file or its configuration is at fault for is not tried again and again.
      if (fresh.state == host::State::refused) return absl::Status(kRefused, made.status().message());
      if (fresh.state == host::State::failed) return absl::Status(kFailed, made.status().message());
      return made;
    };
    return host::guarded(std::move(inner), guard);
  };
}

std::int64_t interval_us(const host::RoleManifest& role, const host::LoadedConfig& loaded) {
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
std::int64_t offset_us(const host::Config& config) {
  const std::int64_t jitter = std::chrono::duration_cast<std::chrono::microseconds>(config.polling.jitter).count();
  if (jitter <= 0) return 0;
  const std::uint64_t dice = std::strtoull(host::digest(config.host).substr(0, 15).c_str(), nullptr, 16);
  return static_cast<std::int64_t>(dice % static_cast<std::uint64_t>(jitter));
}

// What the sources of the polling file want of a pollster; empty where there is no such file.
std::vector<host::Wish> wishes_of(const host::Catalog& catalog, const host::RoleManifest& role,
                                  const host::Config& config) {
  std::vector<host::Wish> wishes;
  for (const host::PollingSource& source : config.polling.sources) {
    if (!catalog.asks_for(source, role)) continue;
    host::Wish wish;
    wish.interval_us = std::chrono::duration_cast<std::chrono::microseconds>(source.interval).count();
    wish.meters = source.meters;
    wish.resources = source.resources;
    for (const std::string& name : source.discoveries) {
      const std::string known = catalog.discovery_called(name);
      if (!known.empty()) wish.discoveries.push_back(known);
    }
    wishes.push_back(std::move(wish));
  }
  return wishes;
}

std::string text_of(const host::Wish& wish) {
  std::string text = std::to_string(wish.interval_us);
  for (const auto* words : {&wish.meters, &wish.resources, &wish.discoveries}) {
    text += '\n';
    for (const std::string& word : *words) text += word + '\t';
  }
  return text + '\n';
}

std::string fingerprint(const host::Entry& entry, const host::Config& config, const PollsterSource& source) {
  std::string text = entry.file.string() + '\n' + entry.manifest.text + '\n';
  text += std::to_string(source.interval_us) + ' ' + std::to_string(source.offset_us) + '\n';
  for (const host::Wish& wish : source.wishes) text += text_of(wish);
  std::error_code ignored;
  text += std::to_string(std::filesystem::last_write_time(entry.file, ignored).time_since_epoch().count()) + '\n';
  text += std::to_string(static_cast<int>(entry.state)) + '\n';
  text += std::to_string(config.limits.call.count()) + '\n';
  const host::PluginSettings settings = host::settings_for(entry, config);
  for (const auto& [key, value] : settings.options) text += key + '=' + value + '\n';
  return host::digest(text);  // kept for as long as the pollster is: the text is long
}

PollsterSource source_of(const host::Catalog& catalog, const host::Entry& entry, const host::LoadedConfig& loaded,
                         const std::shared_ptr<host::HangCounter>& hangs) {
  PollsterSource source;
  source.name = entry.role.name;
  source.version = entry.manifest.version;
  source.poll_namespace = entry.role.poll_namespace;
  source.discovery = entry.role.discovery;
  source.state = std::string(host::state_name(entry.state));
  source.reason = entry.reason;
  source.interval_us = interval_us(entry.role, loaded);
  source.offset_us = offset_us(loaded.config);
  source.wishes = wishes_of(catalog, entry.role, loaded.config);
  source.fingerprint = fingerprint(entry, loaded.config, source);
  if (entry.state == host::State::on || entry.state == host::State::absent) {
    source.make = factory_for<host::Pollster>(entry, loaded.config, hangs, host::make_pollster);
  }
  return source;
}

}  // namespace

Sources find_sources(host::Catalog& catalog, const host::LoadedConfig& loaded,
                     const std::shared_ptr<host::HangCounter>& hangs) {
  Sources sources;
  const std::vector<std::string>& namespaces = loaded.config.polling.namespaces;
  for (host::Entry* entry : catalog.of(host::Role::pollster)) {
    if (std::find(namespaces.begin(), namespaces.end(), entry->role.poll_namespace) == namespaces.end()) continue;
    sources.pollsters.push_back(source_of(catalog, *entry, loaded, hangs));
  }
  for (host::Entry* entry : catalog.of(host::Role::discovery)) {
    if (entry->state != host::State::on && entry->state != host::State::absent) continue;
    sources.discoveries.push_back(
        {entry->role.name, factory_for<host::Discovery>(*entry, loaded.config, hangs, host::make_discovery)});
  }
  for (const host::DisableEntry& meter : loaded.config.disable.meters) sources.disabled_meters.push_back(meter.pattern);
  sources.telemetry_secret = loaded.config.telemetry_secret;
  return sources;
}

absl::StatusOr<std::unique_ptr<host::Transport>> make_publisher(host::Catalog& catalog, const host::Config& config) {
  absl::StatusOr<host::Entry*> entry = host::find_driver(catalog, host::Role::transport, config.publish);
  if (!entry.ok()) return entry.status();
  return host::make_transport(**entry, host::settings_for(**entry, config, config.publish));
}

AgentOptions agent_options(const host::Config& config) {
  AgentOptions options;
  options.source = config.source;
  options.host = config.host;
  return options;
}

OutboxOptions outbox_options(const host::Config& config) {
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
