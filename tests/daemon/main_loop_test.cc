// The life of a program between its start and its end: reloads, ticks, and who ends it.
#include "daemon/main_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>

#include "base/status.h"

namespace tally::test {
namespace {

using ::testing::AllOf;
using ::testing::ExitedWithCode;
using ::testing::HasSubstr;

std::chrono::milliseconds never_silent() { return std::chrono::milliseconds(0); }

std::optional<daemon::Setup> setup_of(const std::string& host, std::uint16_t port) {
  daemon::Setup setup;
  setup.loaded.config.host = host;
  setup.loaded.config.http = {"127.0.0.1", port};
  return setup;
}

// The first reload finds a fault, the second is applied, the third cannot be.
void reloads_three_times() {
  daemon::MainLoop loop;
  config::Config config;
  config.http = {"127.0.0.1", 1};
  int loads = 0;
  ::kill(::getpid(), SIGHUP);
  const config::Config last =
      loop.run("testing", config,
               {.load = [&] { return ++loads == 1 ? std::nullopt : setup_of("host " + std::to_string(loads), 2); },
                .apply = [&](daemon::Setup) { return loads == 2 ? absl::OkStatus() : transient("no bus"); },
                .silent = never_silent,
                .tick =
                    [&] {
                      ::kill(::getpid(), loads < 3 ? SIGHUP : SIGTERM);
                      return true;
                    }});
  std::_Exit(loads == 3 && last.host == "host 2" ? 0 : 2);
}

void ends_by_its_tick() {
  daemon::MainLoop loop;
  bool ended = false;
  ::kill(::getpid(), SIGHUP);
  loop.run("testing", {},
           {.load = [] { return std::optional<daemon::Setup>(); },
            .apply = [](daemon::Setup) { return absl::OkStatus(); },
            .silent = never_silent,
            .tick = [] { return false; },
            .ended = [&] { ended = true; }});
  std::_Exit(ended ? 0 : 2);
}

void ends_by_the_clock_and_then_at_a_signal() {
  daemon::MainLoop loop;
  loop.run("testing", {},
           {.load = [] { return std::optional<daemon::Setup>(); },
            .apply = [](daemon::Setup) { return absl::OkStatus(); },
            .silent = never_silent,
            .tick = []() -> bool { std::_Exit(2); },
            .end = std::chrono::steady_clock::now()});
  ::kill(::getpid(), SIGTERM);
  while (true) ::pause();
}

void hangs_twice(int status) {
  const auto hangs = daemon::end_at_second_hang(status);
  hangs->hung("pollster:one");
  hangs->hung("pollster:two");
}

TEST(MainLoop, NumbersReloadsSaysTheirOutcomeAndAnswersTheConfigurationInUse) {
  EXPECT_EXIT(reloads_three_times(), ExitedWithCode(0),
              AllOf(HasSubstr("reload 1: the configuration is invalid, going on with the running one"),
                    HasSubstr("another address under `http:` counts from the next start"),
                    HasSubstr("reload 2: the configuration is applied"),
                    HasSubstr("reload 3: going on with the running configuration: no bus")));
}

TEST(MainLoop, EndsWhereItsTickSaysSo) { EXPECT_EXIT(ends_by_its_tick(), ExitedWithCode(0), ""); }

TEST(MainLoop, EndsWhenItsTimeHasComeAndASignalEndsTheProcessFromThenOn) {
  EXPECT_EXIT(ends_by_the_clock_and_then_at_a_signal(), ExitedWithCode(1), "");
}

TEST(MainLoop, ASecondCallThatHangsEndsTheProcess) {
  EXPECT_EXIT(
      hangs_twice(70), ExitedWithCode(70),
      "pollster:two: second plugin call that timed out; exiting with status 70 so that the supervisor restarts us");
  EXPECT_EXIT(hangs_twice(1), ExitedWithCode(1),
              "pollster:two: second plugin call that timed out; exiting with status 1\n");
}

}  // namespace
}  // namespace tally::test
