// The pollster "cpu" on made-up files.
// Not on this host's own processors.
#include "support/pollster_fixture.h"

namespace {

using tally::test::poll_once;
using tally::test::Tree;

TEST(Cpu, TimeByStateInNanoseconds) {
  const Tree tree;
  tree.write("proc/stat",
             "cpu  100 2 30 4000 5 6 7 8 0 0\ncpu0 50 1 15 2000 2 3 3 4 0 0\ncpu1 50 1 15 2000 3 3 4 4 0 0\nctxt 1\n");
  const auto polled = poll_once("cpu", {{"root", tree.path()}});
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_EQ(polled.result.samples.size(), 8U);
  EXPECT_EQ(polled.volume("hardware.cpu.user", "node1"), "1000000000");
  EXPECT_EQ(polled.volume("hardware.cpu.idle", "node1"), "40000000000");
  EXPECT_EQ(polled.volume("hardware.cpu.steal", "node1"), "80000000");
  const tally::Sample sample = polled.of("hardware.cpu.user", "node1");
  EXPECT_EQ(sample.type, tally::SampleType::cumulative);
  EXPECT_EQ(sample.unit, "ns");
  EXPECT_EQ(sample.monotonic_time, 5.5);
  EXPECT_NE(sample.resource_metadata.find("2"), std::string::npos);
}

TEST(Cpu, AnOldKernelHasFewerColumns) {
  const Tree tree;
  tree.write("proc/stat", "cpu  100 2 30 4000\n");
  const auto polled = poll_once("cpu", {{"root", tree.path()}});
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_EQ(polled.result.samples.size(), 4U);
}

TEST(Cpu, NothingWrapsAt64Bits) {
  const Tree tree;
  tree.write("proc/stat", "cpu 1000 0 1000 1990656000000 99999999999999999999 0 0 0 0 0\n");
  const auto polled = poll_once("cpu", {{"root", tree.path()}});
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_EQ(polled.volume("hardware.cpu.idle", "node1"), "19906560000000000000");
  EXPECT_EQ(polled.volume("hardware.cpu.wait", "node1"), "999999999999999999990000000");
}

TEST(Cpu, OneColumnThatIsNotACountCostsNoOther) {
  const Tree tree;
  tree.write("proc/stat", "cpu  100 -2 30 " + std::string(39, '9') + " 5\ncpu0 1\n");
  const auto polled = poll_once("cpu", {{"root", tree.path()}});
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_EQ(polled.result.samples.size(), 3U);
  EXPECT_EQ(polled.result.faults.size(), 2U);
  EXPECT_NE(polled.faults().find("node1: hardware.cpu.nice: " + tree.path() + "/proc/stat: \"-2\" is not a count\n"),
            std::string::npos)
      << polled.faults();
}

TEST(Cpu, NoCpuLineIsAnError) {
  const Tree tree;
  tree.write("proc/stat", "intr 5\n");
  EXPECT_EQ(poll_once("cpu", {{"root", tree.path()}}).status.code(), tally::kTransient);
}

}  // namespace
