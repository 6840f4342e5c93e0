// One pollster's cycles, without threads.
// Not for timers: schedule_test.cc, iterator_test.cc.
#include "plugin/poller.h"

#include <gtest/gtest.h>

#include "core/status.h"
#include "support/fake_pollster.h"

namespace tally::test {
namespace {

host::TimedPollster timed(const std::string& name, FakePollster::Act act) {
  host::TimedPollster made;
  made.name = name;
  made.make = [act] { return std::make_unique<FakePollster>(act); };
  return made;
}

struct Found {
  int asked = 0;
  std::vector<std::string> ids;
  std::shared_ptr<host::SharedDiscovery> share() {
    host::DiscoverySource made;
    made.name = "things";
    made.make = [this] {
      return std::make_unique<FakeDiscovery>([this]() -> absl::StatusOr<std::vector<host::Resource>> {
        ++asked;
        std::vector<host::Resource> resources;
        for (const std::string& id : ids) resources.push_back({.id = id});
        return resources;
      });
    };
    return std::make_shared<host::SharedDiscovery>(std::vector<host::DiscoverySource>{made});
  }
};

TEST(Poller, DiscoveryIsAskedOnceACycleAndShared) {
  Found found{.asked = 0, .ids = {"a", "b"}};
  const auto shared = found.share();
  host::TimedPollster one = timed("p", [](const host::PollRequest& request, host::PollResult&) {
    EXPECT_EQ(request.resources.size(), 2u);
    return absl::OkStatus();
  });
  one.discovery = "things";
  host::Poller first(one, shared);
  host::Poller second(one, shared);
  EXPECT_TRUE(first.poll(Time{100}).status.ok());
  EXPECT_TRUE(second.poll(Time{100}).status.ok());
  EXPECT_EQ(found.asked, 1);
  EXPECT_TRUE(second.poll(Time{200}).status.ok());
  EXPECT_EQ(found.asked, 2);
}

TEST(Poller, AResourceThatFailsForGoodIsLeftOutUntilItIsDiscoveredAnew) {
  Found found{.asked = 0, .ids = {"good", "bad"}};
  std::vector<std::string> polled;
  host::TimedPollster one = timed("p", [&](const host::PollRequest& request, host::PollResult& result) {
    polled.clear();
    for (const host::Resource& resource : request.resources) {
      polled.push_back(resource.id);
      if (resource.id == "bad") result.faults.push_back({"bad", permanent("broken")});
    }
    return absl::OkStatus();
  });
  one.discovery = "things";
  host::Poller poller(one, found.share());
  const host::Poller::Answer first = poller.poll(Time{1});
  EXPECT_EQ(polled, (std::vector<std::string>{"good", "bad"}));
  ASSERT_EQ(first.faults.size(), 1u);
  EXPECT_EQ(first.faults[0].resource_id, "bad");
  EXPECT_TRUE(first.faults[0].given_up);
  const host::Poller::Answer second = poller.poll(Time{2});
  EXPECT_EQ(polled, (std::vector<std::string>{"good"}));
  EXPECT_TRUE(second.faults.empty());
  found.ids = {"good"};
  poller.poll(Time{3});
  found.ids = {"good", "bad"};
  poller.poll(Time{4});
  EXPECT_EQ(polled, (std::vector<std::string>{"good", "bad"}));
}

TEST(Poller, AVanishedResourceIsNoFaultAndAPassingOneIsTriedAgain) {
  Found found{.asked = 0, .ids = {"gone", "busy"}};
  std::size_t polled = 0;
  host::TimedPollster one = timed("p", [&](const host::PollRequest& request, host::PollResult& result) {
    polled = request.resources.size();
    result.faults.push_back({"gone", absent("vanished")});
    result.faults.push_back({"busy", passing("locked")});
    return absl::OkStatus();
  });
  one.discovery = "things";
  host::Poller poller(one, found.share());
  const host::Poller::Answer answer = poller.poll(Time{1});
  ASSERT_EQ(answer.faults.size(), 1u);
  EXPECT_EQ(answer.faults[0].resource_id, "busy");
  EXPECT_FALSE(answer.faults[0].given_up);
  poller.poll(Time{2});
  EXPECT_EQ(polled, 2u);
}

TEST(Poller, ADiscoveryThatFailsIsNamed) {
  host::DiscoverySource things;
  things.name = "things";
  things.make = [] {
    return std::make_unique<FakeDiscovery>(
        []() -> absl::StatusOr<std::vector<host::Resource>> { return passing("away"); });
  };
  host::TimedPollster one;
  one.name = "p";
  one.discovery = "things";
  one.make = []() -> absl::StatusOr<std::unique_ptr<host::Pollster>> {
    ADD_FAILURE() << "made, and its file loaded, without its resources";
    return passing("made");
  };
  host::Poller poller(one, std::make_shared<host::SharedDiscovery>(std::vector<host::DiscoverySource>{things}));
  const absl::Status status = poller.poll(Time{1}).status;
  EXPECT_EQ(status.code(), kPassing);
  EXPECT_EQ(status.message(), "discovery:things: away");
}

}  // namespace
}  // namespace tally::test
