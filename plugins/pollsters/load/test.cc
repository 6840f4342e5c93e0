// The pollster "load" on made-up files.
// Not on this host's own load, which no test can know.
#include "support/pollster_fixture.h"

namespace {

using tally::test::poll_once;
using tally::test::Tree;

TEST(Load, ThreeAverages) {
  const Tree tree;
  tree.write("proc/loadavg", "0.52 1.10 12.00 2/1034 4242\n");
  const auto polled = poll_once("load", {{"root", tree.path()}});
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_EQ(polled.result.samples.size(), 3U);
  EXPECT_EQ(polled.volume("hardware.cpu.load.1min", "node1"), "0.52");
  EXPECT_EQ(polled.volume("hardware.cpu.load.5min", "node1"), "1.1");
  EXPECT_EQ(polled.volume("hardware.cpu.load.15min", "node1"), "12");
  EXPECT_EQ(polled.of("hardware.cpu.load.1min", "node1").unit, "process");
}

TEST(Load, NoFileIsAbsent) {
  const Tree tree;
  EXPECT_EQ(poll_once("load", {{"root", tree.path()}}).status.code(), tally::kAbsent);
}

TEST(Load, RubbishIsAnErrorThatNamesTheFile) {
  const Tree tree;
  tree.write("proc/loadavg", "much more yet\n");
  const auto polled = poll_once("load", {{"root", tree.path()}});
  EXPECT_EQ(polled.status.code(), tally::kTransient);
  EXPECT_NE(polled.status.ToString().find("/proc/loadavg"), std::string::npos) << polled.status;
  EXPECT_TRUE(polled.result.samples.empty());
}

TEST(Load, OneThatIsNotANumberCostsNoOther) {
  const Tree tree;
  tree.write("proc/loadavg", "0.52 nan 12.00 2/1034 4242\n");
  const auto polled = poll_once("load", {{"root", tree.path()}});
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_EQ(polled.result.samples.size(), 2U);
  EXPECT_EQ(polled.faults(),
            "node1: hardware.cpu.load.5min: " + tree.path() + "/proc/loadavg: \"nan\" is not a number\n");
}

}  // namespace
