// The program tally-collector: takes messages from its buses, makes samples of them, stores them.
// Not for pollsters: those are tally-agent's.
#include <pthread.h>

#include <csignal>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <CLI/CLI.hpp>

#include "base/build_config.h"
#include "base/http_server.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/strings.h"
#include "collector/collector.h"
#include "collector/wiring.h"
#include "config/config.h"
#include "daemon/command_docs.h"
#include "daemon/service_manager.h"
#include "plugin/catalog/catalog.h"
#include "plugin/supervise/crash_report.h"
#include "plugin/supervise/descriptor_leaks.h"
#include "plugin/supervise/guard.h"

namespace tally::collector {
namespace {

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 64;
constexpr int kAway = 69;
constexpr int kRestartMe = 70;
constexpr int kInvalidConfig = 78;
constexpr Milliseconds kSilent{20'000};  // a call of a bus takes half of it at most

struct Arguments {
  std::string config_path;
  std::string log_format;
  int verbosity = 0;
};

struct Loaded {
  std::shared_ptr<plugin::Catalog> catalog;
  config::Config config;
  std::vector<std::filesystem::path> files;
};

// Prints all faults; none when one of them is more than a warning.
std::optional<Loaded> load(const Arguments& arguments) {
  auto catalog = std::make_shared<plugin::Catalog>(plugin::Catalog::scan(plugin::plugin_folders()));
  std::optional<std::filesystem::path> path;
  if (!arguments.config_path.empty()) path = arguments.config_path;
  if (!path) path = config::default_config_path(config::Program::collector);
  config::LoadedConfig loaded = config::load_config(config::Program::collector, path, catalog->keys());
  config::check_disable(loaded, catalog->names(), catalog->meters());
  plugin::check_urls(loaded, *catalog);
  for (const config::ConfigFault& fault : loaded.faults) std::cerr << fault.to_string() << '\n';
  if (!loaded.valid()) return std::nullopt;
  catalog->apply(loaded.config);
  return Loaded{std::move(catalog), std::move(loaded.config), std::move(loaded.files)};
}

void configure_log(const Arguments& arguments, const config::Config& config) {
  log::Options options;
  options.program = "tally-collector";
  options.level = log::level_of(arguments.verbosity);
  const bool json = arguments.log_format.empty() ? config.json_log : arguments.log_format == "json";
  options.format = json ? log::Format::json : log::Format::text;
  log::configure(std::move(options));
}

absl::StatusOr<std::unique_ptr<HttpServer>> serve(const config::Config& config, const Collector& collector,
                                                  daemon::ProcessIdentity identity) {
  if (config.http.address.empty()) return std::unique_ptr<HttpServer>();
  ServicePages pages;
  pages.metrics = [&collector] {
    MetricsPage page;
    status_metrics(collector.status(), page);
    plugin::descriptor_metrics(page);
    return page.text();
  };
  pages.not_ready = [&collector] { return collector.status().not_ready; };
  pages.status = [&collector, identity = std::move(identity)] { return status_json(collector.status(), identity); };
  return HttpServer::open(config.http.address, config.http.port, service_routes(std::move(pages)));
}

sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread, so that all inherit it
  std::signal(SIGPIPE, SIG_IGN);
  return signals;
}

// Checks first and applies only what is valid; the running configuration goes on otherwise.
void reload(const Arguments& arguments, config::Config& running, Collector& collector,
            const std::shared_ptr<plugin::HangCounter>& hangs) {
  static unsigned count = 0;  // told apart, so that the log says the outcome of each
  const std::string which = "reload " + std::to_string(++count) + ": ";
  std::optional<Loaded> next = load(arguments);
  if (!next) return log::error(which + "the configuration is invalid, going on with the running one");
  const absl::Status status = collector.reload(wire(next->catalog, next->config, hangs));
  if (!status.ok())
    return log::error(which + "going on with the running configuration: " + std::string(to_std(status.message())));
  if (next->config.http.address != running.http.address || next->config.http.port != running.http.port)
    log::warning("another address under `http:` counts from the next start");
  running = next->config;
  log::info(which + "the configuration is applied");
}

// A second signal ends the process at once: nothing is lost, since nothing unsettled was acknowledged.
void watch_for_second(const sigset_t& signals) {
  std::thread([signals] {
    int signal = 0;
    do sigwait(&signals, &signal);
    while (signal == SIGHUP);
    std::_Exit(kFailed);
  }).detach();
}

void wait_for_end(const sigset_t& signals, const Arguments& arguments, config::Config& config, Collector& collector,
                  const std::shared_ptr<plugin::HangCounter>& hangs, daemon::ServiceManager& manager) {
  while (true) {
    const timespec second{1, 0};
    const int signal = sigtimedwait(&signals, nullptr, &second);
    log::tick();
    if (collector.silent() < kSilent) manager.alive();
    if (signal == SIGHUP) reload(arguments, config, collector, hangs);
    if (signal == SIGINT || signal == SIGTERM) return;
  }
}

int run(const Arguments& arguments) {
  daemon::ServiceManager manager;
  std::optional<Loaded> loaded = load(arguments);
  if (!loaded) return kInvalidConfig;
  config::Config config = loaded->config;
  configure_log(arguments, config);
  plugin::install_crash_report();
  const sigset_t signals = block_signals();
  const auto hangs = std::make_shared<plugin::HangCounter>([](const std::string& plugin) {
    log::error(plugin +
               ": second plugin call that timed out; exiting with status 70 so that the supervisor restarts us");
    std::_Exit(kRestartMe);
  });
  auto collector = Collector::open(wire(loaded->catalog, config, hangs));
  if (!collector.ok()) {
    log::error(to_std(collector.status().message()));
    return kFailed;
  }
  auto server = serve(config, **collector, {"tally-collector", TALLY_VERSION, loaded->files});
  if (!server.ok()) {
    log::error(to_std(server.status().message()));
    return kAway;
  }
  (*collector)->start();
  std::string buses;
  for (const BusStatus& bus : (*collector)->status().buses) buses += (buses.empty() ? "" : ", ") + bus.name;
  log::info("collecting from " + (buses.empty() ? "no bus" : buses));
  manager.ready("collecting");
  wait_for_end(signals, arguments, config, **collector, hangs, manager);
  manager.stopping();
  watch_for_second(signals);
  log::info("stopping");
  (*collector)->stop(config.limits.drain);
  const MessageBooks books = (*collector)->status().messages;
  log::info("ended: received " + std::to_string(books.received) + ", stored " + std::to_string(books.stored) +
            ", duplicate " + std::to_string(books.duplicate) + ", dead " + std::to_string(books.dead) + ", filtered " +
            std::to_string(books.filtered) + ", returned " + std::to_string(books.returned));
  log::flush();
  return kDone;
}

}  // namespace
}  // namespace tally::collector

int main(int argc, char** argv) {
  CLI::App app("Takes notifications and samples from the bus and stores them.", "tally-collector");
  tally::collector::Arguments arguments;
  app.add_option("--config", arguments.config_path, "The configuration; default /etc/tally/collector.yaml")
      ->type_name("FILE");
  app.add_option("--log-format", arguments.log_format, "text or json")->check(CLI::IsMember({"text", "json"}));
  app.add_flag(
      "-v", [&](std::int64_t times) { arguments.verbosity += static_cast<int>(times); }, "Log more");
  app.add_flag(
      "-q", [&](std::int64_t times) { arguments.verbosity -= static_cast<int>(times); }, "Log less");
  app.footer("Exit status: 0 done, 64 wrong usage, 69 a service is away, 70 restart me, 78 configuration invalid.");
  tally::daemon::add_docs_option(
      app, {TALLY_VERSION,
            ".TP\n.I /etc/tally/collector.yaml, /etc/tally/collector.d/*.yaml\nthe configuration; "
            "an absent one is a working one",
            ".BR tally (1),\n.BR tally\\-agent (1)"});
  app.set_version_flag("--version", std::string("tally-collector ") + TALLY_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : tally::collector::kUsage;
  }
  return tally::collector::run(arguments);
}
