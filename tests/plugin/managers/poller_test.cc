// One pollster's cycles, without threads.
// Not for timers: schedule_test.cc, iterator_test.cc.
#include "plugin/managers/poller.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "support/fake_pollster.h"

namespace tally::test {
namespace {

plugin::TimedPollster timed(const std::string& name, FakePollster::Act act) {
  plugin::TimedPollster made;
  made.name = name;
  made.make = [act] { return std::make_unique<FakePollster>(act); };
  return made;
}

struct Found {
  int asked = 0;
  std::vector<std::string> ids;
  std::shared_ptr<plugin::SharedDiscovery> share() {
    plugin::DiscoverySource made;
    made.name = "things";
    made.make = [this] {
      return std::make_unique<FakeDiscovery>([this]() -> absl::StatusOr<std::vector<Resource>> {
        ++asked;
        std::vector<Resource> resources;
        for (const std::string& id : ids) resources.push_back({.id = id});
        return resources;
      });
    };
    return std::make_shared<plugin::SharedDiscovery>(std::vector<plugin::DiscoverySource>{made});
  }
};

TEST(Poller, DiscoveryIsAskedOnceACycleAndShared) {
  Found found{.asked = 0, .ids = {"a", "b"}};
  const auto shared = found.share();
  plugin::TimedPollster one = timed("p", [](const plugin::PollRequest& request, plugin::PollResult&) {
    EXPECT_EQ(request.resources.size(), 2u);
    return absl::OkStatus();
  });
  one.discovery = "things";
  plugin::Poller first(one, shared);
  plugin::Poller second(one, shared);
  EXPECT_TRUE(first.poll(Time{100}).status.ok());
  EXPECT_TRUE(second.poll(Time{100}).status.ok());
  EXPECT_EQ(found.asked, 1);
  EXPECT_TRUE(second.poll(Time{200}).status.ok());
  EXPECT_EQ(found.asked, 2);
}

TEST(Poller, AResourceThatFailsForGoodIsLeftOutUntilItIsDiscoveredAnew) {
  Found found{.asked = 0, .ids = {"good", "bad"}};
  std::vector<std::string> polled;
  plugin::TimedPollster one = timed("p", [&](const plugin::PollRequest& request, plugin::PollResult& result) {
    polled.clear();
    for (const Resource& resource : request.resources) {
      polled.push_back(resource.id);
      if (resource.id == "bad") result.faults.push_back({"bad", permanent("broken")});
    }
    return absl::OkStatus();
  });
  one.discovery = "things";
  plugin::Poller poller(one, found.share());
  const plugin::Poller::Answer first = poller.poll(Time{1});
  EXPECT_EQ(polled, (std::vector<std::string>{"good", "bad"}));
  ASSERT_EQ(first.faults.size(), 1u);
  EXPECT_EQ(first.faults[0].resource_id, "bad");
  EXPECT_TRUE(first.faults[0].given_up);
  const plugin::Poller::Answer second = poller.poll(Time{2});
  EXPECT_EQ(polled, (std::vector<std::string>{"good"}));
  EXPECT_TRUE(second.faults.empty());
  found.ids = {"good"};
  poller.poll(Time{3});
  found.ids = {"good", "bad"};
  poller.poll(Time{4});
  EXPECT_EQ(polled, (std::vector<std::string>{"good", "bad"}));
}

TEST(Poller, AVanishedResourceIsNoFaultAndATransientOneIsTriedAgain) {
  Found found{.asked = 0, .ids = {"gone", "busy"}};
  std::size_t polled = 0;
  plugin::TimedPollster one = timed("p", [&](const plugin::PollRequest& request, plugin::PollResult& result) {
    polled = request.resources.size();
    result.faults.push_back({"gone", absent("vanished")});
    result.faults.push_back({"busy", transient("locked")});
    return absl::OkStatus();
  });
  one.discovery = "things";
  plugin::Poller poller(one, found.share());
  const plugin::Poller::Answer answer = poller.poll(Time{1});
  ASSERT_EQ(answer.faults.size(), 1u);
  EXPECT_EQ(answer.faults[0].resource_id, "busy");
  EXPECT_FALSE(answer.faults[0].given_up);
  poller.poll(Time{2});
  EXPECT_EQ(polled, 2u);
}

TEST(Poller, ADiscoveryThatFailsIsNamed) {
  plugin::DiscoverySource things;
  things.name = "things";
  things.make = [] {
    return std::make_unique<FakeDiscovery>([]() -> absl::StatusOr<std::vector<Resource>> { return transient("away"); });
  };
  plugin::TimedPollster one;
  one.name = "p";
  one.discovery = "things";
  one.make = []() -> absl::StatusOr<std::unique_ptr<plugin::Sampler>> {
    ADD_FAILURE() << "made, and its file loaded, without its resources";
    return transient("made");
  };
  plugin::Poller poller(one, std::make_shared<plugin::SharedDiscovery>(std::vector<plugin::DiscoverySource>{things}));
  const absl::Status status = poller.poll(Time{1}).status;
  EXPECT_EQ(status.code(), kTransient);
  EXPECT_EQ(status.message(), "discovery:things: away");
}

// Makes `meters` of each resource that it is given, or of the host; notes what it was given, call by call.
struct Measurer {
  std::vector<std::string> meters;
  std::vector<std::vector<std::string>> calls;
  std::vector<std::string> broken;  // for good

