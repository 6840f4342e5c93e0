// A plugin in C++ with three roles in one file loads, and each role runs: tests/fixtures/three_roles.cc.
// Not for layouts: tests/abi/layout.py holds those.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status.h"
#include "plugin/call/adapters.h"
#include "plugin/plugin_places.h"

namespace tally::test {
namespace {

class ThreeRoles : public ::testing::Test {
 protected:
  void SetUp() override {
    put(folder_.path(), "three_roles", "three_roles");
    catalog_ = scan({folder_.path()});
    ASSERT_EQ(catalog_.entries().size(), 3U);
  }

  plugin::Entry& entry(plugin::Role role) {
    plugin::Entry* found = catalog_.find(role, "first");
    EXPECT_NE(found, nullptr);
    EXPECT_TRUE(found->usable()) << found->reason;
    return *found;
  }

  ScratchFolder folder_;
  plugin::Catalog catalog_;
};

TEST_F(ThreeRoles, FindsAndPolls) {
  auto discovery = plugin::make_discovery(entry(plugin::Role::discovery), {});
  ASSERT_TRUE(discovery.ok()) << discovery.status();
  const auto found = (*discovery)->discover();
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ((*found)[0].attributes, R"({"size": 10})");

  auto pollster = plugin::make_pollster(entry(plugin::Role::pollster), {{{"unit", "TiB"}}, "", "host"});
  ASSERT_TRUE(pollster.ok()) << pollster.status();
  plugin::PollResult result;
  ASSERT_TRUE((*pollster)->poll({Time{5}, 0, *found}, result).ok());
  ASSERT_EQ(result.samples.size(), 2U);
  EXPECT_EQ(result.samples[0].volume.to_string(), "10.5");
  EXPECT_EQ(result.samples[0].unit, "TiB");
  EXPECT_EQ(result.samples[0].project_id, "project");
  EXPECT_EQ(result.samples[1].resource_id, "disk-2");
  EXPECT_FALSE(result.samples[1].project_id.has_value());
  ASSERT_EQ(result.faults.size(), 1U);
  EXPECT_EQ(result.faults[0].status.code(), kPermanent);
}

TEST_F(ThreeRoles, HandlesNotifications) {
  auto handler = plugin::make_notification(entry(plugin::Role::notification), {});
  ASSERT_TRUE(handler.ok()) << handler.status();
  EXPECT_EQ(*(*handler)->claims(), std::vector<std::string>{"first.*"});
  Notification notification;
  notification.event_type = "first.good";
  wire::SampleList samples;
  ASSERT_TRUE((*handler)->handle(notification, samples).ok());
  ASSERT_EQ(samples.size(), 1U);
  EXPECT_EQ(samples[0].resource_id, "first.good");
  notification.event_type = "first.bad";
  const absl::Status status = (*handler)->handle(notification, samples);
  EXPECT_EQ(status.code(), kPermanent);
  EXPECT_EQ(status.message(), "a bad message");
}

}  // namespace
}  // namespace tally::test
