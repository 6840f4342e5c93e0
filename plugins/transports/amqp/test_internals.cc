// The amqp transport's inner parts: URLs, and which commands settle what.
// Not for what needs a broker: test.cc.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include <tally/sdk/error.h>

#include "url.h"
#include "window.h"

namespace tally::amqp {
namespace {

TEST(AmqpUrl, OneHostWithEverything) {
  const Address address = parse_url("AMQP://us%40er:p%2fa%3Aß@cell1:5673/my%2Fhost");
  ASSERT_EQ(address.hosts.size(), 1U);
  EXPECT_EQ(address.hosts[0].user, "us@er");
  EXPECT_EQ(address.hosts[0].password, "p/a:ß");
  EXPECT_EQ(address.hosts[0].text(), "cell1:5673");
  EXPECT_EQ(address.vhost, "my/host");
  EXPECT_FALSE(address.tls);
}

TEST(AmqpUrl, TheVirtualHostIsSlashUnlessNamed) {
  EXPECT_EQ(parse_url("rabbit://h").vhost, "/");
  EXPECT_EQ(parse_url("rabbit://h/").vhost, "/");
  EXPECT_EQ(parse_url("rabbit://h//").vhost, "/");
  EXPECT_EQ(parse_url("amqp://h/%2F").vhost, "/");
  EXPECT_EQ(parse_url("amqp://h/v?ssl=0").vhost, "v");
}

TEST(AmqpUrl, SeveralHostsAsOpenStackWritesThem) {
  const Address address = parse_url("rabbit://u1:p1@h1:5000,h2,u3:p3@[fe80::1]:7//?ssl=1");
  ASSERT_EQ(address.hosts.size(), 3U);
  EXPECT_EQ(address.hosts[0].text(), "h1:5000");
  EXPECT_EQ(address.hosts[1].text(), "h2:5671");
  EXPECT_EQ(address.hosts[1].user, "u1");
  EXPECT_EQ(address.hosts[1].password, "p1");
  EXPECT_EQ(address.hosts[2].text(), "[fe80::1]:7");
  EXPECT_EQ(address.hosts[2].user, "u3");
  EXPECT_TRUE(address.tls);
  EXPECT_EQ(parse_url("amqp://h").hosts[0].user, "guest");
  EXPECT_EQ(parse_url("amqps://h").hosts[0].port, 5671);
}

TEST(AmqpUrl, AFaultNamesTheWayOutAndNoPassword) {
  const std::vector<std::pair<std::string, std::string>> faults = {
      {"http://u:hidden@h/", "no amqp://"},
      {"amqp:h", "no amqp://"},
      {"amqp://u:hid%2@h/", "hexadecimal"},
      {"amqp://u:hidden%00@h/", "zero byte"},
      {"amqp://u:hidden@h:port/", "port"},
      {"amqp://u:hidden@h:70000/", "port"},
      {"amqp://u:hidden@/", "no name"},
      {"amqp://u:hidden@h,,h2/", "no name"},
      {"amqp://u:hidden@[::1/", "without its ]"},
      {"amqp://u:hidden@::1/", "stands in [ ]"},
      {"amqp://u:hidden@h/?heartbeat=3", "ssl=1"},
      {"amqps://u:hidden@h/?ssl=0", "contradict"},
      {"amqp://u:hidden@h/v#x", "no #"},
      {"amqp://u:hidden@h/" + std::string(300, 'v'), "255"},
  };
  for (const auto& [url, reason] : faults) {
    try {
      parse_url(url);
      ADD_FAILURE() << url;
    } catch (const Error& error) {
      EXPECT_EQ(error.outcome(), Outcome::permanent);
      EXPECT_NE(std::string(error.what()).find(reason), std::string::npos) << url << ": " << error.what();
      EXPECT_NE(std::string(error.what()).find("write amqp://"), std::string::npos);
      EXPECT_EQ(std::string(error.what()).find("hid"), std::string::npos) << error.what();
    }
  }
}

using Sent = std::vector<std::pair<std::uint64_t, bool>>;

Sent flushed(Window& window) {
  Sent sent;
  window.flush([&](std::uint64_t tag, bool all_before) { sent.emplace_back(tag, all_before); });
  return sent;
}

TEST(AmqpWindow, APrefixIsOneRangeAndWhatIsBeyondIsSingle) {
  Window window;
  for (int i = 0; i < 8; ++i) window.arrived();
  for (const std::uint64_t tag : {5, 3, 2, 1, 7}) EXPECT_TRUE(window.acknowledge(tag));
  EXPECT_EQ(flushed(window), (Sent{{3, true}, {5, false}, {7, false}}));
  EXPECT_TRUE(window.acknowledge(4));
  EXPECT_EQ(flushed(window), (Sent{{4, false}}));
  EXPECT_EQ(window.size(), 3U);
  EXPECT_TRUE(window.acknowledge(8));
  EXPECT_TRUE(window.acknowledge(6));
  EXPECT_EQ(flushed(window), (Sent{{8, true}}));
  EXPECT_EQ(window.size(), 0U);
}

TEST(AmqpWindow, ARangeEndsAtWhatTheBrokerStillWaitsFor) {
  Window window;
  for (int i = 0; i < 4; ++i) window.arrived();
  EXPECT_TRUE(window.give_back(2));
  EXPECT_TRUE(window.acknowledge(1));
  EXPECT_EQ(flushed(window), (Sent{{1, false}}));
  EXPECT_TRUE(window.acknowledge(3));
  EXPECT_TRUE(window.give_back(4));
  EXPECT_EQ(flushed(window), (Sent{{3, false}}));
  EXPECT_EQ(flushed(window), Sent{});
}

TEST(AmqpWindow, WhatIsNotOpenIsNotSettled) {
  Window window;
  window.arrived();
  EXPECT_FALSE(window.acknowledge(0));
  EXPECT_FALSE(window.acknowledge(2));
  EXPECT_TRUE(window.acknowledge(1));
  EXPECT_FALSE(window.acknowledge(1));
  EXPECT_FALSE(window.give_back(1));
  EXPECT_EQ(flushed(window), (Sent{{1, false}}));
  EXPECT_FALSE(window.acknowledge(1));
}

}  // namespace
}  // namespace tally::amqp
