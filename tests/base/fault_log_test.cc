// When a lasting fault is logged.
#include "base/fault_log.h"

#include <gtest/gtest.h>

namespace tally {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

TEST(FaultLog, IsSaidAtOnceOnChangeAndSlowly) {
  FaultLog fault_log;
  const auto start = FaultLog::Clock::now();
  EXPECT_TRUE(fault_log.due("refused by 127.0.0.1:5672", start));
  EXPECT_FALSE(fault_log.due("refused by 127.0.0.1:5672", start + seconds(1)));
  EXPECT_TRUE(fault_log.due("login was refused", start + seconds(2)));
  EXPECT_FALSE(fault_log.due("refused by 127.0.0.1:5672", start + seconds(3))) << "two that take turns";
  EXPECT_FALSE(fault_log.due("refused by 127.0.0.1:5672", start + FaultLog::kAgain - seconds(1)));
  EXPECT_TRUE(fault_log.due("refused by 127.0.0.1:5672", start + FaultLog::kAgain));
  EXPECT_FALSE(fault_log.due("refused by 127.0.0.1:5672", start + FaultLog::kAgain + minutes(9)));
}

TEST(FaultLog, ANumberAloneIsNoOtherReason) {
  FaultLog fault_log;
  const auto start = FaultLog::Clock::now();
  EXPECT_TRUE(fault_log.due("failed after 3 ms", start));
  EXPECT_FALSE(fault_log.due("failed after 12 ms", start));
}

TEST(FaultLog, AfterItIsOverTheNextIsSaidAtOnce) {
  FaultLog fault_log;
  const auto start = FaultLog::Clock::now();
  EXPECT_TRUE(fault_log.due("away", start));
  fault_log.over();
  EXPECT_TRUE(fault_log.due("away", start + seconds(1)));
}

TEST(FaultLog, ReasonsWithoutEndAreNotKept) {
  FaultLog fault_log;
  const auto start = FaultLog::Clock::now();
  for (char c = 'a'; c <= 'z'; ++c) EXPECT_TRUE(fault_log.due(std::string(1, c), start));
  EXPECT_FALSE(fault_log.due("z", start));
  EXPECT_TRUE(fault_log.due("a", start));
}

}  // namespace
}  // namespace tally
