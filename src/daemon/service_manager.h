// What a program tells the service manager that started it: that it is ready, stopping, alive.
// Not for deciding whether it is alive: the program's main loop does.
//
// The protocol is systemd's sd_notify(3): datagrams to the socket that $NOTIFY_SOCKET names. Without it nothing is
// told.
#ifndef TALLY_DAEMON_SERVICE_MANAGER_H
#define TALLY_DAEMON_SERVICE_MANAGER_H

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace tally::daemon {

// One thread.
class ServiceManager {
 public:
  // Looks into the environment, and takes what it found out of it: the programs that plugins start are not this one.
  ServiceManager();

  // `status`: one line for `systemctl status`.
  void ready(std::string_view status);
  void stopping();

  // To be called at least once a second: says that the program lives, four times within what WatchdogSec= allows.
  void alive();

 private:
  void tell(const std::string& text) const;

  std::string socket_;  // empty: nobody to tell
  std::optional<std::chrono::microseconds> watchdog_;
  std::chrono::steady_clock::time_point next_;
};

}  // namespace tally::daemon

#endif
