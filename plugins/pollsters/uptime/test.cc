// The pollster "uptime" on made-up files.
// Not on this host's own uptime.
#include "support/pollster_fixture.h"

namespace {

using tally::test::poll_once;
using tally::test::Tree;

TEST(Uptime, Seconds) {
  const Tree tree;
  tree.write("proc/uptime", "350735.47 234388.90\n");
  const auto polled = poll_once("uptime", {{"root", tree.path()}});
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_EQ(polled.result.samples.size(), 1U);
  EXPECT_EQ(polled.volume("hardware.system_stats.uptime", "node1"), "350735.47");
}

TEST(Uptime, EmptyFileIsAnError) {
  const Tree tree;
  tree.write("proc/uptime", "");
  EXPECT_EQ(poll_once("uptime", {{"root", tree.path()}}).status.code(), tally::kTransient);
}

}  // namespace
