// `tally run`: agent and collector in one process, for a laptop, a single host, a first look.
// Not a third program: both halves are the same code as in tally-agent and tally-collector, and meet over the
// transport.
#include <chrono>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/log.h"
#include "cli/arguments.h"
#include "cli/cli.h"
#include "cli/halves.h"
#include "cli/live_table.h"
#include "cli/screen.h"
#include "daemon/main_loop.h"

namespace tally::cli {
namespace {

using Clock = std::chrono::steady_clock;

// Until a signal, or until `end`, or until nobody looks any more.
void watch(daemon::MainLoop& loop, const Context& context, Halves& halves, std::optional<Clock::time_point> end) {
  std::optional<Screen> screen(std::in_place, daemon::log_options("tally", context, halves.config()));
  halves.start();
  loop.run("running", halves.config(),
           {.load =
                [&] {
                  Context own = context;  // an invalid configuration is not this command's end
                  return read_setup(own, config::Program::run);
                },
            .apply = [&](Setup next) { return halves.reload(std::move(next)); },
            .silent = [&] { return halves.silent(); },
            .tick =
                [&] {
                  halves.tick();
                  screen->show(halves.snapshot());
                  return static_cast<bool>(std::cout);
                },
            .ended = [&] { screen.reset(); },
            .end = end});
}

void run(Context& context, const std::string& duration) {
  daemon::MainLoop loop;
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
  const auto halves = Halves::open(*std::move(setup));
  if (!halves.ok()) {
    context.exit_status = fail(halves.status());
    return;
  }
  watch(loop, context, **halves, end);
  Snapshot last = (*halves)->snapshot();
  (*halves)->stop(last);
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
