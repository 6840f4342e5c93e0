#include "collector/wiring.h"

#include <tally/kit/glob.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/url.h"
#include "plugin/call/adapters.h"
#include "plugin/managers/dispatcher.h"
#include "plugin/managers/driver.h"
#include "plugin/managers/shared_handler.h"
#include "plugin/supervise/guard.h"
#include "plugin/supervise/guarded.h"

namespace tally::collector {
namespace {

// What the workers' handlers share, by plugin.
struct Shared {
  std::map<std::string, std::shared_ptr<plugin::Guard>> guards;
  std::map<std::string, plugin::Factory<plugin::MessageHandler>> single;  // of which there may be one instance
  bool surveyed = false;
};

plugin::GuardOptions guard_options(const plugin::Entry& entry, const config::Config& config,
                                   const std::shared_ptr<plugin::HangCounter>& hangs) {
  plugin::GuardOptions options;
  options.limit = entry.role.limit.value_or(config.limits.call);
  options.hangs = hangs;
  // A bad message is not its handler's fault; a store or a bus has pauses of its own.
  options.permanent_counts = false;
  if (entry.role.role != plugin::Role::notification) options.quarantine_after = 0;
  return options;
}

std::shared_ptr<plugin::Guard> guard_for(Shared& shared, const plugin::Entry& entry, const config::Config& config,
                                         const std::shared_ptr<plugin::HangCounter>& hangs) {
  std::shared_ptr<plugin::Guard>& guard = shared.guards[entry.key()];
  if (!guard) {
    guard = std::make_shared<plugin::Guard>(entry.key(), guard_options(entry, config, hangs));
    guard->on_change = [](const plugin::Guard& changed) {
      const std::string reason = changed.reason();
      log::warning(changed.name() + " is " + std::string(plugin::state_name(changed.state())) +
                   (reason.empty() ? "" : ": " + reason));
    };
  }
  return guard;
}

// Adds one handler, or what it would have claimed.
void add_handler(plugin::Dispatcher& dispatcher, plugin::Entry& entry, const config::Config& config, Shared& shared,
                 const std::shared_ptr<plugin::HangCounter>& hangs) {
  const auto guard = guard_for(shared, entry, config, hangs);
  // The instance may be made again on another thread: it gets an entry of its own.
  const auto own = std::make_shared<plugin::Entry>(entry);
  plugin::Factory<plugin::MessageHandler> make = [own, settings = plugin::settings_for(entry, config)] {
    return plugin::make_notification(*own, settings);
  };
  if (entry.role.single) {
    auto& single = shared.single[entry.key()];
    // Half of what a call may take: who waits gives up before it counts as hanging itself.
    if (!single) single = plugin::shared_handler(std::move(make), entry.role.limit.value_or(config.limits.call) / 2);
    make = single;
  }
  auto handler = plugin::guarded(std::move(make), guard);
  auto claims = handler->claims();
  if (claims.ok()) {
    plugin::Dispatcher::Handler& added = dispatcher.add(entry.key(), std::move(handler), *claims, guard);
    for (const plugin::MeterDecl& meter : entry.role.meters) added.meters.push_back(meter.name);
    return;
  }
  const std::string reason(to_std(claims.status().message()));
  entry.state = claims.status().code() == kAbsent                                        ? plugin::State::absent
                : guard->state() == plugin::State::on && own->state != plugin::State::on ? own->state
                                                                                         : plugin::State::failed;
  entry.reason = reason;
  log::warning(entry.key() + " is " + std::string(plugin::state_name(entry.state)) + ": " + reason);
  if (entry.state != plugin::State::absent) dispatcher.park(entry.key(), reason, entry.role.event_types);
}

std::vector<std::string> disabled_meters(const config::Config& config) {
  std::vector<std::string> patterns;
  for (const config::DisableEntry& meter : config.disable.meters) patterns.push_back(meter.pattern);
  return patterns;
}

void log_survey(const plugin::Survey& survey, const config::Config& config) {
  for (const std::string& line : survey.twice) log::warning(line);
  for (const config::DisableEntry& entry : config.disable.definitions) {
    const bool matches = std::any_of(survey.made.begin(), survey.made.end(), [&](const plugin::Survey::Made& made) {
      return glob_match(entry.pattern, made.definition.name);
    });
    if (!matches && !survey.made.empty())
      log::warning(entry.file + ":" + std::to_string(entry.line) + ":" + std::to_string(entry.column) + ": \"" +
                   entry.pattern + "\" matches no definition (FILE:METER)");
  }
}

std::unique_ptr<plugin::Dispatcher> make_handlers(plugin::Catalog& catalog, const config::Config& config,
                                                  Shared& shared, const std::shared_ptr<plugin::HangCounter>& hangs) {
  auto dispatcher = std::make_unique<plugin::Dispatcher>();
  for (plugin::Entry* entry : catalog.of(plugin::Role::notification)) {
    switch (entry->state) {
      case plugin::State::on:
      case plugin::State::idle:
        add_handler(*dispatcher, *entry, config, shared, hangs);
        break;
      case plugin::State::refused:
      case plugin::State::failed:
      case plugin::State::quarantined:
        dispatcher->park(entry->key(), entry->reason, entry->role.event_types);
        break;
      case plugin::State::disabled:
      case plugin::State::absent:
        break;
    }
  }
  return dispatcher;
}

Pipeline build(plugin::Catalog& catalog, const config::Config& config, Shared& shared,
               const std::shared_ptr<plugin::HangCounter>& hangs) {
  auto dispatcher = make_handlers(catalog, config, shared, hangs);
  PipelineRules rules;
  rules.source = config.source;
  rules.retention = config.retention;
  rules.telemetry_secret = config.telemetry_secret;
  rules.disabled_meters = disabled_meters(config);
  if (!std::exchange(shared.surveyed, true)) log_survey(plugin::survey(*dispatcher, rules.disabled_meters), config);
  return {std::move(rules), std::move(dispatcher)};
}

// What the factories of one configuration share. Its catalog is touched under the lock alone.
struct Wiring {
  std::shared_ptr<plugin::Catalog> catalog;
  config::Config config;
  std::shared_ptr<plugin::HangCounter> hangs;
  std::mutex mutex;
  Shared shared;

