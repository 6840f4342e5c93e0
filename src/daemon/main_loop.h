// What the main thread of a program does from its start until it is told to end: signals, reloads, the service manager
// and its watchdog, counts of log lines. Not for the work itself, which has threads of its own.
#ifndef TALLY_DAEMON_MAIN_LOOP_H
#define TALLY_DAEMON_MAIN_LOOP_H

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "config/config.h"
#include "daemon/service_manager.h"
#include "daemon/setup.h"
#include "daemon/signals.h"
#include "plugin/supervise/guard.h"

namespace tally::daemon {

// What a program adds. All are called on the main thread.
struct Work {
  // The configuration as it stands now; none: it is invalid, and its faults were printed.
  std::function<std::optional<Setup>()> load;
  // Goes on with another configuration. On an error everything is as before.
  std::function<absl::Status(Setup)> apply;
  // Since the thread that serves a bus came by last. Above 20 s the watchdog is told nothing.
  std::function<std::chrono::milliseconds()> silent;
  // About each second; false ends the loop. May be empty.
  std::function<bool()> tick{};
  // Once, when the loop has ended and another signal does not end the process yet. May be empty.
  std::function<void()> ended{};
  std::optional<std::chrono::steady_clock::time_point> end{};  // none: goes on until a signal
};

// One thread: the program's main one.
class MainLoop {
 public:
  // The first thing in a program: before any thread, plugin or other program is started.
  MainLoop() = default;

  // Says that the program is ready and `doing` that, and returns when it is to end: after SIGINT or SIGTERM, when
  // work.end has come or work.tick() has said so. SIGHUP reloads: each is numbered, and its outcome logged. On return
  // the service manager knows that the program stops, and the next signal ends it at once. `config` is what the program
  // was started with; returns what it runs with at the end. To be called once.
  config::Config run(std::string_view doing, config::Config config, const Work& work);

 private:
  void reload(config::Config& config, const Work& work);

  ServiceManager manager_;
  Signals signals_;
  decltype(config::Config::http) served_;  // a reload does not change it
  unsigned reloads_ = 0;
};

// Counts calls of plugins that do not come back, and ends the process at the second one with `status`, on the
// thread that noticed. Nothing is lost: what was acknowledged is stored, and the rest comes again or is in the spool.
std::shared_ptr<plugin::HangCounter> end_at_second_hang(int status);

}  // namespace tally::daemon

#endif
