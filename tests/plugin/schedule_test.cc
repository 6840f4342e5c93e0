// When pollsters are due, with times that the test hands in.
#include "plugin/schedule.h"

#include <gtest/gtest.h>

#include "core/status.h"

namespace tally::host {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

Schedule every_minute(std::int64_t start_s) {
  return {{.interval_us = 60 * kSecond, .recheck_us = 600 * kSecond, .longest_pause_us = 480 * kSecond},
          Time{start_s * kSecond}};
}

TEST(Schedule, IsAlignedToTheWallClock) {
  Schedule schedule = every_minute(130);
  EXPECT_EQ(schedule.due().us, 180 * kSecond);
  schedule.finished(Time{180 * kSecond}, Time{182 * kSecond}, absl::OkStatus());
  EXPECT_EQ(schedule.due().us, 240 * kSecond);
  EXPECT_EQ(schedule.skipped(), 0u);
}

TEST(Schedule, BeginsAtOnceWhereThatIsWanted) {
  Schedule schedule({.interval_us = 60 * kSecond, .at_once = true}, Time{130 * kSecond});
  EXPECT_EQ(schedule.due().us, 130 * kSecond);
  schedule.finished(Time{130 * kSecond}, Time{131 * kSecond}, absl::OkStatus());
  EXPECT_EQ(schedule.due().us, 180 * kSecond);
  EXPECT_EQ(schedule.skipped(), 0u);
}

TEST(Schedule, AnOverrunIsSkippedAndCountedNeverMadeUpFor) {
  Schedule schedule = every_minute(130);
  schedule.finished(Time{180 * kSecond}, Time{375 * kSecond}, absl::OkStatus());
  EXPECT_EQ(schedule.due().us, 420 * kSecond);
  EXPECT_EQ(schedule.skipped(), 3u);  // 240, 300, 360
}

TEST(Schedule, AbsentIsLookedAtAgainMoreAndMoreSlowly) {
  Schedule schedule = every_minute(130);
  std::vector<std::int64_t> pauses;
  for (int look = 0; look < 6; ++look) {
    const Time began = schedule.due();
    schedule.finished(began, Time{began.us + kSecond}, absent("no such thing here"));
    pauses.push_back((schedule.due().us - began.us) / (60 * kSecond));
  }
  EXPECT_EQ(pauses, (std::vector<std::int64_t>{1, 2, 4, 8, 10, 10}));
  EXPECT_EQ(schedule.failures_in_a_row(), 0);
  EXPECT_EQ(schedule.skipped(), 0u);
  const Time began = schedule.due();
  schedule.finished(began, Time{began.us + kSecond}, absl::OkStatus());
  EXPECT_EQ(schedule.due().us - began.us, 60 * kSecond);
}

TEST(Schedule, PausesAfterErrorsGrowToALimitAndEndWithASuccess) {
  Schedule schedule = every_minute(130);
  std::vector<std::int64_t> pauses;
  for (int failure = 0; failure < 6; ++failure) {
    const Time began = schedule.due();
    schedule.finished(began, Time{began.us + kSecond}, passing("away"));
    pauses.push_back((schedule.due().us - began.us) / (60 * kSecond));
  }
  EXPECT_EQ(pauses, (std::vector<std::int64_t>{1, 2, 4, 8, 8, 8}));
  const Time began = schedule.due();
  schedule.finished(began, Time{began.us + kSecond}, absl::OkStatus());
  EXPECT_EQ(schedule.due().us - began.us, 60 * kSecond);
}

TEST(Schedule, AStepOfTheClockBackwardsStopsNothing) {
  Schedule schedule = every_minute(100'000);
  schedule.check_clock(Time{100'010 * kSecond});
  EXPECT_EQ(schedule.due().us, 100'020 * kSecond);
  schedule.check_clock(Time{50'010 * kSecond});
  EXPECT_EQ(schedule.due().us, 50'040 * kSecond);
}

}  // namespace
}  // namespace tally::host
