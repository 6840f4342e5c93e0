#include "plugin/supervise/crash_report.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/exit_status.h"
#include "base/log.h"
#include "plugin/call/call_scope.h"

namespace tally::plugin {
namespace {

struct Signal {
  int number;
  const char* name;
};
constexpr std::array<Signal, 5> kSignals = {
    {{SIGABRT, "SIGABRT"}, {SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGFPE, "SIGFPE"}, {SIGILL, "SIGILL"}}};

std::atomic<bool> installed = false;

// Nothing is lost by ending here: what is not stored was not acknowledged.
void at_exit() {
  const char* plugin = running_plugin();
  if (plugin == nullptr && ::gettid() == ::getpid()) return;
  log::error(plugin != nullptr ? std::string(plugin) + " called exit() in the middle of a call; ending for a restart"
                               : std::string("a thread that a plugin started called exit(); ending for a restart"));
  log::flush();
  std::_Exit(exit_status::kRestartMe);
}

void say(const char* text) {
  const ssize_t ignored = ::write(STDERR_FILENO, text, std::strlen(text));
  static_cast<void>(ignored);
}

// Only what POSIX allows in a signal handler.
extern "C" void on_fatal_signal(int number) {
  if (const char* plugin = running_plugin()) {
    const char* name = "a signal";
    for (const Signal& signal : kSignals) {
      if (signal.number == number) name = signal.name;
    }
    say("error: ");
    say(plugin);
    say(" ends the process by ");
    say(name);
    say(" in the middle of a call\n");
  }
  ::raise(number);  // held back until this returns; its default action is back in place
}

}  // namespace

void install_crash_report() {
  installed = true;
  std::atexit(&at_exit);
  std::at_quick_exit(&at_exit);
  for (const Signal& signal : kSignals) {
    struct sigaction before {};
    if (::sigaction(signal.number, nullptr, &before) != 0 || before.sa_handler != SIG_DFL) continue;
    struct sigaction ours {};
    ours.sa_handler = &on_fatal_signal;
    ours.sa_flags = SA_RESETHAND | SA_ONSTACK;
    ::sigaction(signal.number, &ours, nullptr);
  }
}

void renew_crash_report() {
  if (installed) std::atexit(&at_exit);
}

}  // namespace tally::plugin
