// Runs a command: pipes for its output, a pidfd for its end, one poll(2) loop over the three.
// Not for reading samples.
#include "command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace {

using Clock = std::chrono::steady_clock;

class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }
  int get() const { return number_; }
  void reset(int number) {
    close();
    number_ = number;
  }
  void close() {
    if (number_ >= 0) ::close(number_);
    number_ = -1;
  }

 private:
  int number_;
};

[[noreturn]] void fail(int error, const char* what) { throw std::system_error(error, std::generic_category(), what); }

struct Pipe {
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) fail(errno, "pipe");
    read.reset(ends[0]);
    write.reset(ends[1]);
    fcntl(read.get(), F_SETFL, O_NONBLOCK);
  }
  Descriptor read;
  Descriptor write;
};

// Starts the command in its own process group, with no signal blocked or ignored and nothing to read.
pid_t start(const std::string& command, const Pipe& output, const Pipe& errors) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, output.write.get(), 1);
  posix_spawn_file_actions_adddup2(&files, errors.write.get(), 2);
  // Other threads of the host may have opened descriptors that are not to be inherited.
  posix_spawn_file_actions_addclosefrom_np(&files, 3);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  std::string text = command;
  char shell[] = "sh", option[] = "-c";
  char* const arguments[] = {shell, option, text.data(), nullptr};
  pid_t child = -1;
  const int problem = posix_spawn(&child, "/bin/sh", &files, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (problem != 0) fail(problem, "/bin/sh");
  return child;
}

// Reads what is there. False at the end of the file. Keeps up to `bound` bytes, and says when there were more.
bool drain(const Descriptor& from, std::string& to, std::size_t bound, bool& over) {
  char buffer[8192];
  while (true) {
    const ssize_t count = read(from.get(), buffer, sizeof buffer);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    if (count == 0) return false;
    const std::size_t room = bound - to.size();
    to.append(buffer, std::min(room, static_cast<std::size_t>(count)));
    over = over || static_cast<std::size_t>(count) > room;
    if (over) return true;
  }
}

int remaining_ms(Clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000));
}

std::string ending(int status) {
  if (WIFSIGNALED(status)) return "killed by signal " + std::to_string(WTERMSIG(status));
  if (WEXITSTATUS(status) != 0) return "exit status " + std::to_string(WEXITSTATUS(status));
  return {};
}

}  // namespace

CommandResult run_command(const std::string& command, const CommandLimits& limits) {
  constexpr std::size_t kErrorBytes = 300;
  const auto deadline = Clock::now() + limits.time;
  Pipe output, errors;
  const pid_t child = start(command, output, errors);
  output.write.close();
  errors.write.close();
  const Descriptor end(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));

  CommandResult result;
  std::string said;
  bool over = false, said_over = false, ended = false;
  while (!ended && !over && result.problem.empty()) {
    pollfd watched[] = {{output.read.get(), POLLIN, 0}, {errors.read.get(), POLLIN, 0}, {end.get(), POLLIN, 0}};
    // Where there are no pidfds, a short wait and a look.
    const int wait_ms = remaining_ms(deadline);
    const int ready = ::poll(watched, 3, end.get() < 0 ? std::min(wait_ms, 20) : wait_ms);
    siginfo_t info{};
    ended = waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == child;
    if (!drain(output.read, result.output, limits.output_bytes, over)) output.read.close();
    if (!drain(errors.read, said, kErrorBytes, said_over)) errors.read.close();
    if (said_over) errors.read.close();
    if (over) result.problem = "wrote more than " + std::to_string(limits.output_bytes) + " bytes";
    if (!ended && !over && ready == 0 && remaining_ms(deadline) == 0) {
      result.problem = "not done after " + std::to_string(limits.time.count()) + " ms, killed";
    }
  }
  // The child is not reaped yet, so the group's number cannot be another's.
  kill(-child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (result.problem.empty()) result.problem = ending(status);
  if (!result.problem.empty() && !said.empty()) {
    result.problem += ": " + said.substr(0, said.find('\n'));
  }
  return result;
}
