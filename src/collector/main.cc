// The program tally-collector: takes messages from its buses, makes samples of them, stores them.
// Not for pollsters: those are tally-agent's.
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/build_config.h"
#include "base/exit_status.h"
#include "base/log.h"
#include "base/strings.h"
#include "collector/collector.h"
#include "collector/wiring.h"
#include "daemon/command_line.h"
#include "daemon/main_loop.h"
#include "daemon/pages.h"
#include "daemon/setup.h"
#include "plugin/supervise/crash_report.h"

namespace tally::collector {
namespace {

daemon::Pages pages_of(const Collector& collector) {
  return {[&collector](MetricsPage& page) { status_metrics(collector.status(), page); },
          [&collector] { return collector.status().not_ready; },
          [&collector](const daemon::ProcessIdentity& identity) { return status_json(collector.status(), identity); }};
}

int fail(int exit_status, const absl::Status& status) {
  log::error(to_std(status.message()));
  return exit_status;
}

CollectorOptions wire_setup(daemon::Setup setup, const std::shared_ptr<plugin::HangCounter>& hangs) {
  auto catalog = std::make_shared<plugin::Catalog>(std::move(setup.catalog));
  return wire(std::move(catalog), setup.loaded.config, hangs);
}

void log_end(const MessageBooks& books) {
  log::info("ended: received " + std::to_string(books.received) + ", stored " + std::to_string(books.stored) +
            ", duplicate " + std::to_string(books.duplicate) + ", dead " + std::to_string(books.dead) + ", filtered " +
            std::to_string(books.filtered) + ", returned " + std::to_string(books.returned));
  log::flush();
}

int run(const daemon::Arguments& arguments) {
  daemon::MainLoop loop;
  std::optional<daemon::Setup> setup = daemon::load_setup(config::Program::collector, arguments);
  if (!setup) return exit_status::kInvalidConfig;
  const config::Config config = setup->loaded.config;
  daemon::ProcessIdentity identity{"tally-collector", TALLY_VERSION, setup->loaded.files};
  log::configure(daemon::log_options("tally-collector", arguments, config));
  plugin::install_crash_report();
  const auto hangs = daemon::end_at_second_hang(exit_status::kRestartMe);

  const auto collector = Collector::open(wire_setup(*std::move(setup), hangs));
  if (!collector.ok()) return fail(exit_status::kFailed, collector.status());
  const auto server = daemon::serve_pages(config, std::move(identity), hangs, pages_of(**collector));
  if (!server.ok()) return fail(exit_status::kAway, server.status());
  (*collector)->start();
  std::string buses;
  for (const BusStatus& bus : (*collector)->status().buses) buses += (buses.empty() ? "" : ", ") + bus.name;
  log::info("collecting from " + (buses.empty() ? "no bus" : buses));

  const config::Config last =
      loop.run("collecting", config,
               {.load = [&] { return daemon::load_setup(config::Program::collector, arguments); },
                .apply = [&](daemon::Setup next) { return (*collector)->reload(wire_setup(std::move(next), hangs)); },
                .silent = [&] { return (*collector)->silent(); }});
  log::info("stopping");
  (*collector)->stop(last.limits.drain);
  log_end((*collector)->status().messages);
  return exit_status::kDone;
}

}  // namespace
}  // namespace tally::collector

int main(int argc, char** argv) {
  CLI::App app;
  tally::daemon::Arguments arguments;
  tally::daemon::describe(
      app,
      {"tally-collector", "Takes notifications and samples from the bus and stores them.", "/etc/tally/collector.yaml",
       ".TP\n.I /etc/tally/collector.yaml, /etc/tally/collector.d/*.yaml\nthe configuration; "
       "an absent one is a working one",
       ".BR tally (1),\n.BR tally\\-agent (1)"},
      arguments);
  if (const auto status = tally::daemon::parse(app, argc, argv)) return *status;
  return tally::collector::run(arguments);
}
