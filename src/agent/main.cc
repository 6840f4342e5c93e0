// The program tally-agent: polls the namespaces of its configuration and publishes what it measures.
// Not for storing anything: a `storage` key in its configuration is a fault.
#include <malloc.h>
#include <sys/prctl.h>

#include <csignal>
#include <ctime>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "agent/agent.h"
#include "agent/outbox.h"
#include "agent/wiring.h"
#include "base/build_config.h"
#include "base/http_server.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/url.h"
#include "config/config.h"
#include "daemon/command_docs.h"
#include "daemon/service_manager.h"
#include "plugin/catalog/catalog.h"
#include "plugin/supervise/crash_report.h"
#include "plugin/supervise/descriptor_leaks.h"
#include "plugin/supervise/guard.h"

namespace tally::agent {
namespace {

constexpr int kDone = 0;
constexpr int kUsage = 64;
constexpr int kAway = 69;
constexpr int kRestartMe = 70;
constexpr int kInvalidConfig = 78;
constexpr unsigned kTurnsToTrim = 10;        // of a second, or of a signal
constexpr std::chrono::seconds kSilent{20};  // a bus call takes half of it at most

struct Arguments {
  std::string config_path;
  std::vector<std::string> namespaces;
  std::string log_format;
  int verbosity = 0;
};

struct Loaded {
  plugin::Catalog catalog;
  config::LoadedConfig loaded;
};

std::optional<Loaded> load(const Arguments& arguments) {
  Loaded result;
  result.catalog = plugin::Catalog::scan(plugin::plugin_folders());
  std::optional<std::filesystem::path> path;
  if (!arguments.config_path.empty()) path = arguments.config_path;
  if (!path) path = config::default_config_path(config::Program::agent);
  result.loaded = config::load_config(config::Program::agent, path, result.catalog.keys());
  config::check_disable(result.loaded, result.catalog.names(), result.catalog.meters());
  config::check_polling(result.loaded, result.catalog.polled_meters(), result.catalog.discoveries());
  plugin::check_urls(result.loaded, result.catalog);
  for (const config::ConfigFault& fault : result.loaded.faults) std::cerr << fault.to_string() << '\n';
  if (!result.loaded.valid()) return std::nullopt;
  if (!arguments.namespaces.empty()) result.loaded.config.polling.namespaces = arguments.namespaces;
  result.catalog.apply(result.loaded.config);
  return result;
}

std::string metrics_text(const Agent& agent) {
  const AgentStatus status = agent.status();
  const OutboxBooks& books = status.books;
  MetricsPage page;
  const auto both = [&](const char* unit, const OutboxCounts& counts) {
    const std::string prefix = std::string("tally_agent_") + unit;
    page.family(prefix + "_made_total", "counter", "Made here, and found in the spool at the start.");
    page.value({}, counts.made);
    page.family(prefix + "_total", "counter", "By what became of them: sent is confirmed by the bus.");
    page.value({{"outcome", "sent"}}, counts.sent);
    page.value({{"outcome", "refused"}}, counts.refused);
    page.value({{"outcome", "lost"}}, counts.lost);
    page.value({{"outcome", "expired"}}, counts.expired);
    page.family(prefix + "_spooled", "gauge", "On disk.");
    page.value({}, counts.spooled);
    page.family(prefix + "_in_flight", "gauge", "In memory.");
    page.value({}, counts.in_flight);
  };
  both("messages", books.messages);
  both("samples", books.samples);
  page.family("tally_agent_samples_filtered_total", "counter", "Of disabled meters; not among those made.");
  page.value({}, status.filtered);
  page.family("tally_agent_spool_damaged_total", "counter", "Messages skipped in the spool.");
  page.value({}, books.damaged_messages);
  page.family("tally_ready", "gauge", "1 where nothing stands in the way; /readyz has the reasons.");
  page.value({}, std::uint64_t{not_ready(books).empty() ? 1U : 0U});
  page.family("tally_agent_cycles_total", "counter", "Polls made.");
  page.value({}, status.cycles);
  page.family("tally_agent_skipped_cycles_total", "counter", "Polls left out because one before took too long.");
  page.value({}, status.skipped_cycles);
  page.family("tally_agent_errors_total", "counter", "Polls that ended in an error.");
  page.value({}, status.errors);
  page.family("tally_agent_faults_total", "counter", "Resources that could not be measured, and samples left out.");
  page.value({}, status.faults);
  plugin::descriptor_metrics(page);
  return page.text();
}

absl::StatusOr<std::unique_ptr<HttpServer>> serve(const config::Config& config, const Agent& agent,
                                                  daemon::ProcessIdentity identity) {
  if (config.http.address.empty()) return std::unique_ptr<HttpServer>();
  ServicePages pages;
  pages.metrics = [&agent] { return metrics_text(agent); };
  pages.not_ready = [&agent] { return not_ready(agent.status().books); };
  pages.status = [&agent, identity = std::move(identity)] { return status_json(agent.status(), identity); };
  return HttpServer::open(config.http.address, config.http.port, service_routes(std::move(pages)));
}

void configure_log(const Arguments& arguments, const config::Config& config) {
  log::Options options;
  options.program = "tally-agent";
  options.level = log::level_of(arguments.verbosity);
  options.format = (arguments.log_format.empty() ? config.json_log : arguments.log_format == "json")
                       ? log::Format::json
                       : log::Format::text;
  log::configure(std::move(options));
}

// Checks first and applies only what is valid; the running configuration goes on otherwise.
void reload(const Arguments& arguments, config::Config& running, Agent& agent, Outbox& outbox,
            const std::shared_ptr<plugin::HangCounter>& hangs) {
  static unsigned count = 0;  // told apart, so that the log says the outcome of each
  const std::string which = "reload " + std::to_string(++count) + ": ";
  std::optional<Loaded> next = load(arguments);
  if (!next) return log::error(which + "the configuration is invalid, going on with the running one");
  const config::Config& config = next->loaded.config;
  absl::StatusOr<std::unique_ptr<plugin::TransportDriver>> transport = make_publisher(next->catalog, config);
  if (!transport.ok()) {
    return log::error(which + "going on with the running configuration: " + std::string(transport.status().message()));
  }
  outbox.replace(std::move(*transport), redact_url(config.publish));
  agent.reload(find_sources(next->catalog, next->loaded, hangs));
  running = config;
  log::info(which + "the configuration is applied");
}

int run(const Arguments& arguments) {
  daemon::ServiceManager manager;
  std::optional<Loaded> loaded = load(arguments);
  if (!loaded) return kInvalidConfig;
  config::Config config = loaded->loaded.config;
  configure_log(arguments, config);

  plugin::install_crash_report();
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread, so that all inherit it
  std::signal(SIGPIPE, SIG_IGN);

  const auto hangs = std::make_shared<plugin::HangCounter>([](const std::string& plugin) {
    log::error(plugin +
               ": second plugin call that timed out; exiting with status 70 so that the supervisor restarts us");
    std::_Exit(kRestartMe);  // nothing is lost: what is not sent yet is measured again or in the spool
  });
  absl::StatusOr<std::unique_ptr<plugin::TransportDriver>> transport = make_publisher(loaded->catalog, config);
  if (!transport.ok()) {
    log::error(std::string(transport.status().message()));
    return kAway;
  }
  absl::StatusOr<std::unique_ptr<Outbox>> outbox = Outbox::open(std::move(*transport), outbox_options(config));
  if (!outbox.ok()) {
    log::error(std::string(outbox.status().message()));
    return kAway;
  }
  AgentOptions options = agent_options(config);
  options.at_once = true;  // who starts an agent wants to see something
  Agent agent(std::move(options), find_sources(loaded->catalog, loaded->loaded, hangs), **outbox);
  absl::StatusOr<std::unique_ptr<HttpServer>> server =
      serve(config, agent, {"tally-agent", TALLY_VERSION, loaded->loaded.files});
  if (!server.ok()) {
    log::error(std::string(server.status().message()));
    return kAway;
  }
  loaded.reset();  // the sources have what they need of it
  malloc_trim(0);
  (*outbox)->start();
  agent.start();
  log::info("polling, publishing to " + redact_url(config.publish));

  manager.ready("polling");
  for (unsigned turn = 1;; ++turn) {
    const timespec second{1, 0};
    if (turn % kTurnsToTrim == 0) malloc_trim(0);  // what a cycle needed and no longer needs
    const int signal = sigtimedwait(&signals, nullptr, &second);
    log::tick();
    (*outbox)->tick();
    if ((*outbox)->silent() < kSilent) manager.alive();
    if (signal == SIGHUP) reload(arguments, config, agent, **outbox, hangs);
    if (signal == SIGINT || signal == SIGTERM) break;
  }
  manager.stopping();
  agent.stop();
  (*outbox)->stop(config.limits.drain.count());
  const OutboxCounts samples = (*outbox)->books().samples;
  log::info("ended: " + std::to_string(samples.made) + " samples made, " + std::to_string(samples.sent) + " sent, " +
            std::to_string(samples.spooled) + " kept in the spool");
  log::flush();
  return kDone;
}

}  // namespace
}  // namespace tally::agent

