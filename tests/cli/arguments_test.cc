// Durations on the command line.
#include "cli/arguments.h"

#include <gtest/gtest.h>

namespace tally::cli {
namespace {

TEST(Values, Durations) {
  EXPECT_EQ(duration_us("30"), 30'000'000);
  EXPECT_EQ(duration_us("500ms"), 500'000);
  EXPECT_EQ(duration_us("5m"), 300'000'000);
  EXPECT_EQ(duration_us("1d"), 86'400'000'000);
  for (const char* bad : {"", "s", "-1s", "1.5s", "1w", "99999999999999d"})
    EXPECT_EQ(duration_us(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace tally::cli
