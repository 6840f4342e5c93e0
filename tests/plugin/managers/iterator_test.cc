// Pollsters on their timers: who waits for whom, what the sink is told, what a new set keeps.
// Not for the arithmetic of when: schedule_test.cc.
#include "plugin/managers/iterator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <set>

#include "base/status.h"
#include "support/fake_pollster.h"

namespace tally::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

plugin::TimedPollster timed_each(const std::string& name, FakePollster::Act act, std::int64_t interval_us = 20'000) {
  plugin::TimedPollster made;
  made.name = name;
  made.interval_us = interval_us;
  made.fingerprint = name;
  made.make = [act] { return std::make_unique<FakePollster>(act); };
  return made;
}

FakePollster::Act answers(absl::Status status) {
  return [status](const plugin::PollRequest&, plugin::PollResult& result) {
    if (status.ok()) result.samples.emplace_back();
    return status;
  };
}

// Keeps what the sink was given.
class Heard {
 public:
  plugin::Iterator::Sink sink() {
    return [this](plugin::Polled polled) {
      const std::lock_guard lock(mutex_);
      all_.push_back(std::move(polled));
      changed_.notify_all();
    };
  }
  // False after a time in which it should have come ten times over.
  bool wait(const std::string& name, std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, seconds(20), [&] { return of_locked(name).size() >= count; });
  }
  std::vector<plugin::Polled> of(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return of_locked(name);
  }

 private:
  std::vector<plugin::Polled> of_locked(const std::string& name) {
    std::vector<plugin::Polled> found;
    std::copy_if(all_.begin(), all_.end(), std::back_inserter(found),
                 [&](const plugin::Polled& polled) { return polled.pollster == name; });
    return found;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<plugin::Polled> all_;
};

TEST(Iterator, ASlowPollsterDelaysOnlyItselfAndItsMissedCyclesAreSkippedAndCounted) {
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  Heard heard;
  plugin::Iterator iterator({.at_once = true}, heard.sink());
  iterator.run({timed_each("slow",
                           [released](const plugin::PollRequest&, plugin::PollResult&) {
                             released.wait();
                             return absl::OkStatus();
                           }),
                timed_each("fast", answers(absl::OkStatus()))},
               {});
  EXPECT_TRUE(heard.wait("fast", 10));
  EXPECT_TRUE(heard.of("slow").empty());
  release.set_value();
  EXPECT_TRUE(heard.wait("slow", 1));
  EXPECT_TRUE(iterator.stop(seconds(5)).empty());
  const std::vector<plugin::PollsterState> states = iterator.states();
  ASSERT_EQ(states.size(), 2u);
  EXPECT_EQ(states[0].name, "slow");
  EXPECT_GE(states[0].skipped, 8u);
  EXPECT_GE(states[1].cycles, 10u);
}

