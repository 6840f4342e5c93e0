// The amqp transport's inner parts: URLs, and which commands settle what.
// Not for what needs a broker: test.cc.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <tally/sdk/error.h>

#include "parameters.h"
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
      {"http://u:hidden@h/", "not an amqp://"},
      {"amqp:h", "not an amqp://"},
      {"amqp://u:hid%2@h/", "hexadecimal"},
      {"amqp://u:hidden%00@h/", "zero byte"},
      {"amqp://u:hidden@h:port/", "port"},
      {"amqp://u:hidden@h:70000/", "port"},
      {"amqp://u:hidden@/", "no name"},
      {"amqp://u:hidden@h,,h2/", "no name"},
      {"amqp://u:hidden@[::1/", "without its ]"},
      {"amqp://u:hidden@::1/", "stands in [ ]"},
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

std::string refusal(const std::string& query) {
  try {
    parse_parameters(query);
  } catch (const Error& error) {
    EXPECT_EQ(error.outcome(), Outcome::permanent);
    return error.what();
  }
  return "";
}

TEST(AmqpParameters, OptionsOfOpenStacksDriverAreUnderstood) {
  const Address address = parse_url(
      "rabbit://u:p@192.0.2.1:5671//ceilometer?ssl=1&ssl_version=TLSv1_2&ssl_ca_file=/etc/ssl/my%20ca.pem"
      "&ssl_cert_file=/c.pem&ssl_key_file=/k.pem&ssl_enforce_hostname_verification=False&ssl_verify=true"
      "&heartbeat_timeout_threshold=30&rabbit_quorum_queue=true&rabbit_ha_queues=1");
  EXPECT_TRUE(address.tls);
  EXPECT_EQ(address.vhost, "/ceilometer");
  EXPECT_EQ(address.parameters.version, "1.2");
  EXPECT_EQ(address.parameters.ca, "/etc/ssl/my ca.pem");
  EXPECT_EQ(address.parameters.cert, "/c.pem");
  EXPECT_EQ(address.parameters.key, "/k.pem");
  EXPECT_EQ(address.parameters.verify, true);
  EXPECT_EQ(address.parameters.verify_name, false);
  EXPECT_EQ(address.parameters.heartbeat_s, 30);
  const Parameters older = parse_parameters(
      "rabbit_use_ssl=yes&kombu_ssl_ca_certs=/a&kombu_ssl_certfile=/b&kombu_ssl_keyfile=/c&"
      "kombu_ssl_version=SSLv23&&ssl_verify_peer=0&ssl_verify_hostname=on");
  EXPECT_EQ(older.tls, true);
  EXPECT_EQ(older.ca.value_or("") + older.cert.value_or("") + older.key.value_or(""), "/a/b/c");
  EXPECT_EQ(older.version, std::nullopt);
  EXPECT_EQ(older.verify, false);
  EXPECT_EQ(older.verify_name, true);
}

TEST(AmqpParameters, TheUrlCountsBeforeTheKeyTls) {
  EXPECT_TRUE(parse_url("rabbit://h/", true).tls);
  EXPECT_EQ(parse_url("rabbit://h/", true).hosts[0].port, 5671);
  EXPECT_FALSE(parse_url("rabbit://h/?ssl=0", true).tls);
  EXPECT_TRUE(parse_url("rabbit://h/?ssl=1", false).tls);
  EXPECT_FALSE(parse_url("rabbit://h/?ssl_ca_file=/x").tls) << "a file alone asks for nothing";
}

TEST(AmqpParameters, WhatIsNotUnderstoodIsRefusedWithTheWayOut) {
  const std::vector<std::pair<std::string, std::string>> faults = {
      {"heartbeat=3", "\"heartbeat\" is not understood"},
      {"ssl_ca=/x", "tally plugin show transport:amqp"},
      {"rabbit_login_method=EXTERNAL", "not understood"},
      {"ssl=maybe", "ssl is 1 or 0"},
      {"ssl_version=TLSv1", "TLSv1_2, TLSv1_3"},
      {"ssl_version=SSLv3", "TLSv1_2, TLSv1_3"},
      {"heartbeat_timeout_threshold=soon", "seconds"},
      {"ssl", "NAME=VALUE"},
      {"ssl_ca_file=%2", "hexadecimal"},
  };
  for (const auto& [query, reason] : faults) {
    EXPECT_NE(refusal(query).find(reason), std::string::npos) << query << ": " << refusal(query);
  }
  const std::string password = refusal("den@host/vhost=1");
  EXPECT_NE(password.find("%3F"), std::string::npos) << password;
  EXPECT_EQ(password.find("den"), std::string::npos) << password;
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
  EXPECT_TRUE(window_.requeue(2));
  EXPECT_TRUE(acknowledge(1));
  EXPECT_EQ(flushed(milliseconds(0)), (Sent{{1, false}}));
  EXPECT_TRUE(acknowledge(3));
  EXPECT_TRUE(window_.requeue(4));
  EXPECT_EQ(flushed(milliseconds(0)), (Sent{{3, false}}));
  EXPECT_EQ(flushed(milliseconds(0)), Sent{});
}

TEST_F(AmqpWindow, WhatIsNotOpenIsNotSettled) {
  EXPECT_FALSE(acknowledge(0));
  EXPECT_FALSE(acknowledge(9));
  EXPECT_TRUE(acknowledge(1));
  EXPECT_FALSE(acknowledge(1));
  EXPECT_FALSE(window_.requeue(1));
  EXPECT_EQ(flushed(milliseconds(0)), (Sent{{1, false}}));
  EXPECT_FALSE(acknowledge(1));
}

}  // namespace
}  // namespace tally::amqp
