// A message repeated is said once and counted; a line is one line, whatever is in it.
#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace tally::log {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;

class LogTest : public testing::Test {
 protected:
  void begin(Format format, std::chrono::milliseconds quiet, Level level = Level::info) {
    configure({level, format, "tally-test", quiet, [this](std::string_view line) { lines_.emplace_back(line); }});
  }
  void TearDown() override {
    flush();
    configure({});
  }
  std::vector<std::string> lines_;
};

constexpr std::chrono::milliseconds kLong{3'600'000};

TEST_F(LogTest, TextHasTimeLevelAndProgram) {
  begin(Format::text, kLong);
  warning("the bus is away");
  ASSERT_EQ(lines_.size(), 1U);
  EXPECT_THAT(lines_[0], testing::MatchesRegex("....-..-..T..:..:..\\....Z warning tally-test: the bus is away"));
}

TEST_F(LogTest, JsonIsQuoted) {
  begin(Format::json, kLong);
  error("a \"b\"\nc");
  ASSERT_EQ(lines_.size(), 1U);
  EXPECT_THAT(lines_[0],
              HasSubstr("\"level\": \"error\", \"program\": \"tally-test\", \"message\": \"a \\\"b\\\"\\nc\"}"));
}

TEST_F(LogTest, ALineCannotBeForged) {
  begin(Format::text, kLong);
  info("one\ntwo\x1b[31m");
  ASSERT_EQ(lines_.size(), 1U);
  EXPECT_THAT(lines_[0], EndsWith("one\\ntwo\\x1b[31m"));
}

TEST_F(LogTest, RepeatsAreCounted) {
  begin(Format::text, kLong);
  for (int i = 0; i < 5; ++i) info("same");
  info("other");
  tick();
  EXPECT_THAT(lines_, ElementsAre(EndsWith(": same"), EndsWith(": other")));
  flush();
  EXPECT_THAT(lines_, ElementsAre(EndsWith(": same"), EndsWith(": other"), EndsWith(": same (4 times more)")));
}

TEST_F(LogTest, AfterAPauseTheCountIsSaidAndTheMessageIsNewAgain) {
  begin(Format::text, std::chrono::milliseconds{0});
  info("same");
  tick();
  info("same");
  EXPECT_THAT(lines_, ElementsAre(EndsWith(": same"), EndsWith(": same")));
}

TEST_F(LogTest, OneKeyIsOneMessage) {
  begin(Format::text, kLong);
  once_per("spool", Level::warning, "spool holds 1");
  once_per("spool", Level::warning, "spool holds 2");
  flush();
  EXPECT_THAT(lines_, ElementsAre(EndsWith("spool holds 1"), EndsWith("spool holds 2 (1 time more)")));
}

TEST_F(LogTest, LinesAreCountedByLevelAndRepeatedOnesOnce) {
  begin(Format::text, kLong);
  const std::uint64_t warnings = lines(Level::warning), errors = lines(Level::error);
  warning("the bus is away");
  warning("the bus is away");
  debug("below the level");
  EXPECT_EQ(lines(Level::warning), warnings + 1);
  EXPECT_EQ(lines(Level::error), errors);
}

TEST_F(LogTest, LevelsBelowAreSilent) {
  begin(Format::text, kLong, level_of(-1));
  info("no");
  warning("yes");
  EXPECT_FALSE(enabled(Level::info));
  EXPECT_THAT(lines_, ElementsAre(EndsWith("yes")));
}

TEST_F(LogTest, ManyThreadsLoseNoCount) {
  begin(Format::text, kLong);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 250; ++i) info("same");
    });
  }
  for (std::thread& thread : threads) thread.join();
  flush();
  EXPECT_THAT(lines_, ElementsAre(EndsWith(": same"), EndsWith("(999 times more)")));
}

}  // namespace
}  // namespace tally::log
