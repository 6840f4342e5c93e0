#include "daemon/service_manager.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

namespace tally::test {
namespace {

// What a service manager has: a socket with a name, in the file system or abstract.
class Manager {
 public:
  explicit Manager(std::string name) : name_(std::move(name)), fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, name_.data(), name_.size());
    if (name_[0] == '@') at.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size());
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&at), size), 0) << std::strerror(errno);
    ::setenv("NOTIFY_SOCKET", name_.c_str(), 1);
  }
  ~Manager() {
    ::close(fd_);
    if (name_[0] == '/') ::unlink(name_.c_str());
  }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  // What was told next; empty: nothing.
  std::string heard() const {
    std::array<char, 256> text{};
    const ssize_t size = ::recv(fd_, text.data(), text.size(), MSG_DONTWAIT);
    return size < 0 ? "" : std::string(text.data(), static_cast<std::size_t>(size));
  }

 private:
  std::string name_;
  int fd_;
};

std::string socket_name(const char* before) {
  return before + std::string("tally-manager-") + std::to_string(::getpid());
}

TEST(ServiceManager, TellsThatTheProgramIsReadyAndStopping) {
  for (const char* before : {"/tmp/", "@"}) {
    const Manager manager(socket_name(before));
    daemon::ServiceManager told;
    EXPECT_EQ(std::getenv("NOTIFY_SOCKET"), nullptr);
    told.ready("polling");
    EXPECT_EQ(manager.heard(), "READY=1\nSTATUS=polling");
    told.alive();  // nobody asked for it
    EXPECT_EQ(manager.heard(), "");
    told.stopping();
    EXPECT_EQ(manager.heard(), "STOPPING=1");
  }
}

TEST(ServiceManager, TellsThatItLivesAsOftenAsTheWatchdogNeeds) {
  const Manager manager(socket_name("@"));
  ::setenv("WATCHDOG_USEC", "3600000000", 1);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  daemon::ServiceManager seldom;
  seldom.alive();
  seldom.alive();
  EXPECT_EQ(manager.heard(), "WATCHDOG=1");
  EXPECT_EQ(manager.heard(), "");
  ::setenv("NOTIFY_SOCKET", socket_name("@").c_str(), 1);
  ::setenv("WATCHDOG_USEC", "1", 1);
  daemon::ServiceManager often;
  often.alive();
  often.alive();
  EXPECT_EQ(manager.heard(), "WATCHDOG=1");
  EXPECT_EQ(manager.heard(), "WATCHDOG=1");
}

TEST(ServiceManager, IsSilentToAnotherProgramsWatchdogAndWithoutAManager) {
  const Manager manager(socket_name("@"));
  ::setenv("WATCHDOG_USEC", "1", 1);
  ::setenv("WATCHDOG_PID", "1", 1);
  daemon::ServiceManager other;
  other.alive();
  EXPECT_EQ(manager.heard(), "");
  daemon::ServiceManager nobody;  // the environment was emptied
  nobody.ready("polling");
  ::setenv("NOTIFY_SOCKET", std::string(500, 'x').c_str(), 1);
  ::setenv("WATCHDOG_USEC", "many", 1);
  daemon::ServiceManager nonsense;
  nonsense.ready("polling");
  nonsense.alive();
  EXPECT_EQ(manager.heard(), "");
}

}  // namespace
}  // namespace tally::test
