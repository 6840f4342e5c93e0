// The amqp transport's inner parts: URLs, and which commands settle what.
// Not for what needs a broker: test.cc.
#include <gtest/gtest.h>

#include <chrono>
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
using std::chrono::milliseconds;

class AmqpWindow : public ::testing::Test {
 protected:
  AmqpWindow() {
    for (int i = 0; i < 8; ++i) window_.arrived();
  }
  bool acknowledge(std::uint64_t tag) { return window_.acknowledge(tag, now_); }
  // What was done so long ago and is still behind an open one is acknowledged by itself.
  Sent flushed(milliseconds patience) {
    Sent sent;
    window_.flush(now_ - patience, [&](std::uint64_t tag, bool all_before) { sent.emplace_back(tag, all_before); });
    return sent;
  }

  Window window_;
  Window::Clock::time_point now_{milliseconds(1'000'000)};
};

TEST_F(AmqpWindow, APrefixIsOneRangeAndWhatIsBeyondIsSingle) {
  for (const std::uint64_t tag : {5, 3, 2, 1, 7}) EXPECT_TRUE(acknowledge(tag));
  EXPECT_EQ(flushed(milliseconds(0)), (Sent{{3, true}, {5, false}, {7, false}}));
  EXPECT_TRUE(acknowledge(4));
  EXPECT_EQ(flushed(milliseconds(0)), (Sent{{4, false}}));
  EXPECT_EQ(window_.size(), 3U);
  EXPECT_TRUE(acknowledge(8));
  EXPECT_TRUE(acknowledge(6));
  EXPECT_EQ(flushed(milliseconds(0)), (Sent{{8, true}}));
  EXPECT_EQ(window_.size(), 0U);
}

TEST_F(AmqpWindow, ABatchThatIsDoneBeforeAnEarlierOneIsInItsRange) {
  for (const std::uint64_t tag : {5, 6, 7, 8}) EXPECT_TRUE(acknowledge(tag));
  EXPECT_EQ(flushed(milliseconds(100)), Sent{});
  EXPECT_EQ(window_.waiting_since(), now_);
  now_ += milliseconds(50);
  for (const std::uint64_t tag : {1, 2, 3, 4}) EXPECT_TRUE(acknowledge(tag));
  EXPECT_EQ(flushed(milliseconds(100)), (Sent{{8, true}}));
  EXPECT_FALSE(window_.waiting_since());
}

TEST_F(AmqpWindow, WhatWaitsTooLongForAnEarlierOneIsSingle) {
  EXPECT_TRUE(acknowledge(1));
  EXPECT_TRUE(acknowledge(3));
  EXPECT_EQ(flushed(milliseconds(100)), (Sent{{1, false}}));
  now_ += milliseconds(60);
  EXPECT_TRUE(acknowledge(5));
  now_ += milliseconds(60);
  EXPECT_EQ(flushed(milliseconds(100)), (Sent{{3, false}}));
  EXPECT_EQ(window_.waiting_since(), now_ - milliseconds(60));
  now_ += milliseconds(60);
  EXPECT_EQ(flushed(milliseconds(100)), (Sent{{5, false}}));
  EXPECT_FALSE(window_.waiting_since());
}

TEST_F(AmqpWindow, ARangeEndsAtWhatTheBrokerStillWaitsFor) {
  EXPECT_TRUE(window_.give_back(2));
  EXPECT_TRUE(acknowledge(1));
  EXPECT_EQ(flushed(milliseconds(0)), (Sent{{1, false}}));
  EXPECT_TRUE(acknowledge(3));
  EXPECT_TRUE(window_.give_back(4));
  EXPECT_EQ(flushed(milliseconds(0)), (Sent{{3, false}}));
  EXPECT_EQ(flushed(milliseconds(0)), Sent{});
}

TEST_F(AmqpWindow, WhatIsNotOpenIsNotSettled) {
  EXPECT_FALSE(acknowledge(0));
  EXPECT_FALSE(acknowledge(9));
  EXPECT_TRUE(acknowledge(1));
  EXPECT_FALSE(acknowledge(1));
  EXPECT_FALSE(window_.give_back(1));
  EXPECT_EQ(flushed(milliseconds(0)), (Sent{{1, false}}));
  EXPECT_FALSE(acknowledge(1));
}

}  // namespace
}  // namespace tally::amqp
