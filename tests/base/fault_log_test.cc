// When a lasting fault is logged.
#include "base/fault_log.h"

#include <gtest/gtest.h>

namespace tally {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

TEST(Complaint, IsSaidAtOnceOnChangeAndSlowly) {
  Complaint complaint;
  const auto start = Complaint::Clock::now();
  EXPECT_TRUE(complaint.due("refused by 127.0.0.1:5672", start));
  EXPECT_FALSE(complaint.due("refused by 127.0.0.1:5672", start + seconds(1)));
  EXPECT_TRUE(complaint.due("login was refused", start + seconds(2)));
  EXPECT_FALSE(complaint.due("refused by 127.0.0.1:5672", start + seconds(3))) << "two that take turns";
  EXPECT_FALSE(complaint.due("refused by 127.0.0.1:5672", start + Complaint::kAgain - seconds(1)));
  EXPECT_TRUE(complaint.due("refused by 127.0.0.1:5672", start + Complaint::kAgain));
  EXPECT_FALSE(complaint.due("refused by 127.0.0.1:5672", start + Complaint::kAgain + minutes(9)));
}

TEST(Complaint, ANumberAloneIsNoOtherReason) {
  Complaint complaint;
  const auto start = Complaint::Clock::now();
  EXPECT_TRUE(complaint.due("failed after 3 ms", start));
  EXPECT_FALSE(complaint.due("failed after 12 ms", start));
}

TEST(Complaint, AfterItIsOverTheNextIsSaidAtOnce) {
  Complaint complaint;
  const auto start = Complaint::Clock::now();
  EXPECT_TRUE(complaint.due("away", start));
  complaint.over();
  EXPECT_TRUE(complaint.due("away", start + seconds(1)));
}

TEST(Complaint, ReasonsWithoutEndAreNotKept) {
  Complaint complaint;
  const auto start = Complaint::Clock::now();
  for (char c = 'a'; c <= 'z'; ++c) EXPECT_TRUE(complaint.due(std::string(1, c), start));
  EXPECT_FALSE(complaint.due("z", start));
  EXPECT_TRUE(complaint.due("a", start));
}

}  // namespace
}  // namespace tally
