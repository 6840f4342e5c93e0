// What a program hears of the signals that reload and end it.
#include "daemon/signals.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

namespace tally::test {
namespace {

using daemon::Signals;
using daemon::Told;

constexpr std::chrono::hours kLong{1};

void to_oneself(int signal) { ::kill(::getpid(), signal); }

// Each in a process of its own: signals stay blocked.
void hears_each_signal() {
  const Signals signals;
  const bool nothing = signals.wait(std::chrono::milliseconds(1)) == Told::nothing;
  to_oneself(SIGPIPE);
  to_oneself(SIGHUP);
  const bool reload = signals.wait(kLong) == Told::reload;
  to_oneself(SIGINT);
  const bool interrupt = signals.wait(kLong) == Told::end;
  to_oneself(SIGTERM);
  const bool end = signals.wait(kLong) == Told::end;
  std::_Exit(nothing && reload && interrupt && end ? 0 : 2);
}

void hears_two(int first, int second) {
  const Signals signals;
  to_oneself(first);
  if (signals.wait(kLong) != Told::end) std::_Exit(2);
  signals.end_at_the_next();
  to_oneself(SIGHUP);  // does nothing any more
  to_oneself(second);
  while (true) ::pause();
}

TEST(Signals, AreHeardOneByOne) { EXPECT_EXIT(hears_each_signal(), ::testing::ExitedWithCode(0), ""); }

TEST(Signals, ASecondOneEndsTheProcessAtOnceWithStatusOne) {
  EXPECT_EXIT(hears_two(SIGTERM, SIGTERM), ::testing::ExitedWithCode(1), "");
  EXPECT_EXIT(hears_two(SIGINT, SIGINT), ::testing::ExitedWithCode(1), "");
  EXPECT_EXIT(hears_two(SIGINT, SIGTERM), ::testing::ExitedWithCode(1), "");
}

}  // namespace
}  // namespace tally::test
