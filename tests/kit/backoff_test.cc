// Growing pauses.
#include <tally/kit/backoff.h>

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace tally {
namespace {

using std::chrono::milliseconds;

TEST(Backoff, EachPauseIsTwiceTheOneBeforeUpToTheLast) {
  Backoff pauses(milliseconds(250), milliseconds(1'500));
  for (const int expected : {250, 500, 1'000, 1'500, 1'500}) EXPECT_EQ(pauses.next(), milliseconds(expected));
}

TEST(Backoff, BeginsWithTheFirstAfterItWentWell) {
  Backoff pauses(milliseconds(10), milliseconds(1'000));
  pauses.next();
  pauses.next();
  pauses.reset();
  EXPECT_EQ(pauses.next(), milliseconds(10));
  EXPECT_EQ(pauses.next(), milliseconds(20));
}

TEST(Backoff, KnowsThePauseAfterAnyNumberOfFailures) {
  constexpr Backoff kPauses(milliseconds(1'000), milliseconds(60'000));
  static_assert(kPauses.after(1) == milliseconds(1'000));
  static_assert(kPauses.after(6) == milliseconds(32'000));
  EXPECT_EQ(kPauses.after(7), milliseconds(60'000));
  EXPECT_EQ(kPauses.after(std::numeric_limits<std::uint64_t>::max()), milliseconds(60'000));
}

TEST(Backoff, MayHaveOnePauseAlone) {
  Backoff pauses(milliseconds(5), milliseconds(5));
  EXPECT_EQ(pauses.next(), milliseconds(5));
  EXPECT_EQ(pauses.next(), milliseconds(5));
}

}  // namespace
}  // namespace tally
