#include "daemon/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace tally::daemon {
namespace {

constexpr int kBeatsATime = 4;

std::string out_of_environment(const char* name) {
  const char* value = std::getenv(name);
  std::string text = value == nullptr ? "" : value;
  ::unsetenv(name);
  return text;
}

std::optional<std::int64_t> positive(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value <= 0) return std::nullopt;
  return value;
}

}  // namespace

ServiceManager::ServiceManager() : socket_(out_of_environment("NOTIFY_SOCKET")) {
  const auto limit = positive(out_of_environment("WATCHDOG_USEC"));
  const auto pid = positive(out_of_environment("WATCHDOG_PID"));
  if (limit && (!pid || *pid == ::getpid())) watchdog_ = std::chrono::microseconds(*limit);
}

void ServiceManager::ready(std::string_view status) { tell("READY=1\nSTATUS=" + std::string(status)); }

void ServiceManager::stopping() { tell("STOPPING=1"); }

void ServiceManager::alive() {
  const auto now = std::chrono::steady_clock::now();
  if (!watchdog_ || now < next_) return;
  next_ = now + *watchdog_ / kBeatsATime;
  tell("WATCHDOG=1");
}

// A manager that does not listen is none of our concern: it has a clock of its own.
void ServiceManager::tell(const std::string& text) const {
  sockaddr_un to{};
  if (socket_.empty() || socket_.size() >= sizeof to.sun_path || (socket_[0] != '/' && socket_[0] != '@')) return;
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, socket_.data(), socket_.size());
  if (socket_[0] == '@') to.sun_path[0] = '\0';  // an abstract name
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  static_cast<void>(::sendto(fd, text.data(), text.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to), size));
  ::close(fd);
}

}  // namespace tally::daemon
