// The signals that a program is told to reload or to end by: SIGHUP, SIGINT and SIGTERM.
// Not for signals of faults: see plugin/supervise/crash_report.h.
#ifndef TALLY_DAEMON_SIGNALS_H
#define TALLY_DAEMON_SIGNALS_H

#include <chrono>
#include <csignal>

namespace tally::daemon {

enum class Told { nothing, reload, end };

// The program's main thread alone.
class Signals {
 public:
  // Blocks them, and ignores SIGPIPE. To be made before any thread is started, so that all inherit it.
  Signals();

  // What came first; waits for it up to `limit`, which is more than zero.
  Told wait(std::chrono::nanoseconds limit) const;

  // From now on the next SIGINT or SIGTERM ends the process at once with status 1, whatever its threads are at; SIGHUP
  // does nothing. To be called once, when the orderly end begins: nothing is lost by cutting it short, since nothing
  // is acknowledged before it is stored.
  void end_at_the_next() const;

 private:
  sigset_t set_{};
};

}  // namespace tally::daemon

#endif
