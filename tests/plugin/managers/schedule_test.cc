// When pollsters are due, with times that the test hands in.
#include "plugin/managers/schedule.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "base/status.h"

namespace tally::plugin {
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
    schedule.finished(began, Time{began.us + kSecond}, transient("away"));
    pauses.push_back((schedule.due().us - began.us) / (60 * kSecond));
  }
  EXPECT_EQ(pauses, (std::vector<std::int64_t>{1, 2, 4, 8, 8, 8}));
  const Time began = schedule.due();
  schedule.finished(began, Time{began.us + kSecond}, absl::OkStatus());
  EXPECT_EQ(schedule.due().us - began.us, 60 * kSecond);
}

TEST(Schedule, AnOffsetIsKeptAndIsLessThanOneInterval) {
  Schedule schedule({.interval_us = 60 * kSecond, .offset_us = 7 * kSecond}, Time{130 * kSecond});
  EXPECT_EQ(schedule.due().us, 187 * kSecond);
  schedule.finished(Time{187 * kSecond}, Time{188 * kSecond}, absl::OkStatus());
  EXPECT_EQ(schedule.due().us, 247 * kSecond);
  const Schedule fast({.interval_us = 2 * kSecond, .offset_us = 7 * kSecond}, Time{130 * kSecond});
  EXPECT_EQ(fast.due().us, 131 * kSecond);
  const Schedule before_1970({.interval_us = 60 * kSecond, .offset_us = 7 * kSecond}, Time{-60 * kSecond});
  EXPECT_EQ(before_1970.due().us, -53 * kSecond);
}

TEST(Timetable, WhatFallsDueTogetherIsOneCycle) {
  const auto every = [](std::int64_t seconds) {
    return Schedule({.interval_us = seconds * kSecond, .offset_us = 7 * kSecond}, Time{1'000 * kSecond});
  };
  Timetable table({every(60), every(300), every(60)});
  std::vector<std::pair<std::int64_t, std::size_t>> cycles;  // when, and how many took part
  for (int cycle = 0; cycle < 6; ++cycle) {
    const Time due = table.due();
    const std::vector<std::size_t> part = table.begin(due);
    cycles.emplace_back(due.us / kSecond, part.size());
    table.finished(part, Time{due.us + kSecond}, absl::OkStatus());
  }
  EXPECT_EQ(cycles, (std::vector<std::pair<std::int64_t, std::size_t>>{
                        {1'027, 2}, {1'087, 2}, {1'147, 2}, {1'207, 3}, {1'267, 2}, {1'327, 2}}));
  EXPECT_EQ(table.skipped(), 0u);
}

TEST(Timetable, AnOverrunSkipsEachByItselfAndFailuresPauseThoseThatTookPart) {
  Timetable table(
      {Schedule({.interval_us = 60 * kSecond}, Time{0}), Schedule({.interval_us = 300 * kSecond}, Time{0})});
  const std::vector<std::size_t> part = table.begin(table.due());
  ASSERT_EQ(part, std::vector<std::size_t>{0});
  table.finished(part, Time{200 * kSecond}, transient("away"));
  EXPECT_EQ(table.skipped(), 2u);  // 120, 180
  EXPECT_EQ(table.due().us, 240 * kSecond);
  EXPECT_EQ(table.failures_in_a_row(), 1);
  table.finished({0}, Time{241 * kSecond}, transient("away"));
  EXPECT_EQ(table.due().us, 300 * kSecond) << "the other source's time has come";
  EXPECT_EQ(table.begin(Time{300 * kSecond}), std::vector<std::size_t>{1});
  EXPECT_EQ(table.failures_in_a_row(), 2);
}

TEST(Schedule, AStepOfTheClockBackwardsStopsNothing) {
  Schedule schedule = every_minute(100'000);
  schedule.check_clock(Time{100'010 * kSecond});
  EXPECT_EQ(schedule.due().us, 100'020 * kSecond);
  schedule.check_clock(Time{50'010 * kSecond});
  EXPECT_EQ(schedule.due().us, 50'040 * kSecond);
}

}  // namespace
}  // namespace tally::plugin
