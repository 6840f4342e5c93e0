// `tally run`: agent and collector in one process, for a laptop, a single host, a first look.
// Not a third program: both halves are the same code as in tally-agent and tally-collector, and meet over the
// transport.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <tally/kit/descriptor.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "agent/agent.h"
#include "agent/outbox.h"
#include "agent/wiring.h"
#include "base/build_config.h"
#include "base/http_server.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/status.h"
#include "base/url.h"
#include "cli/arguments.h"
#include "cli/cli.h"
#include "cli/live_table.h"
#include "collector/collector.h"
#include "collector/wiring.h"
#include "plugin/supervise/descriptor_leaks.h"

namespace tally::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kBusLimit{5'000};  // the wait for the embedded bus at start

// The two halves and what they share; members end in the opposite order.
struct Halves {
  Fd lock;
  std::shared_ptr<plugin::Catalog> catalog;
  config::LoadedConfig loaded;
  std::shared_ptr<plugin::HangCounter> hangs;
  std::unique_ptr<collector::Collector> collector;
  std::unique_ptr<agent::Outbox> outbox;
  std::unique_ptr<agent::Agent> agent;
  std::unique_ptr<HttpServer> server;

  const config::Config& config() const { return loaded.config; }
};

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
std::vector<collector::PluginState> all_plugins(std::vector<collector::PluginState> states,
                                                const plugin::Catalog& catalog, const agent::AgentStatus& agent) {
  for (const plugin::Entry& entry : catalog.entries()) {
    const bool polls = entry.role.role == plugin::Role::pollster || entry.role.role == plugin::Role::discovery;
    if (entry.shadowed || !polls) continue;
    collector::PluginState state{entry.role.name.empty() ? entry.key() : entry.role.name,
                                 std::string(plugin::role_name(entry.role.role)), entry.manifest.version,
                                 std::string(plugin::state_name(entry.state)), entry.reason};
    for (const agent::PluginStatus& known : agent.plugins) {
      if (known.role == state.role && known.name == state.name) {
        state = {known.name, known.role, known.version, known.state, known.reason};
      }
    }
    states.push_back(std::move(state));
  }
  return states;
}

// REQUIRES of status(): halves.agent is there.
collector::CollectorOptions wire_collector(const std::shared_ptr<plugin::Catalog>& catalog,
                                           const config::Config& config, const Halves& halves) {
  collector::CollectorOptions options = collector::wire(catalog, config, halves.hangs);
  options.store.upgrade = config.storage.find(config.data.string()) != std::string::npos;  // its own, not another's
  options.plugins = [own = options.plugins, catalog, &halves] {
    return all_plugins(own(), *catalog, halves.agent->status());
  };
  return options;
}

absl::Status open_halves(Setup setup, Halves& halves) {
  halves.catalog = std::make_shared<plugin::Catalog>(std::move(setup.catalog));
  halves.loaded = std::move(setup.loaded);
  halves.hangs = std::make_shared<plugin::HangCounter>([](const std::string& plugin) {
    log::error(plugin + ": second plugin call that timed out; exiting with status 70");
    std::_Exit(kFailed);  // what is acknowledged is stored
  });
  const config::Config& config = halves.config();
  if (absl::Status status = take_folder(config, halves.lock); !status.ok()) return status;

  absl::StatusOr<std::unique_ptr<collector::Collector>> collector =
      collector::Collector::open(wire_collector(halves.catalog, config, halves));
  if (!collector.ok()) return collector.status();
  halves.collector = std::move(*collector);

  absl::StatusOr<std::unique_ptr<plugin::TransportDriver>> transport = agent::make_publisher(*halves.catalog, config);
  if (!transport.ok()) return transport.status();
  absl::StatusOr<std::unique_ptr<agent::Outbox>> outbox =
      agent::Outbox::open(std::move(*transport), agent::outbox_options(config));
  if (!outbox.ok()) return outbox.status();
  halves.outbox = std::move(*outbox);

  agent::AgentOptions options = agent::agent_options(config);
  options.at_once = true;
  options.keep_last_values = true;
  halves.agent = std::make_unique<agent::Agent>(
      options, agent::find_sources(*halves.catalog, halves.loaded, halves.hangs), *halves.outbox);
  return absl::OkStatus();
}

// Of both halves.
collector::CollectorStatus status_of(const Halves& halves) {
  collector::CollectorStatus status = halves.collector->status();
  for (std::string& reason : agent::not_ready(halves.outbox->books())) status.not_ready.push_back(std::move(reason));
  return status;
}

// A port in use (another `tally run`) is no reason not to run.
void serve(Halves& halves) {
  const config::Config& config = halves.config();
  if (config.http.address.empty()) return;
  ServicePages pages;
  pages.metrics = [&halves] {
    MetricsPage page;
    collector::status_metrics(status_of(halves), page);
    plugin::descriptor_metrics(page);
    return page.text();
  };
  pages.not_ready = [&halves] { return status_of(halves).not_ready; };
  pages.status = [&halves, identity = daemon::ProcessIdentity{"tally run", TALLY_VERSION, halves.loaded.files}] {
    return collector::status_json(status_of(halves), identity, agent::bus_json(halves.outbox->books()));
  };
  absl::StatusOr<std::unique_ptr<HttpServer>> server =
      HttpServer::open(config.http.address, config.http.port, service_routes(std::move(pages)));
  if (server.ok()) {
    halves.server = std::move(*server);
  } else {
    log::warning("no status pages: " + std::string(server.status().message()));
  }
}

Snapshot snapshot_of(const Halves& halves) {
  Snapshot snapshot{halves.agent->status(), halves.collector->status(), halves.agent->last_values(),
                    redact_url(halves.config().storage), ""};
  snapshot.hint = "ask in another shell: cd " + std::filesystem::current_path().string() + " && tally query meters";
  return snapshot;
}

// The terminal or pipe that is written to. On a terminal log lines would tear the table: the newest is shown in it, and
// all that came go to stderr at the end.
class Screen {
 public:
  explicit Screen(const log::Options& options) : live_(isatty(STDOUT_FILENO) == 1), options_(options) {
    if (!live_) return;
    log::Options inside = options_;
    if (isatty(STDERR_FILENO) == 1) inside.sink = [this](std::string_view line) { keep(line); };
    log::configure(std::move(inside));
    std::cout << "\x1b[?1049h\x1b[?25l" << std::flush;  // a screen of its own, no cursor
  }
  ~Screen() {
    if (!live_) return;
    std::cout << "\x1b[H\x1b[J\x1b[?25h\x1b[?1049l"
              << std::flush;  // cleared: a resized terminal may keep what stood there
    log::configure(options_);
    for (const std::string& line : lines_) std::cerr << line << '\n';
  }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  void show(Snapshot snapshot) {
    if (live_) {
      {
        const std::lock_guard lock(mutex_);
        if (!lines_.empty()) snapshot.log = lines_.back();
      }
      winsize size{};
      const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0;
      std::cout << draw(snapshot, known ? size.ws_row : 24, known ? size.ws_col : 80) << std::flush;
      return;
    }
    // A cycle is told a second after it began, when its batch is stored.
    if (snapshot.agent.cycles == seen_cycles_ && seen_cycles_ != told_cycles_) {
      told_cycles_ = seen_cycles_;
      std::cout << one_line(snapshot) << std::endl;
    }
    seen_cycles_ = snapshot.agent.cycles;
  }