  plugin::TimedPollster timed_with(std::vector<plugin::PollSelection> selections, const std::string& discovery) {
    plugin::TimedPollster made = timed("p", [this](const plugin::PollRequest& request, plugin::PollResult& result) {
      calls.emplace_back();
      for (const Resource& resource : request.resources) measure(resource.id, result);
      if (request.resources.empty()) measure("host", result);
      return absl::OkStatus();
    });
    made.discovery = discovery;
    made.selections = std::move(selections);
    return made;
  }

  void measure(const std::string& id, plugin::PollResult& result) {
    calls.back().push_back(id);
    if (std::find(broken.begin(), broken.end(), id) != broken.end()) {
      result.faults.push_back({id, permanent("broken")});
      return;
    }
    for (const std::string& meter : meters) {
      Sample sample;
      sample.name = meter;
      sample.resource_id = id;
      result.samples.push_back(std::move(sample));
    }
  }
};

// "meter of resource", in order.
std::vector<std::string> measured(const plugin::Poller::Answer& answer) {
  std::vector<std::string> texts;
  for (const Sample& sample : answer.samples) texts.push_back(sample.name + " of " + sample.resource_id);
  std::sort(texts.begin(), texts.end());
  return texts;
}

TEST(PollerSelections, OnlyTheMetersThatAreWantedAreKept) {
  Measurer measurer{{"cpu", "memory", "memory.usage"}, {}, {}};
  plugin::Poller poller(measurer.timed_with({{60, {"memory*", "!memory.u*"}, {}, {}}}, ""), nullptr);
  EXPECT_EQ(measured(poller.poll(Time{1})), std::vector<std::string>{"memory of host"});
}

TEST(PollerSelections, TwoSourcesAtOneTimeGetOneMeasurement) {
  Found found{.asked = 0, .ids = {"a", "b"}};
  Measurer measurer{{"cpu", "memory"}, {}, {}};
  plugin::Poller poller(measurer.timed_with({{60, {"cpu"}, {}, {}}, {300, {"*"}, {}, {}}}, "things"), found.share());
  const std::vector<std::size_t> fast = {0};
  EXPECT_EQ(measured(poller.poll(Time{60}, fast)), (std::vector<std::string>{"cpu of a", "cpu of b"}));
  EXPECT_EQ(measured(poller.poll(Time{300})),
            (std::vector<std::string>{"cpu of a", "cpu of b", "memory of a", "memory of b"}));
  EXPECT_EQ(measurer.calls, (std::vector<std::vector<std::string>>{{"a", "b"}, {"a", "b"}}));
}

TEST(PollerSelections, EachResourceIsPolledOnceForTheSourcesThatNameIt) {
  Found found{.asked = 0, .ids = {"a", "b", "c"}};
  Measurer measurer{{"cpu", "memory"}, {}, {}};
  plugin::Poller poller(
      measurer.timed_with({{60, {"cpu"}, {"b", "elsewhere", "b"}, {}}, {60, {"memory"}, {}, {}}}, "things"),
      found.share());
  EXPECT_EQ(measured(poller.poll(Time{60})),
            (std::vector<std::string>{"cpu of b", "cpu of elsewhere", "memory of a", "memory of b", "memory of c"}));
  std::vector<std::string> all;
  for (const std::vector<std::string>& call : measurer.calls) all.insert(all.end(), call.begin(), call.end());
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, (std::vector<std::string>{"a", "b", "c", "elsewhere"}));
}

TEST(PollerSelections, AListedResourceIsDescribedByThePollstersOwnDiscovery) {
  plugin::DiscoverySource things;
  things.name = "things";
  things.make = [] {
    return std::make_unique<FakeDiscovery>([]() -> absl::StatusOr<std::vector<Resource>> {
      return std::vector<Resource>{{.id = "a", .project_id = "p1"}, {.id = "b"}};
    });
  };
  std::vector<Resource> given;
  plugin::TimedPollster one = timed("p", [&given](const plugin::PollRequest& request, plugin::PollResult&) {
    given.assign(request.resources.begin(), request.resources.end());
    return absl::OkStatus();
  });
  one.discovery = "things";
  one.selections = {{60, {"*"}, {"x", "a"}, {}}};
  plugin::Poller poller(one, std::make_shared<plugin::SharedDiscovery>(std::vector<plugin::DiscoverySource>{things}));
  EXPECT_TRUE(poller.poll(Time{1}).status.ok());
  ASSERT_EQ(given.size(), 2u);
  EXPECT_EQ(given[0].id, "a");
  EXPECT_EQ(given[0].project_id, "p1");
  EXPECT_EQ(given[1].id, "x");
}

TEST(PollerSelections, ADiscoveryOfTheSourceTakesThePlaceOfThePollstersOwn) {
  const auto finds = [](const std::string& name, absl::StatusOr<std::vector<Resource>> answer) {
    plugin::DiscoverySource made;
    made.name = name;
    made.make = [answer] { return std::make_unique<FakeDiscovery>([answer] { return answer; }); };
    return made;
  };
  const auto shared = std::make_shared<plugin::SharedDiscovery>(std::vector<plugin::DiscoverySource>{
      finds("own", std::vector<Resource>{{.id = "mine"}}),
      finds("other", std::vector<Resource>{{.id = "theirs"}}),
      finds("empty", std::vector<Resource>{}),
      finds("sick", transient("away")),
  });
  const auto poll = [&](std::vector<std::string> discoveries) {
    Measurer measurer{{"cpu"}, {}, {}};
    plugin::Poller poller(measurer.timed_with({{60, {"*"}, {}, std::move(discoveries)}}, "own"), shared);
    plugin::Poller::Answer answer = poller.poll(Time{1});
    return std::pair(measured(answer), answer.status);
  };
  EXPECT_EQ(poll({}).first, std::vector<std::string>{"cpu of mine"});
  EXPECT_EQ(poll({"other"}).first, std::vector<std::string>{"cpu of theirs"});
  EXPECT_EQ(poll({"other", "own"}).first, (std::vector<std::string>{"cpu of mine", "cpu of theirs"}));
  EXPECT_TRUE(poll({"empty"}).first.empty()) << "what a source names and finds nothing is nothing";
  EXPECT_TRUE(poll({"empty"}).second.ok());
  EXPECT_EQ(poll({"sick"}).second.code(), kTransient);
  const auto both = poll({"sick", "other"});
  EXPECT_EQ(both.first, std::vector<std::string>{"cpu of theirs"}) << "one that fails takes nothing from the other";
  EXPECT_EQ(both.second.message(), "discovery:sick: away");
}

TEST(PollerSelections, AResourceThatFailsForGoodIsLeftOutForAllSourcesAndRememberedBetweenTheirTimes) {
  Found found{.asked = 0, .ids = {"a", "bad"}};
  Measurer measurer{{"cpu"}, {}, {"bad"}};
  plugin::Poller poller(measurer.timed_with({{60, {"*"}, {}, {}}, {90, {"*"}, {"a"}, {}}}, "things"), found.share());
  const std::vector<std::size_t> first = {0};
  const std::vector<std::size_t> second = {1};
  EXPECT_TRUE(poller.poll(Time{60}, first).faults.at(0).given_up);
  poller.poll(Time{90}, second);  // which does not name it, and says nothing of it
  EXPECT_TRUE(poller.poll(Time{120}, first).faults.empty());
  poller.poll(Time{180});
  EXPECT_EQ(std::count_if(measurer.calls.begin(), measurer.calls.end(),
                          [](const auto& call) { return std::find(call.begin(), call.end(), "bad") != call.end(); }),
            1);
  found.ids = {"a"};
  poller.poll(Time{240}, first);
  found.ids = {"a", "bad"};
  EXPECT_TRUE(poller.poll(Time{300}, first).faults.at(0).given_up) << "discovered again, tried again";
}

TEST(Poller, ADiscoveryIsAskedAnewWhenTheClockWasSetBack) {
  Found found{.asked = 0, .ids = {"a"}};
  plugin::TimedPollster one =
      timed("p", [](const plugin::PollRequest&, plugin::PollResult&) { return absl::OkStatus(); });
  one.discovery = "things";
  plugin::Poller poller(one, found.share());
  poller.poll(Time{7'200'000'000});
  poller.poll(Time{3'600'000'000});
  EXPECT_EQ(found.asked, 2);
}

}  // namespace
}  // namespace tally::test
