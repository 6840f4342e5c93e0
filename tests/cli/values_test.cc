// Durations on the command line, and what the live table says.
#include "cli/values.h"

#include <gtest/gtest.h>

#include "cli/live_table.h"

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

Snapshot snapshot() {
  Snapshot made;
  made.agent.books.made = 12;
  made.collector.samples.stored = 11;
  made.agent.plugins = {{"load", "pollster", "1", "on", ""},
                        {"temperature", "pollster", "1", "absent", "no sensors here"}};
  for (int at = 0; at < 100; ++at) {
    made.values.push_back({.meter = "meter." + std::to_string(at),
                           .resource = "host1",
                           .unit = "B",
                           .volume = "42",
                           .per_second = 1500000.0,
                           .samples = 3});
  }
  made.hint = "tally query meters";
  return made;
}

TEST(LiveTable, FitsTheTerminalAndSaysWhatIsLeftOut) {
  const std::string screen = draw(snapshot(), 20, 100);
  EXPECT_LE(std::count(screen.begin(), screen.end(), '\n'), 19);
  EXPECT_NE(screen.find("meter.0"), std::string::npos);
  EXPECT_EQ(screen.find("meter.99"), std::string::npos);
  EXPECT_NE(screen.find("more"), std::string::npos);
  EXPECT_NE(screen.find("1500k/s"), std::string::npos);
  EXPECT_NE(screen.find("off: pollster:temperature absent: no sensors here"), std::string::npos);
}

TEST(LiveTable, SummaryCounts) {
  EXPECT_NE(summary(snapshot()).find("12 made, 11 stored, 0 duplicate, 0 dead"), std::string::npos);
  EXPECT_EQ(summary(snapshot()).find("pollster:load"), std::string::npos);
}

}  // namespace
}  // namespace tally::cli
