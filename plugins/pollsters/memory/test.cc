// The pollster "memory" on made-up files.
// Not on this host's own memory.
#include "support/pollster_fixture.h"

namespace {

using tally::test::poll_once;
using tally::test::Tree;

TEST(Memory, KilobytesAndUsed) {
  const Tree tree;
  tree.write("proc/meminfo",
             "MemTotal:       16000 kB\nMemFree:         4000 kB\nMemAvailable:    9000 kB\nBuffers:          10 kB\n"
             "Cached:           20 kB\nSwapTotal:         0 kB\nSwapFree:          0 kB\nHugePages_Total:   0\n");
  const auto polled = poll_once("memory", {{"root", tree.path()}});
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_EQ(polled.result.samples.size(), 8U);
  EXPECT_EQ(polled.volume("hardware.memory.total", "node1"), "16000");
  EXPECT_EQ(polled.volume("hardware.memory.used", "node1"), "7000");
  EXPECT_EQ(polled.volume("hardware.memory.swap.avail", "node1"), "0");
  EXPECT_EQ(polled.of("hardware.memory.buffer", "node1").unit, "KB");
}

TEST(Memory, NoTotalIsAnError) {
  const Tree tree;
  tree.write("proc/meminfo", "MemFree: 4000 kB\n");
  EXPECT_EQ(poll_once("memory", {{"root", tree.path()}}).status.code(), tally::kTransient);
}

TEST(Memory, OneFieldThatIsWrongCostsNoOther) {
  const Tree tree;
  tree.write("proc/meminfo",
             "MemTotal:  18446744073709551616 kB\nMemFree: many kB\nMemAvailable: 99999999999999999999 kB\n");
  const auto polled = poll_once("memory", {{"root", tree.path()}});
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_EQ(polled.result.samples.size(), 2U);
  EXPECT_EQ(polled.volume("hardware.memory.total", "node1"), "18446744073709551616");
  EXPECT_EQ(polled.volume("hardware.memory.available", "node1"), "99999999999999999999");
  const std::string file = tree.path() + "/proc/meminfo: ";
  EXPECT_EQ(polled.faults(), "node1: hardware.memory.used: " + file + "MemAvailable is more than MemTotal\n" +
                                 "node1: hardware.memory.free: " + file + "MemFree is not a count\n");
}

}  // namespace