 private:
  void keep(std::string_view line) {
    const std::lock_guard lock(mutex_);
    if (lines_.size() >= 100) lines_.pop_front();
    lines_.emplace_back(line);
  }

  const bool live_;
  const log::Options options_;
  std::mutex mutex_;
  std::deque<std::string> lines_;
  std::uint64_t seen_cycles_ = 0;
  std::uint64_t told_cycles_ = 0;
};

// Checks first and applies only what is valid, to both halves; the running configuration goes on otherwise.
void reload(Context& context, Halves& halves) {
  static unsigned count = 0;  // told apart, so that the log says the outcome of each
  const std::string which = "reload " + std::to_string(++count) + ": ";
  std::optional<Setup> next = load_setup(context, config::Program::run);
  if (!next) {
    context.exit_status = kDone;
    return log::error(which + "the configuration is invalid, going on with the running one");
  }
  auto catalog = std::make_shared<plugin::Catalog>(std::move(next->catalog));
  const config::Config& config = next->loaded.config;
  absl::StatusOr<std::unique_ptr<plugin::TransportDriver>> transport = agent::make_publisher(*catalog, config);
  absl::Status status = transport.status();
  if (status.ok()) status = halves.collector->reload(wire_collector(catalog, config, halves));
  if (!status.ok()) {
    return log::error(which + "going on with the running configuration: " + std::string(to_std(status.message())));
  }
  halves.outbox->replace(std::move(*transport), redact_url(config.publish));
  halves.agent->reload(agent::find_sources(*catalog, next->loaded, halves.hangs));
  halves.catalog = std::move(catalog);
  halves.loaded = std::move(next->loaded);
  log::info(which + "the configuration is applied");
}

// Until a signal that ends, or until `end`.
void watch(Context& context, Halves& halves, Screen& screen, const sigset_t& signals,
           std::optional<Clock::time_point> end) {
  while (!end || Clock::now() < *end) {
    auto left = std::chrono::nanoseconds(std::chrono::seconds(1));
    if (end) left = std::clamp<std::chrono::nanoseconds>(*end - Clock::now(), std::chrono::milliseconds(1), left);
    const timespec wait{static_cast<time_t>(left.count() / 1'000'000'000),
                        static_cast<long>(left.count() % 1'000'000'000)};
    const int signal = sigtimedwait(&signals, nullptr, &wait);
    if (signal == SIGINT || signal == SIGTERM) return;
    if (signal == SIGHUP) reload(context, halves);
    log::tick();
    halves.outbox->tick();
    screen.show(snapshot_of(halves));
    if (!std::cout) return;  // nobody looks any more
  }
}

// Everything measured is sent, everything sent is stored, within the drain limit each.
void end_halves(Halves& halves) {
  const std::chrono::milliseconds drain = halves.config().limits.drain;
  halves.agent->stop();
  halves.outbox->stop(drain.count());
  halves.collector->wait_settled(halves.collector->status().messages.received, drain);
  halves.collector->stop(drain);
}

void run(Context& context, const std::string& duration) {
  std::optional<Clock::time_point> end;
  if (!duration.empty()) {
    const std::optional<std::int64_t> us = duration_us(duration);
    if (!us) {
      context.exit_status = fail(kUsage, "--for " + duration + ": write 30s, 5m or 1h");
      return;
    }
    end = Clock::now() + std::chrono::microseconds(*us);
  }
  std::optional<Setup> setup = load_setup(context, config::Program::run);
  if (!setup) return;
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread, so that all inherit it

  Halves halves;
  if (absl::Status status = open_halves(std::move(*setup), halves); !status.ok()) {
    context.exit_status = fail(status);
    return;
  }
  {
    Screen screen(log_options(context, halves.config()));
    halves.collector->start();
    halves.collector->wait_connected(kBusLimit);  // without the bus the agent's half spools, which is not an error
    halves.outbox->start();
    halves.agent->start();
    serve(halves);
    watch(context, halves, screen, signals, end);
  }
  Snapshot last = snapshot_of(halves);
  sigset_t interrupt;
  sigemptyset(&interrupt);
  sigaddset(&interrupt, SIGINT);
  pthread_sigmask(SIG_UNBLOCK, &interrupt, nullptr);  // a second Ctrl-C ends at once: nothing is acknowledged too early
  end_halves(halves);
  last.agent.books = halves.outbox->books();
  last.collector = halves.collector->status();
  log::flush();
  std::cout << summary(last) << std::flush;
}

}  // namespace

void add_run_command(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("run", "Meter this host: agent and collector in one process");
  add_common_options(*command, context);
  const auto duration = std::make_shared<std::string>();
  command->add_option("--for", *duration, "End after this time: 30s, 5m, 1h")->type_name("TIME");
  command->callback([&context, duration] { run(context, *duration); });
}

}  // namespace tally::cli
