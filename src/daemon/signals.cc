#include "daemon/signals.h"

#include <pthread.h>

#include <cstdlib>
#include <ctime>
#include <thread>

#include "base/exit_status.h"

namespace tally::daemon {

Signals::Signals() {
  sigemptyset(&set_);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set_, signal);
  pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

Told Signals::wait(std::chrono::nanoseconds limit) const {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limit);
  const timespec time{static_cast<time_t>(seconds.count()), static_cast<long>((limit - seconds).count())};
  switch (sigtimedwait(&set_, nullptr, &time)) {
    case SIGHUP:
      return Told::reload;
    case SIGINT:
    case SIGTERM:
      return Told::end;
    default:
      return Told::nothing;
  }
}

void Signals::end_at_the_next() const {
  std::thread([set = set_] {
    int signal = 0;
    do sigwait(&set, &signal);
    while (signal == SIGHUP);
    std::_Exit(exit_status::kFailed);
  }).detach();
}

}  // namespace tally::daemon
