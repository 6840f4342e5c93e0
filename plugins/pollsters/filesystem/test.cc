// The pollster "filesystem" on a made-up list of mounts.
// Not on exact sizes: those are of the disk that the test runs on.
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

}  // namespace
