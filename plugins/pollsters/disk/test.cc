// The pollster "disk" on made-up files.
// Not on this host's own disks.
#include "support/pollster_fixture.h"

namespace {

using tally::test::poll_once;
using tally::test::Tree;

TEST(Disk, WholeDisksOnly) {
  const Tree tree;
  tree.write("proc/diskstats",
             "   7       0 loop0 9 0 9 0 9 0 9 0 0 0 0\n 259       0 nvme0n1 10 1 200 5 20 2 400 6 0 7 11 0 0 0 0\n"
             " 259       1 nvme0n1p1 10 1 200 5 20 2 400 6 0 7 11\n");
  tree.write("sys/block/nvme0n1/size", "1000\n");
  tree.write("sys/block/loop0/size", "1000\n");
  const auto polled = poll_once("disk", {{"root", tree.path()}});
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_EQ(polled.result.samples.size(), 4U);
  EXPECT_EQ(polled.volume("hardware.disk.read.requests", "node1.nvme0n1"), "10");
  EXPECT_EQ(polled.volume("hardware.disk.read.bytes", "node1.nvme0n1"), "102400");
  EXPECT_EQ(polled.volume("hardware.disk.write.requests", "node1.nvme0n1"), "20");
  EXPECT_EQ(polled.volume("hardware.disk.write.bytes", "node1.nvme0n1"), "204800");
}

}  // namespace