int main(int argc, char** argv) {
  // An agent is small: a heap for each of its threads, pages of 2 MiB where the kernel gives them to everybody, and
  // room kept at the heap's end for as much as the largest answer of libvirt's took would each cost a tenth of it.
  // (Setting the thresholds keeps glibc from raising them.)
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_THRESHOLD, 128 * 1024);
  mallopt(M_TRIM_THRESHOLD, 64 * 1024);
  mallopt(M_TOP_PAD, 16 * 1024);
  prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
  CLI::App app("Polls what nobody announces and publishes it as samples.", "tally-agent");
  tally::agent::Arguments arguments;
  app.add_option("--config", arguments.config_path, "The configuration; default /etc/tally/agent.yaml")
      ->type_name("FILE");
  app.add_option("--namespace", arguments.namespaces, "Which pollsters run here: host, compute, central")
      ->delimiter(',');
  app.add_option("--log-format", arguments.log_format, "text or json")->check(CLI::IsMember({"text", "json"}));
  app.add_flag(
      "-v", [&](std::int64_t times) { arguments.verbosity += static_cast<int>(times); }, "Log more");
  app.add_flag(
      "-q", [&](std::int64_t times) { arguments.verbosity -= static_cast<int>(times); }, "Log less");
  app.footer("Exit status: 0 done, 64 wrong usage, 69 a service is away, 70 restart me, 78 configuration invalid.");
  tally::daemon::add_docs_option(
      app,
      {TALLY_VERSION,
       ".TP\n.I /etc/tally/agent.yaml, /etc/tally/agent.d/*.yaml\nthe configuration; an absent one is a working one\n"
       ".TP\n.I /etc/ceilometer/polling.yaml\nwhat is polled, where the configuration's polling.file names it",
       ".BR tally (1),\n.BR tally\\-collector (1)"});
  app.set_version_flag("--version", std::string("tally-agent ") + TALLY_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : tally::agent::kUsage;
  }
  return tally::agent::run(arguments);
}
