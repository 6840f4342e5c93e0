#include "cli/halves.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "agent/wiring.h"
#include "base/build_config.h"
#include "base/exit_status.h"
#include "base/log.h"
#include "base/status.h"
#include "base/url.h"
#include "collector/wiring.h"
#include "daemon/main_loop.h"

namespace tally::cli {
namespace {

constexpr std::chrono::milliseconds kBusLimit{5'000};  // the wait for the embedded bus at start

// The folder is this process's as long as the file is open; one beside another would fight it for the bus and the
// spool.
absl::Status take_folder(const config::Config& config, Fd& lock) {
  std::error_code error;
  std::filesystem::create_directories(config.data, error);
  if (error) return permanent(config.data.string() + ": cannot be made: " + error.message());
  const std::string path = config.data / "run.lock";
  lock = open_file(path, O_RDWR | O_CREAT);
  if (!lock) return permanent(path + ": cannot be opened: " + std::strerror(errno));
  std::array<char, 32> holder{};
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    const ssize_t length = ::pread(lock.get(), holder.data(), holder.size() - 1, 0);
    return permanent("another `tally run`" + (length > 0 ? " (process " + std::string(holder.data()) + ")" : "") +
                     " has " + config.data.string() + "; ask it with `tally query`, end it, or run in another folder");
  }
  const std::string own = std::to_string(getpid());
  if (::ftruncate(lock.get(), 0) != 0 || ::pwrite(lock.get(), own.data(), own.size(), 0) < 0) {
    return permanent(path + ": cannot be written: " + std::strerror(errno));
  }
  return absl::OkStatus();
}

// The collector's own plugins, then every pollster and discovery there is: as the agent knows it, or as the catalog
// does.
std::vector<plugin::PluginState> all_plugins(std::vector<plugin::PluginState> states, const plugin::Catalog& catalog,
                                             const agent::AgentStatus& agent) {
  for (const plugin::Entry& entry : catalog.entries()) {
    const bool polls = entry.role.role == plugin::Role::pollster || entry.role.role == plugin::Role::discovery;
    if (entry.shadowed || !polls) continue;
    plugin::PluginState state = plugin::state_of(entry);
    for (const plugin::PluginState& known : agent.plugins) {
      if (known.role == state.role && known.name == state.name) state = known;
    }
    states.push_back(std::move(state));
  }
  return states;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Halves>> Halves::open(daemon::Setup setup) {
  std::unique_ptr<Halves> halves(new Halves);
  halves->catalog_ = std::make_shared<plugin::Catalog>(std::move(setup.catalog));
  halves->loaded_ = std::move(setup.loaded);
  halves->hangs_ = daemon::end_at_second_hang(exit_status::kFailed);
  if (absl::Status status = take_folder(halves->config(), halves->lock_); !status.ok()) return status;
  auto collector = collector::Collector::open(halves->wire_collector(halves->catalog_, halves->config()));
  if (!collector.ok()) return collector.status();
  halves->collector_ = *std::move(collector);
  if (absl::Status status = halves->open_agent(); !status.ok()) return status;
  return halves;
}

absl::Status Halves::open_agent() {
  absl::StatusOr<std::unique_ptr<plugin::TransportDriver>> transport = agent::make_publisher(*catalog_, config());
  if (!transport.ok()) return transport.status();
  absl::StatusOr<std::unique_ptr<agent::Outbox>> outbox =
      agent::Outbox::open(*std::move(transport), agent::outbox_options(config()));
  if (!outbox.ok()) return outbox.status();
  outbox_ = *std::move(outbox);
  agent::AgentOptions options = agent::agent_options(config());
  options.at_once = true;
  options.keep_last_values = true;
  agent_ = std::make_unique<agent::Agent>(options, agent::find_sources(*catalog_, loaded_, hangs_), *outbox_);
  return absl::OkStatus();
}

// REQUIRES of the collector's status(): agent_ is there.
collector::CollectorOptions Halves::wire_collector(const std::shared_ptr<plugin::Catalog>& catalog,
                                                   const config::Config& config) const {
  collector::CollectorOptions options = collector::wire(catalog, config, hangs_);
  options.store.upgrade = config.storage.find(config.data.string()) != std::string::npos;  // its own, not another's
  options.plugins = [own = options.plugins, catalog, this] { return all_plugins(own(), *catalog, agent_->status()); };
  return options;
}

void Halves::start() {
  collector_->start();
  collector_->wait_connected(kBusLimit);  // without the bus the agent's half spools, which is not an error
  outbox_->start();
  agent_->start();
  auto server = daemon::serve_pages(config(), {"tally run", TALLY_VERSION, loaded_.files}, hangs_, pages());
  if (server.ok()) {
    server_ = *std::move(server);
  } else {
    log::warning("no status pages: " + std::string(to_std(server.status().message())));
  }
}

absl::Status Halves::reload(daemon::Setup next) {
  auto catalog = std::make_shared<plugin::Catalog>(std::move(next.catalog));
  const config::Config& config = next.loaded.config;
  absl::StatusOr<std::unique_ptr<plugin::TransportDriver>> transport = agent::make_publisher(*catalog, config);
  if (!transport.ok()) return transport.status();
  if (absl::Status status = collector_->reload(wire_collector(catalog, config)); !status.ok()) return status;
  outbox_->replace(*std::move(transport), redact_url(config.publish));
  agent_->reload(agent::find_sources(*catalog, next.loaded, hangs_));
  catalog_ = std::move(catalog);
  loaded_ = std::move(next.loaded);
  return absl::OkStatus();
}

std::chrono::milliseconds Halves::silent() const { return std::max(collector_->silent(), outbox_->silent()); }

// Of both halves.
collector::CollectorStatus Halves::status() const {
  collector::CollectorStatus status = collector_->status();
  for (std::string& reason : agent::not_ready(outbox_->books())) status.not_ready.push_back(std::move(reason));
  return status;
}

daemon::Pages Halves::pages() const {
  return {[this](MetricsPage& page) {
            collector::status_metrics(status(), page);
            agent::book_metrics(agent_->status(), page);
          },
          [this] { return status().not_ready; },
          [this](const daemon::ProcessIdentity& identity) {
            return collector::status_json(status(), identity, agent::bus_json(outbox_->books()));
          }};
}

Snapshot Halves::snapshot() const {
  Snapshot snapshot{agent_->status(), collector_->status(), agent_->last_values(), redact_url(config().storage), ""};
  snapshot.hint = "ask in another shell: cd " + std::filesystem::current_path().string() + " && tally query meters";
  return snapshot;
}

void Halves::stop(Snapshot& last) {
  const std::chrono::milliseconds drain = config().limits.drain;
  agent_->stop();
  outbox_->stop(drain.count());
  collector_->wait_settled(collector_->status().messages.received, drain);
  collector_->stop(drain);
  last.agent.books = outbox_->books();
  last.collector = collector_->status();
}

}  // namespace tally::cli
