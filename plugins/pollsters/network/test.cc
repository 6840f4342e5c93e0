// The pollster "network" on made-up files.
// Not on this host's own interfaces.
#include "support/pollster_fixture.h"

namespace {

using tally::test::poll_once;
using tally::test::Tree;

TEST(Network, EachInterfaceButLoopback) {
  const Tree tree;
  tree.write("proc/net/dev",
             "Inter-|   Receive                            |  Transmit\n"
             " face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls "
             "carrier compressed\n"
             "    lo: 5 5 0 0 0 0 0 0 5 5 0 0 0 0 0 0\n"
             "  eth0:18446744073709551615 2 3 4 0 0 0 0 10 11 12 13 0 0 0 0\n");
  const auto polled = poll_once("network", {{"root", tree.path()}});
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_EQ(polled.result.samples.size(), 8U);
  EXPECT_EQ(polled.volume("hardware.network.incoming.bytes", "node1.eth0"), "18446744073709551615");
  EXPECT_EQ(polled.volume("hardware.network.incoming.drop", "node1.eth0"), "4");
  EXPECT_EQ(polled.volume("hardware.network.outgoing.bytes", "node1.eth0"), "10");
  EXPECT_EQ(polled.volume("hardware.network.outgoing.errors", "node1.eth0"), "12");
}

TEST(Network, ShortLineIsAnErrorThatNamesTheInterface) {
  const Tree tree;
  tree.write("proc/net/dev", "  eth0: 1 2 3\n");
  const auto polled = poll_once("network", {{"root", tree.path()}});
  EXPECT_EQ(polled.status.code(), tally::kTransient);
  EXPECT_NE(polled.status.ToString().find("eth0"), std::string::npos);
}

TEST(Network, OneInterfaceThatIsWrongCostsNoOther) {
  const Tree tree;
  tree.write("proc/net/dev",
             "  old0: 1 2 3 4 5 6 7 8 9 10 11\n  v\xe4: 1 2 3 4 0 0 0 0 -10 11 12 13 0 0 0 0\n"
             "  eth0: 99999999999999999999 2 3 4 0 0 0 0 10 11 12 13 0 0 0 0\n");
  const auto polled = poll_once("network", {{"root", tree.path()}});
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_EQ(polled.result.samples.size(), 15U);
  EXPECT_EQ(polled.volume("hardware.network.incoming.bytes", "node1.eth0"), "99999999999999999999");
  EXPECT_EQ(polled.of("hardware.network.incoming.packets", "node1.v%E4").resource_metadata,
            "{\"interface\":\"v\xef\xbf\xbd\"}");
  EXPECT_NE(polled.faults().find("node1.old0: " + tree.path() + "/proc/net/dev: 11 columns"), std::string::npos);
  EXPECT_NE(polled.faults().find("node1.v%E4: hardware.network.outgoing.bytes: "), std::string::npos);
}

TEST(Network, TheHostsInterfacesAreThoseOfItsFirstProcess) {
  const Tree tree;
  tree.write("proc/net/dev", "  eth0: 1 2 3 4 0 0 0 0 10 11 12 13 0 0 0 0\n");
  tree.write("proc/1/net/dev", "  bond0: 1 2 3 4 0 0 0 0 10 11 12 13 0 0 0 0\n");
  const auto polled = poll_once("network", {{"root", tree.path()}});
  ASSERT_TRUE(polled.status.ok()) << polled.status;
  EXPECT_EQ(polled.result.samples.size(), 8U);
  EXPECT_EQ(polled.volume("hardware.network.incoming.bytes", "node1.bond0"), "1");
}

TEST(Network, NothingToMeasureIsSaid) {
  const Tree tree;
  auto polled = poll_once("network", {{"root", tree.path()}});
  EXPECT_EQ(polled.status.code(), tally::kAbsent);
  EXPECT_NE(polled.status.ToString().find(tree.path() + "/proc/1/net/dev"), std::string::npos) << polled.status;
  tree.write("proc/1/net/dev", "    lo: 5 5 0 0 0 0 0 0 5 5 0 0 0 0 0 0\n");
  polled = poll_once("network", {{"root", tree.path()}});
  EXPECT_EQ(polled.status.code(), tally::kAbsent);
  EXPECT_NE(polled.status.ToString().find("no network interface but the loopback"), std::string::npos) << polled.status;
}

}  // namespace
