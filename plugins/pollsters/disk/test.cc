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

TEST(Disk, NothingWrapsAt64Bits) {
  const Tree tree;
  tree.write("proc/diskstats", " 8 0 sda 10 1 36028797018963968 5 20 2 18446744073709551616 6 0 7 11\n");
  tree.write("sys/block/sda/size", "1000\n");
  const auto polled = poll_once("disk", {{"root", tree.path()}});
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_EQ(polled.volume("hardware.disk.read.bytes", "node1.sda"), "18446744073709551616");
  EXPECT_EQ(polled.volume("hardware.disk.write.bytes", "node1.sda"), "9444732965739290427392");
}

TEST(Disk, OneColumnThatIsNotACountCostsNoOther) {
  const Tree tree;
  tree.write("proc/diskstats",
             " 8 0 sda 10 1 -1 5 20 2 400 6 0 7 11\n 104 0 cciss/c0d0 1 1 1 1 1 1 1 1 1 1 1\n"
             " 8 16 s\xff 1 1 1 1 1 1 1 1 1 1 1\n");
  for (const char* disk : {"sda", "cciss!c0d0", "s\xff"}) tree.write(std::string("sys/block/") + disk + "/size", "1\n");
  const auto polled = poll_once("disk", {{"root", tree.path()}});
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_EQ(polled.result.samples.size(), 11U);
  EXPECT_EQ(polled.volume("hardware.disk.write.bytes", "node1.sda"), "204800");
  EXPECT_EQ(polled.volume("hardware.disk.read.bytes", "node1.cciss/c0d0"), "512");
  EXPECT_EQ(polled.of("hardware.disk.read.bytes", "node1.s%FF").resource_metadata, "{\"device\":\"s\xef\xbf\xbd\"}");
  EXPECT_EQ(polled.faults(),
            "node1.sda: hardware.disk.read.bytes: " + tree.path() + "/proc/diskstats: column 6 is not a count\n");
}

TEST(Disk, ALineThatIsTooShortIsOneFaultOfItsDisk) {
  const Tree tree;
  tree.write("proc/diskstats", " 8 0 sda 10 1 200 5 20\n 8 1 sda1 1 2 3 4\n 8\n 8 16 sdb 1 1 1 1 1 1 1 1 1 1 1\n");
  for (const char* disk : {"sda", "sdb"}) tree.write(std::string("sys/block/") + disk + "/size", "1\n");
  const auto polled = poll_once("disk", {{"root", tree.path()}});
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_EQ(polled.result.samples.size(), 4U);
  EXPECT_EQ(polled.volume("hardware.disk.read.bytes", "node1.sdb"), "512");
  EXPECT_EQ(polled.faults(),
            "node1.sda: " + tree.path() + "/proc/diskstats: the line has 8 columns, of 10 that are needed\n");
}

TEST(Disk, WithoutDisksItSaysSo) {
  const Tree tree;
  tree.write("proc/diskstats", "   7       0 loop0 9 0 9 0 9 0 9 0 0 0 0\n");
  const auto polled = poll_once("disk", {{"root", tree.path()}});
  EXPECT_EQ(polled.status.code(), tally::kAbsent);
  EXPECT_NE(polled.status.ToString().find("no disk of " + tree.path() + "/proc/diskstats is in"), std::string::npos)
      << polled.status;
}

}  // namespace