  absl::StatusOr<std::unique_ptr<plugin::TransportDriver>> transport(const std::string& url) {
    const std::lock_guard lock(mutex);
    auto entry = plugin::find_driver(*catalog, plugin::Role::transport, url);
    if (!entry.ok()) return entry.status();
    auto made = plugin::make_transport(**entry, plugin::settings_for(**entry, config, url));
    if (!made.ok()) return made.status();
    return plugin::guarded(*std::move(made), guard_for(shared, **entry, config, hangs));
  }

  absl::StatusOr<std::unique_ptr<plugin::StorageDriver>> storage() {
    const std::lock_guard lock(mutex);
    auto entry = plugin::find_driver(*catalog, plugin::Role::storage, config.storage);
    if (!entry.ok()) return entry.status();
    auto made = plugin::make_storage(**entry, plugin::settings_for(**entry, config, config.storage));
    if (!made.ok()) return made.status();
    return plugin::guarded(*std::move(made), guard_for(shared, **entry, config, hangs));
  }

  // Pollsters and discoveries are the agent's affair.
  std::vector<plugin::PluginState> plugins() {
    const std::lock_guard lock(mutex);
    std::vector<plugin::PluginState> states;
    for (const plugin::Entry& entry : std::as_const(*catalog).entries()) {
      if (entry.shadowed || entry.role.role == plugin::Role::pollster || entry.role.role == plugin::Role::discovery)
        continue;
      plugin::PluginState state = plugin::state_of(entry);
      const auto guard = shared.guards.find(entry.key());
      if (guard != shared.guards.end() && entry.state == plugin::State::on) {
        state.state = plugin::state_name(guard->second->state());
        state.reason = guard->second->reason();
        state.skips = guard->second->skips();
      }
      states.push_back(std::move(state));
    }
    return states;
  }
};

// Changes when anything does that an instance of this role is made with.
std::string fingerprint(const std::string& url, const std::string& role, const config::Config& config) {
  std::string text = url;
  for (const auto& [plugin, options] : config.plugins) {
    if (plugin.rfind(role + ":", 0) != 0) continue;
    for (const auto& [key, value] : options) text += "\n" + plugin + "\n" + key + "\n" + value;
  }
  return text;
}

// The other half is for reading the buses, for writing, and for the servers that may run beside.
unsigned usual_workers() { return std::clamp(std::thread::hardware_concurrency() / 2, 1U, 8U); }

// One makes ready what it writes next, and waits for its commit, while the store is busy with the other's batch.
constexpr std::uint64_t kUsualWriters = 2;

unsigned writers(plugin::Catalog& catalog, const config::Config& config) {
  const auto entry = plugin::find_driver(catalog, plugin::Role::storage, config.storage);
  if (!entry.ok()) return 1;
  const std::uint64_t wanted = config.limits.writers > 0 ? config.limits.writers : kUsualWriters;
  return static_cast<unsigned>(std::min<std::uint64_t>((*entry)->role.writers, wanted));
}

}  // namespace

std::function<absl::StatusOr<Pipeline>()> pipeline_maker(plugin::Catalog& catalog, const config::Config& config) {
  return [&catalog, config, shared = std::make_shared<Shared>()] { return build(catalog, config, *shared, nullptr); };
}

absl::StatusOr<Pipeline> make_pipeline(plugin::Catalog& catalog, const config::Config& config) {
  return pipeline_maker(catalog, config)();
}

plugin::Survey survey_handlers(plugin::Catalog& catalog, const config::Config& config) {
  Shared shared;
  const auto dispatcher = make_handlers(catalog, config, shared, nullptr);
  return plugin::survey(*dispatcher, disabled_meters(config));
}

absl::StatusOr<std::unique_ptr<plugin::StorageDriver>> make_store(plugin::Catalog& catalog,
                                                                  const config::Config& config) {
  auto entry = plugin::find_driver(catalog, plugin::Role::storage, config.storage);
  if (!entry.ok()) return entry.status();
  return plugin::make_storage(**entry, plugin::settings_for(**entry, config, config.storage));
}

CollectorOptions wire(std::shared_ptr<plugin::Catalog> catalog, const config::Config& config,
                      std::shared_ptr<plugin::HangCounter> hangs) {
  auto wiring = std::make_shared<Wiring>();
  wiring->catalog = std::move(catalog);
  wiring->config = config;
  wiring->hangs = std::move(hangs);
  CollectorOptions options;
  for (const std::string& url : config.listen)
    options.buses.push_back(
        {redact_url(url), fingerprint(url, "transport", config), [wiring, url] { return wiring->transport(url); }});
  options.store = {redact_url(config.storage), fingerprint(config.storage, "storage", config),
                   [wiring] { return wiring->storage(); }, writers(*wiring->catalog, config)};
  if (const std::string& url = config.dead_letters.copy_to; !url.empty())
    options.copies = {redact_url(url), config.dead_letters.topic, [wiring, url] { return wiring->transport(url); }};
  options.pipeline = [wiring]() -> absl::StatusOr<Pipeline> {
    const std::lock_guard lock(wiring->mutex);
    return build(*wiring->catalog, wiring->config, wiring->shared, wiring->hangs);
  };
  options.plugins = [wiring] { return wiring->plugins(); };
  options.retention = config.retention;
  options.state_folder = config.data / "collector";
  options.host = config.host;
  options.workers = config.limits.workers > 0 ? static_cast<unsigned>(config.limits.workers) : usual_workers();
  if (config.limits.messages > 0) options.window = static_cast<std::uint32_t>(config.limits.messages);
  if (config.limits.retry.count() > 0) options.again_time = config.limits.retry;
  if (config.limits.stuck.count() > 0) options.stuck_after = config.limits.stuck;
  if (config.batch.samples > 0) options.batch_samples = config.batch.samples;
  if (config.batch.age.count() > 0) options.batch_age = config.batch.age;
  return options;
}

}  // namespace tally::collector
