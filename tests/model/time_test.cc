// How times are read and written. Not for clocks.
#include <tally/model/time.h>

#include <gtest/gtest.h>

namespace tally {
namespace {

std::string reread(std::string_view text) {
  const auto time = Time::parse(text);
  return time ? time->to_string() : "none";
}

TEST(Time, ReadsWhatServicesWrite) {
  EXPECT_EQ(reread("2026-01-02T03:04:05.678901+00:00"), "2026-01-02T03:04:05.678901+00:00");
  EXPECT_EQ(reread("2026-01-02 03:04:05.678901"), "2026-01-02T03:04:05.678901+00:00");
  EXPECT_EQ(reread("2026-01-02T03:04:05Z"), "2026-01-02T03:04:05+00:00");
  EXPECT_EQ(reread("2026-01-02T03:04:05.6"), "2026-01-02T03:04:05.600000+00:00");
  EXPECT_EQ(reread("2026-01-02T03:04:05.1234569"), "2026-01-02T03:04:05.123456+00:00");
  EXPECT_EQ(reread("2026-01-02T03:04"), "2026-01-02T03:04:00+00:00");
  EXPECT_EQ(reread("2026-01-02"), "2026-01-02T00:00:00+00:00");
  EXPECT_EQ(reread("2024-02-29"), "2024-02-29T00:00:00+00:00");
  EXPECT_EQ(reread("2016-12-31T23:59:60Z"), "2017-01-01T00:00:00+00:00");
}

TEST(Time, TurnsOffsetsIntoUtc) {
  EXPECT_EQ(reread("2026-01-02T03:04:05+02:30"), "2026-01-02T00:34:05+00:00");
  EXPECT_EQ(reread("2026-01-02T03:04:05-0500"), "2026-01-02T08:04:05+00:00");
  EXPECT_EQ(reread("2026-01-01T00:30:00+01"), "2025-12-31T23:30:00+00:00");
}

TEST(Time, RefusesTheRest) {
  for (const char* text :
       {"", "now", "2026", "2026-02-29", "2026-13-01", "2026-01-02T", "2026-01-02T24:00:00", "2026-01-02T03:60:00",
        "2026-01-02T03:04:61", "2026-01-02T03:04:05.", "2026-01-02T03:04:05+", "2026-01-02T03:04:05+1",
        "2026-01-02T03:04:05ZZ", "2026-01-02T03:04:05 ", "0000-01-01", "2026-1-2", "15:004:32"})
    EXPECT_EQ(reread(text), "none") << text;
}

TEST(Time, StaysWithinTheYearsThatCanBeWritten) {
  EXPECT_EQ(reread("0001-01-01T00:00:00+00:01"), "none");
  EXPECT_EQ(reread("9999-12-31T23:59:59-00:01"), "none");
  EXPECT_EQ(reread("9999-12-31T23:59:60"), "none");
  EXPECT_EQ(reread("9999-12-31T23:59:59.999999"), "9999-12-31T23:59:59.999999+00:00");
  EXPECT_EQ(reread("0001-01-01T01:00:00+01:00"), "0001-01-01T00:00:00+00:00");
}

TEST(Time, CountsMicrosecondsFrom1970OnBothSides) {
  EXPECT_EQ(Time::parse("1970-01-01T00:00:01")->us, 1'000'000);
  EXPECT_EQ(Time::parse("1969-12-31T23:59:59.5")->us, -500'000);
  EXPECT_EQ(Time{-500'000}.to_string(), "1969-12-31T23:59:59.500000+00:00");
  EXPECT_LT(*Time::parse("0001-01-01"), *Time::parse("9999-12-31T23:59:59.999999"));
}

}  // namespace
}  // namespace tally
