// The kafka transport's inner parts: URLs, settings, and what of a partition may be committed.
// Not for what needs a broker: test.cc.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <tally/sdk/error.h>

#include "settings.h"
#include "url.h"
#include "window.h"

namespace tally::kafka {
namespace {

TEST(KafkaUrl, SeveralHostsAUserAndSettings) {
  const Address address =
      parse_url("KAFKA://us%40er:p%2fa%3Aß@h1:5000,h2,us%40er:p%2fa%3Aß@[fe80::1]:7/?a.b=c%26d&topics=x,y");
  EXPECT_EQ(address.servers, "h1:5000,h2:9092,[fe80::1]:7");
  EXPECT_EQ(address.user, "us@er");
  EXPECT_EQ(address.password, "p/a:ß");
  EXPECT_EQ(address.vhost, "");
  EXPECT_FALSE(address.tls);
  const std::vector<Setting> wanted = {{"a.b", "c&d"}, {"topics", "x,y"}};
  EXPECT_EQ(address.query, wanted);
}

TEST(KafkaUrl, LittleIsEnough) {
  EXPECT_EQ(parse_url("kafka://h").servers, "h:9092");
  EXPECT_EQ(parse_url("kafka://h//").vhost, "");
  EXPECT_EQ(parse_url("kafka://h/v%2E1?x=y").vhost, "v.1");
  EXPECT_TRUE(parse_url("kafkas://h/").tls);
}

TEST(KafkaUrl, AFaultNamesTheWayOutAndNoPassword) {
  const std::vector<std::pair<std::string, std::string>> faults = {
      {"http://u:hidden@h/", "not a kafka://"},   {"kafka://u:hid%2@h/", "hexadecimal"},
      {"kafka://u:hidden%00@h/", "zero byte"},    {"kafka://u:hidden@h:port/", "port"},
      {"kafka://u:hidden@h:70000/", "port"},      {"kafka://u:hidden@/", "no name"},
      {"kafka://u:hidden@h,,h2/", "no name"},     {"kafka://u:hidden@[::1/", "without its ]"},
      {"kafka://u:hidden@::1/", "stands in [ ]"}, {"kafka://u:hidden@h,v:hidden@h2/", "different users"},
      {"kafka://u:hidden@h/#x", "no #"},          {"kafka://u:hidden@h/?hidden", "NAME=VALUE"}};
  for (const auto& [url, wanted] : faults) {
    try {
      parse_url(url);
      ADD_FAILURE() << url << " was taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.outcome(), Outcome::permanent);
      EXPECT_NE(std::string(error.what()).find(wanted), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find("kafka://USER"), std::string::npos) << error.what();
      EXPECT_EQ(std::string(error.what()).find("hidden"), std::string::npos) << error.what();
    }
  }
}

std::string refusal(const std::vector<Setting>& settings) {
  try {
    make_conf(settings);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(KafkaSettings, AWrongOneIsNamedAndASecretIsNot) {
  EXPECT_EQ(refusal({{"fetch.wait.max.ms", "100"}, {"sasl.password", "hidden"}}), "");
  EXPECT_NE(refusal({{"fetch.wait", "hidden"}}).find("\"fetch.wait\": librdkafka"), std::string::npos);
  EXPECT_NE(refusal({{"fetch.wait.max.ms", "soon"}}).find("fetch.wait.max.ms"), std::string::npos);
  const std::string secret = refusal({{"ssl.key.pem", "hidden"}});
  EXPECT_EQ(secret.find("hidden"), std::string::npos) << secret;
}

TEST(KafkaWindow, OnlyTheContiguousPrefixIsDone) {
  Window window(10);
  for (std::int64_t offset = 10; offset < 15; ++offset) EXPECT_EQ(window.arrived(offset), Window::Arrival::fresh);
  EXPECT_TRUE(window.acknowledge(12));
  EXPECT_TRUE(window.acknowledge(11));
  EXPECT_EQ(window.done_up_to(), 10);
  EXPECT_TRUE(window.acknowledge(10));
  EXPECT_EQ(window.done_up_to(), 13);
  EXPECT_FALSE(window.acknowledge(10));
  EXPECT_FALSE(window.acknowledge(15));
  EXPECT_EQ(window.open(), 2U);
}

TEST(KafkaWindow, GapsBetweenOffsetsAreNothingToWaitFor) {
  Window window;
  EXPECT_EQ(window.arrived(500), Window::Arrival::fresh);
  EXPECT_EQ(window.done_up_to(), 500);
  EXPECT_EQ(window.arrived(507), Window::Arrival::fresh);
  EXPECT_TRUE(window.acknowledge(500));
  EXPECT_EQ(window.done_up_to(), 507);
  EXPECT_TRUE(window.acknowledge(507));
  EXPECT_EQ(window.done_up_to(), 508);
}

TEST(KafkaWindow, WhatIsGivenBackComesOnceMoreAndTheRestDoesNot) {
  Window window(0);
  for (std::int64_t offset = 0; offset < 4; ++offset) window.arrived(offset);
  window.acknowledge(2);
  EXPECT_TRUE(window.requeue(1));
  EXPECT_FALSE(window.requeue(1));
  EXPECT_FALSE(window.acknowledge(1));
  EXPECT_EQ(window.oldest_returned(), 1);
  EXPECT_EQ(window.open(), 2U);
  EXPECT_EQ(window.arrived(1), Window::Arrival::again);
  EXPECT_EQ(window.arrived(2), Window::Arrival::known);
  EXPECT_EQ(window.arrived(3), Window::Arrival::known);
  EXPECT_EQ(window.arrived(4), Window::Arrival::fresh);
  EXPECT_EQ(window.oldest_returned(), -1);
  EXPECT_EQ(window.done_up_to(), 0);
}

// Beside a map that remembers everything.
TEST(KafkaWindow, AsASlowOneDoesIt) {
  std::minstd_rand random(7);
  Window window(0);
  std::map<std::int64_t, char> marks;  // 'o'pen, 'd'one, 'r'eturned
  std::int64_t next = 0;
  for (int step = 0; step < 20000; ++step) {
    const std::int64_t some =
        next == 0 ? 0 : next - 1 - static_cast<std::int64_t>(random() % std::min<std::int64_t>(next, 50));
    const auto found = marks.find(some);
    const char before = found == marks.end() ? '-' : found->second;
    switch (random() % 4) {
      case 0:
        next += 1 + static_cast<std::int64_t>(random() % 3 == 0 ? random() % 5 : 0);
        ASSERT_EQ(window.arrived(next - 1), Window::Arrival::fresh);
        marks[next - 1] = 'o';
        break;
      case 1:
        ASSERT_EQ(window.acknowledge(some), before == 'o');
        if (before == 'o') marks[some] = 'd';
        break;
      case 2:
        ASSERT_EQ(window.requeue(some), before == 'o');
        if (before == 'o') marks[some] = 'r';
        break;
      default:
        if (window.oldest_returned() < 0) break;
        ASSERT_EQ(window.arrived(window.oldest_returned()), Window::Arrival::again);
        std::find_if(marks.begin(), marks.end(), [](const auto& mark) { return mark.second == 'r'; })->second = 'o';
    }
    const auto first = std::find_if(marks.begin(), marks.end(), [](const auto& mark) { return mark.second != 'd'; });
    if (marks.empty()) continue;
    ASSERT_EQ(window.done_up_to(), first == marks.end() ? window.end() : first->first);
  }
}

}  // namespace
}  // namespace tally::kafka
