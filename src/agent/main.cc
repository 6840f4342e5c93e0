// The program tally-agent: polls the namespaces of its configuration and publishes what it measures.
// Not for storing anything: a `storage` key in its configuration is a fault.
#include <malloc.h>
#include <sys/prctl.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/agent.h"
#include "agent/outbox.h"
#include "agent/wiring.h"
#include "base/build_config.h"
#include "base/exit_status.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/url.h"
#include "daemon/command_line.h"
#include "daemon/main_loop.h"
#include "daemon/pages.h"
#include "daemon/setup.h"
#include "plugin/supervise/crash_report.h"

namespace tally::agent {
namespace {

constexpr unsigned kTurnsToTrim = 10;  // of a second, or of a signal

struct Arguments : daemon::Arguments {
  std::vector<std::string> namespaces;
};

std::optional<daemon::Setup> load(const Arguments& arguments) {
  std::optional<daemon::Setup> setup = daemon::load_setup(config::Program::agent, arguments);
  if (setup && !arguments.namespaces.empty()) setup->loaded.config.polling.namespaces = arguments.namespaces;
  return setup;
}

daemon::Pages pages_of(const Agent& agent) {
  return {[&agent](MetricsPage& page) { status_metrics(agent.status(), page); },
          [&agent] { return not_ready(agent.status().books); },
          [&agent](const daemon::ProcessIdentity& identity) { return status_json(agent.status(), identity); }};
}

int fail(const absl::Status& status) {
  log::error(to_std(status.message()));
  return exit_status::kAway;
}

absl::Status apply(daemon::Setup next, Agent& agent, Outbox& outbox,
                   const std::shared_ptr<plugin::HangCounter>& hangs) {
  const config::Config& config = next.loaded.config;
  absl::StatusOr<std::unique_ptr<plugin::TransportDriver>> transport = make_publisher(next.catalog, config);
  if (!transport.ok()) return transport.status();
  outbox.replace(*std::move(transport), redact_url(config.publish));
  agent.reload(find_sources(next.catalog, next.loaded, hangs));
  return absl::OkStatus();
}

bool tick(Outbox& outbox, unsigned turn) {
  if (turn % kTurnsToTrim == 0) malloc_trim(0);  // what a cycle needed and no longer needs
  outbox.tick();
  return true;
}

int run(const Arguments& arguments) {
  daemon::MainLoop loop;
  std::optional<daemon::Setup> setup = load(arguments);
  if (!setup) return exit_status::kInvalidConfig;
  const config::Config config = setup->loaded.config;
  log::configure(daemon::log_options("tally-agent", arguments, config));
  plugin::install_crash_report();
  const auto hangs = daemon::end_at_second_hang(exit_status::kRestartMe);

  absl::StatusOr<std::unique_ptr<plugin::TransportDriver>> transport = make_publisher(setup->catalog, config);
  if (!transport.ok()) return fail(transport.status());
  absl::StatusOr<std::unique_ptr<Outbox>> outbox = Outbox::open(*std::move(transport), outbox_options(config));
  if (!outbox.ok()) return fail(outbox.status());
  AgentOptions options = agent_options(config);
  options.at_once = true;  // who starts an agent wants to see something
  Agent agent(std::move(options), find_sources(setup->catalog, setup->loaded, hangs), **outbox);
  const auto server =
      daemon::serve_pages(config, {"tally-agent", TALLY_VERSION, setup->loaded.files}, hangs, pages_of(agent));
  if (!server.ok()) return fail(server.status());
  setup.reset();  // the sources have what they need of it
  malloc_trim(0);
  (*outbox)->start();
  agent.start();
  log::info("polling, publishing to " + redact_url(config.publish));

  const config::Config last =
      loop.run("polling", config,
               {.load = [&] { return load(arguments); },
                .apply = [&](daemon::Setup next) { return apply(std::move(next), agent, **outbox, hangs); },
                .silent = [&] { return (*outbox)->silent(); },
                .tick = [&outbox = **outbox, turn = 0U]() mutable { return tick(outbox, ++turn); }});
  agent.stop();
  (*outbox)->stop(last.limits.drain.count());
  const OutboxCounts samples = (*outbox)->books().samples;
  log::info("ended: " + std::to_string(samples.made) + " samples made, " + std::to_string(samples.sent) + " sent, " +
            std::to_string(samples.spooled) + " kept in the spool");
  log::flush();
  return exit_status::kDone;
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
  CLI::App app;
  tally::agent::Arguments arguments;
  tally::daemon::describe(
      app,
      {"tally-agent", "Polls what nobody announces and publishes it as samples.", "/etc/tally/agent.yaml",
       ".TP\n.I /etc/tally/agent.yaml, /etc/tally/agent.d/*.yaml\nthe configuration; an absent one is a working one\n"
       ".TP\n.I /etc/ceilometer/polling.yaml\nwhat is polled, where the configuration's polling.file names it",
       ".BR tally (1),\n.BR tally\\-collector (1)"},
      arguments);
  app.add_option("--namespace", arguments.namespaces, "Which pollsters run here: host, compute, central")
      ->delimiter(',');
  if (const auto status = tally::daemon::parse(app, argc, argv)) return *status;
  return tally::agent::run(arguments);
}