TEST(Iterator, PollstersOfOneCycleCarryOneTimeAndShareADiscovery) {
  std::atomic<int> asked{0};
  plugin::DiscoverySource things;
  things.name = "things";
  things.make = [&asked] {
    return std::make_unique<FakeDiscovery>([&asked]() -> absl::StatusOr<std::vector<Resource>> {
      ++asked;
      return std::vector<Resource>{{.id = "r"}};
    });
  };
  Heard heard;
  plugin::Iterator iterator({.at_once = true}, heard.sink());
  std::vector<plugin::TimedPollster> both = {timed_each("a", answers(absl::OkStatus()), 3'600'000'000),
                                             timed_each("b", answers(absl::OkStatus()), 3'600'000'000)};
  for (plugin::TimedPollster& each : both) each.discovery = "things";
  iterator.run(both, {things});
  ASSERT_TRUE(heard.wait("a", 1));
  ASSERT_TRUE(heard.wait("b", 1));
  EXPECT_EQ(asked.load(), 1);
  EXPECT_EQ(heard.of("a")[0].samples.at(0).timestamp, heard.of("b")[0].samples.at(0).timestamp);
}

TEST(Iterator, APollsterOfTwoSourcesIsPolledByEachAtItsOwnInterval) {
  Heard heard;
  plugin::TimedPollster both = timed_each("both", [](const plugin::PollRequest&, plugin::PollResult& result) {
    for (const char* meter : {"fast", "slow"}) result.samples.emplace_back().name = meter;
    return absl::OkStatus();
  });
  both.selections = {{20'000, {"fast"}, {}, {}}, {100'000, {"slow"}, {}, {}}};
  plugin::Iterator iterator({.at_once = true}, heard.sink());
  iterator.run({both}, {});
  ASSERT_TRUE(heard.wait("both", 30));
  iterator.stop(seconds(5));
  std::size_t fast = 0, slow = 0;
  std::set<Time> times;
  for (const plugin::Polled& polled : heard.of("both")) {
    for (const Sample& sample : polled.samples) (sample.name == "fast" ? fast : slow) += 1;
    EXPECT_TRUE(times.insert(polled.cycle).second) << "one cycle for one time";
  }
  EXPECT_GT(slow, 2u);
  EXPECT_GT(fast, 2 * slow);
}

TEST(Iterator, TellsEachChangeOfState) {
  Heard heard;
  plugin::Iterator iterator({.at_once = true}, heard.sink());
  std::atomic<int> calls{0};
  plugin::TimedPollster gone = timed_each("gone", answers(absent("no sensors")));
  plugin::TimedPollster sick = timed_each(
      "sick",
      [&calls](const plugin::PollRequest&, plugin::PollResult&) {
        return ++calls <= 5 ? transient("away") : absl::OkStatus();
      },
      1'000);
  iterator.run({gone, sick}, {});
  ASSERT_TRUE(heard.wait("sick", 6));
  ASSERT_TRUE(heard.wait("gone", 1));
  iterator.stop(seconds(5));
  EXPECT_EQ(heard.of("gone")[0].before, "on");
  EXPECT_EQ(heard.of("gone")[0].state, "absent");
  EXPECT_EQ(iterator.states()[0].reason, "no sensors");
  EXPECT_EQ(iterator.states()[0].errors, 0u);
  const std::vector<plugin::Polled> sick_ones = heard.of("sick");
  EXPECT_EQ(sick_ones[3].state, "on");
  EXPECT_EQ(sick_ones[4].state, "quarantined");
  EXPECT_EQ(sick_ones[5].state, "on");
  EXPECT_EQ(sick_ones[5].before, "quarantined");
  EXPECT_EQ(iterator.states()[1].errors, 5u);
}

TEST(Iterator, ACallThatIsGivenUpIsTheLast) {
  Heard heard;
  plugin::Iterator iterator({.at_once = true}, heard.sink());
  iterator.run({timed_each("hung", answers({kHung, "did not come back"}), 1'000),
                timed_each("other", answers(absl::OkStatus()))},
               {});
  ASSERT_TRUE(heard.wait("other", 5));
  iterator.stop(seconds(5));
  ASSERT_EQ(heard.of("hung").size(), 1u);
  EXPECT_EQ(iterator.states()[0].state, "failed");
}

TEST(Iterator, WhatDoesNotComeBackIsLeftAloneAndNamedAndSaysNothingMore) {
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  std::promise<void> entered;
  Heard heard;
  plugin::Iterator iterator({.at_once = true}, heard.sink());
  auto done = std::make_shared<std::promise<void>>();
  iterator.run({timed_each(
                   "stuck",
                   [released, &entered, done](const plugin::PollRequest&, plugin::PollResult&) {
                     entered.set_value();
                     released.wait();
                     done->set_value();
                     return absl::OkStatus();
                   },
                   3'600'000'000)},
               {});
  entered.get_future().wait();
  EXPECT_EQ(iterator.stop(milliseconds(10)), std::vector<std::string>{"stuck"});
  release.set_value();
  done->get_future().wait();
  EXPECT_TRUE(heard.of("stuck").empty());
}

TEST(Iterator, ANewSetKeepsTheInstanceWhoseFingerprintIsEqual) {
  Heard heard;
  std::atomic<int> made{0};
  const auto counted = [&made](const std::string& fingerprint) {
    plugin::TimedPollster one = timed_each("p", answers(absl::OkStatus()));
    one.fingerprint = fingerprint;
    one.make = [&made, make = one.make] { return ++made, make(); };
    return std::vector<plugin::TimedPollster>{one};
  };
  plugin::Iterator iterator({.at_once = true}, heard.sink());
  iterator.run(counted("a"), {});
  ASSERT_TRUE(heard.wait("p", 2));
  iterator.run(counted("a"), {});
  ASSERT_TRUE(heard.wait("p", heard.of("p").size() + 2));
  EXPECT_EQ(made.load(), 1);
  iterator.run(counted("b"), {});
  ASSERT_TRUE(heard.wait("p", heard.of("p").size() + 2));
  EXPECT_EQ(made.load(), 2);
  iterator.run({}, {});
  EXPECT_TRUE(iterator.states().empty());
}

}  // namespace
}  // namespace tally::test
