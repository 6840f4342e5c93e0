// The pollster "filesystem" on a made-up list of mounts.
// Not on exact sizes: those are of the disk that the test runs on.
#include "sizes.h"
#include "support/pollster_fixture.h"

namespace {

using tally::test::poll_once;
using tally::test::Tree;

TEST(Filesystem, RealOnesOnceEach) {
  const Tree tree;
  tree.write("proc/self/mounts",
             "proc /proc proc rw 0 0\n/dev/sda1 /with\\040space ext4 rw 0 0\n/dev/sda1 /again ext4 rw 0 0\n"
             "/dev/sdb1 /gone xfs rw 0 0\n");
  tree.write("with space/file", "x");
  tree.write("again/file", "x");
  const auto polled = poll_once("filesystem", {{"root", tree.path()}, {"types", R"(["ext4","xfs"])"}});
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_EQ(polled.result.samples.size(), 3U);
  const auto total = polled.of("hardware.disk.size.total", "node1./with space");
  EXPECT_GE(total.volume, polled.of("hardware.disk.size.used", "node1./with space").volume);
  EXPECT_GT(total.volume, tally::Decimal(0));
  EXPECT_NE(total.resource_metadata.find("/dev/sda1"), std::string::npos);
}

TEST(Filesystem, BytesThatAreNotUtf8CostNothing) {
  const Tree tree;
  tree.write("proc/1/mounts",
             "/dev/sda1 /media/Gr\xf6\xdf"
             "e ext4 rw 0 0\n/dev/sda2 /media/Gr%F6 ext4 rw 0 0\n/dev/sda3 /media/Gr\\366 ext4 rw 0 0\n"
             "/dev/sda4 /media/100% ext4 rw 0 0\n/dev/sd\xff /last ext4 rw 0 0\n");
  for (const char* path : {"media/Gr\xf6\xdf"
                           "e",
                           "media/Gr%F6", "media/Gr\xf6", "media/100%", "last"}) {
    tree.write(std::string(path) + "/file", "x");
  }
  const auto polled = poll_once("filesystem", {{"root", tree.path()}, {"types", R"(["ext4"])"}});
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_EQ(polled.result.samples.size(), 15U) << polled.faults();
  const auto metadata = [&](const std::string& resource) {
    return polled.of("hardware.disk.size.total", resource).resource_metadata;
  };
  EXPECT_NE(metadata("node1./media/Gr%F6%DFe").find("\"/media/Gr\xef\xbf\xbd\xef\xbf\xbd"), std::string::npos);
  EXPECT_NE(metadata("node1./media/Gr%F6").find("/dev/sda3"), std::string::npos);
  EXPECT_NE(metadata("node1./media/Gr%25F6").find("/dev/sda2"), std::string::npos);
  EXPECT_NE(metadata("node1./media/100%").find("/dev/sda4"), std::string::npos);
  EXPECT_NE(metadata("node1./last").find("/dev/sd\xef\xbf\xbd"), std::string::npos);
}

TEST(Filesystem, TheHostsMountsAreThoseOfItsFirstProcess) {
  const Tree tree;
  tree.write("proc/self/mounts", "overlay / overlay rw 0 0\n");
  tree.write("proc/1/mounts", "/dev/sda1 / ext4 rw 0 0\n/dev/sda2 /boot ext4 rw 0 0\n");
  tree.write("boot/vmlinuz", "x");
  const auto polled = poll_once("filesystem", {{"root", tree.path()}});
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_EQ(polled.result.samples.size(), 6U);
  EXPECT_NE(polled.of("hardware.disk.size.total", "node1./").resource_metadata.find("/dev/sda1"), std::string::npos);
  EXPECT_GT(polled.of("hardware.disk.size.total", "node1./boot").volume, tally::Decimal(0));
}

TEST(Filesystem, SeenFromTheContainerTheRootIsTakenOffAndItsOwnMountsAreNotTheHosts) {
  const Tree tree;
  tree.write("proc/1/mounts", "overlay / overlay rw 0 0\n/dev/sda3 /etc/hosts ext4 rw 0 0\n/dev/sda1 " + tree.path() +
                                  " ext4 rw 0 0\n/dev/sda2 " + tree.path() + "/boot ext4 rw 0 0\n");
  tree.write("boot/vmlinuz", "x");
  tree.write("etc/hosts", "x");
  const auto polled = poll_once("filesystem", {{"root", tree.path()}});
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_EQ(polled.result.samples.size(), 6U);
  EXPECT_NE(polled.of("hardware.disk.size.total", "node1./").resource_metadata.find("/dev/sda1"), std::string::npos);
  EXPECT_NE(polled.of("hardware.disk.size.total", "node1./boot").resource_metadata.find("\"/boot\""),
            std::string::npos);
}

TEST(Filesystem, WhatIsMountedOverAnotherHidesIt) {
  const Tree tree;
  tree.write("proc/1/mounts",
             "/dev/sda1 /data ext4 rw 0 0\n/dev/sdb1 /data ext4 rw 0 0\n/dev/sdc1 /run ext4 rw 0 0\n"
             "tmpfs /run tmpfs rw 0 0\n");
  tree.write("data/file", "x");
  tree.write("run/file", "x");
  const auto polled = poll_once("filesystem", {{"root", tree.path()}});
  EXPECT_EQ(polled.result.samples.size(), 3U);
  EXPECT_NE(polled.of("hardware.disk.size.total", "node1./data").resource_metadata.find("/dev/sdb1"),
            std::string::npos);
}

TEST(Filesystem, NothingToMeasureIsSaid) {
  const Tree tree;
  auto polled = poll_once("filesystem", {{"root", tree.path()}});
  EXPECT_EQ(polled.status.code(), tally::kAbsent);
  EXPECT_NE(polled.status.ToString().find(tree.path() + "/proc/1/mounts"), std::string::npos) << polled.status;
  tree.write("proc/1/mounts", "proc /proc proc rw 0 0\n");
  polled = poll_once("filesystem", {{"root", tree.path()}});
  EXPECT_EQ(polled.status.code(), tally::kAbsent);
  EXPECT_NE(polled.status.ToString().find("no file system of a kind in `types`"), std::string::npos) << polled.status;
}

std::string kilobytes(std::uint64_t block, std::uint64_t blocks, std::uint64_t free, std::uint64_t available) {
  struct statvfs space {};
  space.f_frsize = block;
  space.f_blocks = blocks;
  space.f_bfree = free;
  space.f_bavail = available;
  std::string text;
  for (const sizes::Size& size : sizes::of(space)) {
    text += (size.kilobytes ? size.kilobytes->to_string() : "none") + " ";
  }
  return text;
}

TEST(Filesystem, SizesAreExact) {
  EXPECT_EQ(kilobytes(4096, 100, 40, 30), "400 240 120 ");
  EXPECT_EQ(kilobytes(512, 1023, 1, 0), "511.5 511 0 ");
  EXPECT_EQ(kilobytes(65536, 1ULL << 60, 1, 0), "73786976294838206464 73786976294838206400 0 ") << "2^76 bytes";
  EXPECT_EQ(kilobytes(4096, 100, 101, ~0ULL), "400 none none ") << "more is free than there is";
}

}  // namespace
