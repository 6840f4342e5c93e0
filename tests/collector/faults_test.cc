// What the collector does while handlers, stores and plugins fail: nothing lost, nothing twice, and readiness says why.
// Not for the ordinary road: see collector_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "collector/collector_fixture.h"
#include "plugin/supervise/guarded.h"

namespace tally::collector {
namespace {

using fakes::Handler;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class FaultsTest : public CollectorTest {
 protected:
  struct Named {
    std::string name;
    std::vector<std::string> claims;
    Handler::Function function;
  };
  // Handlers under guards that outlive a pipeline made again, as the wiring has them.
  void use_guarded(const std::vector<Named>& handlers, const plugin::GuardOptions& guard_options) {
    auto guards = std::make_shared<std::map<std::string, std::shared_ptr<plugin::Guard>>>();
    for (const Named& one : handlers) (*guards)[one.name] = std::make_shared<plugin::Guard>(one.name, guard_options);
    options_.pipeline = [handlers, guards]() -> absl::StatusOr<Pipeline> {
      auto dispatcher = std::make_unique<plugin::Dispatcher>();
      for (const Named& one : handlers) {
        const std::shared_ptr<plugin::Guard> guard = guards->at(one.name);
        auto handler = plugin::guarded(
            plugin::Factory<plugin::MessageHandler>([one]() -> absl::StatusOr<std::unique_ptr<plugin::MessageHandler>> {
              return std::make_unique<Handler>(one.claims, one.function);
            }),
            guard);
        const auto claims = handler->claims();
        if (claims.ok())
          dispatcher->add(one.name, std::move(handler), *claims, guard);
        else
          dispatcher->park(one.name, guard->reason(), one.claims);
      }
      return Pipeline({}, std::move(dispatcher));
    };
  }
  bool wait_not_ready(const std::string& words) const {
    const auto until = std::chrono::steady_clock::now() + kLong;
    while (std::chrono::steady_clock::now() < until) {
      for (const std::string& reason : collector_->status().not_ready)
        if (reason.find(words) != std::string::npos) return true;
      std::this_thread::yield();
    }
    return false;
  }
  // The store's books say what the process's do.
  void expect_agreement(const CollectorStatus& status) {
    expect_balanced(status);
    EXPECT_EQ(store_->book("messages", "stored"), status.messages.stored);
    EXPECT_EQ(store_->book("messages", "duplicate"), status.messages.duplicate);
    EXPECT_EQ(store_->book("messages", "dead"), status.messages.dead);
    EXPECT_EQ(store_->book("messages", "filtered"), status.messages.filtered);
    EXPECT_EQ(store_->book("samples", "stored"), status.samples.stored);
    EXPECT_EQ(store_->book("samples", "dead"), status.samples.dead);
  }
};

Handler::Function gives(const std::string& meter) {
  return [meter](const Notification&, wire::SampleList& samples) {
    samples.push_back(fakes::sample(meter));
    return absl::OkStatus();
  };
}

// --- handlers that fail ---------------------------------------------------------------------------------------------

TEST_F(FaultsTest, OneFailsForGoodAndOneForNowTheWholeIsHeldAndThenTheOthersSamplesAreKept) {
  std::atomic<int> good_calls{0}, later_calls{0}, early{0};
  const auto good = [&](const Notification&, wire::SampleList& samples) {
    ++good_calls;
    samples.push_back(fakes::sample("good"));
    return absl::OkStatus();
  };
  const auto bad = [](const Notification&, wire::SampleList& samples) -> absl::Status {
    samples.push_back(fakes::sample("half made"));
    return permanent("no such flavor");
  };
  const auto later = [&](const Notification&, wire::SampleList& samples) {
    if (!store_->letters().empty() || store_->book("samples", "stored") > 0) ++early;
    if (++later_calls < 3) return transient("the API is away");
    samples.push_back(fakes::sample("later"));
    return absl::OkStatus();
  };
  use_guarded({{"notification:good", {"made.*"}, good},
               {"notification:bad", {"made.*"}, bad},
               {"notification:later", {"made.*"}, later}},
              {.permanent_counts = false});
  start();
  bus_->send(fakes::message("1", "made.a"));
  settled(1);
  EXPECT_EQ(good_calls, 3) << "the whole message is tried again";
  EXPECT_EQ(early, 0) << "nothing of it is stored or dead while one handler asks for time";
  const CollectorStatus status = collector_->status();
  expect_agreement(status);
  EXPECT_EQ(status.messages.dead, 1U);
  EXPECT_EQ(status.samples.stored, 2U);
  const auto letters = store_->letters();
  ASSERT_THAT(letters, SizeIs(1));
  EXPECT_EQ(letters[0].reason, "handler failed");
  EXPECT_EQ(letters[0].handler, "notification:bad");
  EXPECT_THAT(letters[0].detail, HasSubstr("no such flavor"));
}

TEST_F(FaultsTest, AQuarantinedHandlersMessagesAreParkedUntilSomeoneDecides) {
  const auto rubbish = [](const Notification&, wire::SampleList&) { return absl::InternalError("rubbish"); };
  use_guarded({{"notification:bad", {"made.bad"}, rubbish}, {"notification:good", {"made.*"}, gives("good")}},
              {.quarantine_after = 2, .permanent_counts = false});
  start();
  for (int i = 1; i <= 4; ++i) bus_->send(fakes::message(std::to_string(i), "made.bad"));
  settled(4);
  CollectorStatus status = collector_->status();
  expect_agreement(status);
  EXPECT_EQ(status.messages.dead, 4U);
  EXPECT_EQ(status.samples.stored, 4U) << "the other handler's";
  std::map<std::string, int> reasons;
  for (const DeadLetter& letter : store_->letters()) ++reasons[letter.reason];
  EXPECT_EQ(reasons["handler failed"], 2);
  EXPECT_EQ(reasons["handler not available"], 2);
  EXPECT_THAT(status.not_ready, ElementsAre(AllOf(HasSubstr("notification:bad"), HasSubstr("made.bad"))));

  use_guarded({{"notification:bad", {"made.bad"}, gives("mended")}}, {});
  ASSERT_TRUE(collector_->reload(options_).ok());
  bus_->send(fakes::message("5", "made.bad"));
  settled(5);
  status = collector_->status();
  EXPECT_THAT(status.not_ready, IsEmpty());
  EXPECT_EQ(status.messages.stored, 1U);
}

TEST_F(FaultsTest, AHangingHandlerIsLeftAloneAndASecondOneIsTold) {
  struct Gate {
    std::mutex mutex;
    std::condition_variable changed;
    bool open = false;
  };
  auto gate = std::make_shared<Gate>();
  const Handler::Function hang = [gate](const Notification& notification, wire::SampleList& samples) {
    std::unique_lock lock(gate->mutex);
    if (notification.event_type != "made.well") gate->changed.wait(lock, [&] { return gate->open; });
    samples.push_back(fakes::sample("hung"));
    return absl::OkStatus();
  };
  std::atomic<int> second{0};
  plugin::GuardOptions guard;
  guard.limit = Milliseconds(100);
  guard.permanent_counts = false;
  guard.hangs = std::make_shared<plugin::HangCounter>([&second](const std::string&) { ++second; });
  use_guarded({{"notification:one", {"made.one", "made.well"}, hang},
               {"notification:two", {"made.two"}, hang},
               {"notification:good", {"made.*"}, gives("good")}},
              guard);
  start();
  bus_->send(fakes::message("1", "made.well"));
  bus_->send(fakes::message("2", "made.one"));
  bus_->send(fakes::message("3", "made.well"));
  settled(3);
  CollectorStatus status = collector_->status();
  expect_agreement(status);
  EXPECT_EQ(second, 0);
  EXPECT_EQ(guard.hangs->count(), 1);
  EXPECT_EQ(status.messages.dead, 2U) << "the one it hung in, and what it would have taken after";
  EXPECT_EQ(status.samples.stored, 4U) << "the good handler's three, and its own before it hung";
  for (const DeadLetter& letter : store_->letters()) {
    EXPECT_EQ(letter.reason, "handler not available");
    EXPECT_EQ(letter.handler, "notification:one");
    EXPECT_THAT(letter.detail, HasSubstr("did not come back within"));
  }
  EXPECT_THAT(status.not_ready, Contains(HasSubstr("notification:one")));

  bus_->send(fakes::message("4", "made.two"));
  settled(4);
  EXPECT_EQ(second, 1) << "the process is told to end";
  const std::lock_guard lock(gate->mutex);
  gate->open = true;
  gate->changed.notify_all();
}

// --- stores that fail -----------------------------------------------------------------------------------------------

TEST_F(FaultsTest, ABatchRefusedForGoodIsDividedUntilTheMessageAtFaultStandsAlone) {
  options_.batch_samples = 11;
  options_.batch_age = std::chrono::hours(1);  // all in one batch
  start();
  for (int i = 1; i <= 11; ++i) bus_->send(fakes::message(std::to_string(i), i % 7 == 0 ? "refused" : "made.a"));
  settled(11);
  ASSERT_TRUE(bus_->wait_acknowledged(11));
  const CollectorStatus status = collector_->status();
  expect_agreement(status);
  EXPECT_EQ(status.messages.stored, 10U);
  EXPECT_EQ(status.messages.dead, 1U);
  EXPECT_EQ(status.samples.dead, 1U);
  EXPECT_THAT(status.not_ready, IsEmpty());
  const auto letters = store_->letters();
  ASSERT_THAT(letters, SizeIs(1));
  EXPECT_EQ(letters[0].kind, "message");
  EXPECT_EQ(letters[0].reason, "store refused");
  EXPECT_EQ(letters[0].message_id, "7");
  EXPECT_THAT(letters[0].detail, HasSubstr("meter `refused` cannot be written"));
}

TEST_F(FaultsTest, AStoreThatRefusesEverythingKillsNothing) {
  store_->set_refuse_all(true);
  start();
  for (int i = 1; i <= 5; ++i) bus_->send(fakes::message(std::to_string(i), "made.a"));
  ASSERT_TRUE(store_->wait_attempts(20));
  EXPECT_TRUE(wait_not_ready("the fake store takes nothing"));
  EXPECT_EQ(collector_->status().messages.dead, 0U);
  store_->set_refuse_all(false);
  settled(5);
  const CollectorStatus status = collector_->status();
  expect_agreement(status);
  EXPECT_EQ(status.messages.stored, 5U);
  EXPECT_THAT(store_->letters(), IsEmpty());
}

TEST_F(FaultsTest, ALostAnswerAmongDividedPartsIsCountedOnce) {
  options_.batch_samples = 8;
  options_.batch_age = std::chrono::hours(1);
  store_->lose_answer = true;
  start();
  for (int i = 1; i <= 8; ++i) bus_->send(fakes::message(std::to_string(i), i == 3 ? "refused" : "made.a"));
  settled(8);
  const CollectorStatus status = collector_->status();
  expect_agreement(status);
  EXPECT_EQ(status.messages.stored, 7U);
  EXPECT_EQ(status.messages.duplicate, 0U);
  EXPECT_EQ(status.store_failures, 1U);
}

TEST_F(FaultsTest, NotReadyWhereNothingSettlesForTheSetTime) {
  options_.stuck_after = Milliseconds(20);
  std::atomic<bool> wait{true};
  use([&wait](const Notification&, wire::SampleList& samples) {
    if (wait) return transient("not yet");
    samples.push_back(fakes::sample("m"));
    return absl::OkStatus();
  });
  options_.again_first = Milliseconds(1);
  options_.again_tries = 1'000'000;
  start();
  ASSERT_TRUE(collector_->wait_connected(kLong));
  bus_->send(fakes::message("1", "made.a"));
  EXPECT_TRUE(wait_not_ready("nothing was settled for"));
  wait = false;
  settled(1);
  EXPECT_THAT(collector_->status().not_ready, IsEmpty());
}

TEST_F(FaultsTest, WhatIsOlderThanTheRetentionIsRemovedFromTheStore) {
  const Time now = Time::now();
  const auto put = [&](const std::string& id, const std::string& meter, int age_s) {
    Sample sample = fakes::sample(meter);
    sample.id = id;
    sample.timestamp = Time{now.us - age_s * Time::kSecond};
    store_->samples.emplace(id, sample);
  };
  put("1", "disk.read", 7200);
  put("2", "disk.read", 60);
  put("3", "keep.this", 999'999);
  put("4", "cpu", 7200);
  options_.retention = {{"keep.*", std::nullopt}, {"disk.*", std::chrono::seconds(3600)}};
  options_.expire_every = Milliseconds(5);
  start();
  ASSERT_TRUE(store_->wait_expired(3)) << "again and again";
  bus_->send(fakes::message("1", "made.a"));
  settled(1);
  const std::lock_guard lock(store_->mutex);
  EXPECT_THAT(store_->expired, Each(testing::Field(&std::pair<std::string, Time>::first, "disk.read")));
  EXPECT_THAT(store_->samples, SizeIs(4)) << "three of before, and one new";
  EXPECT_EQ(store_->samples.count("1"), 0U);
}

TEST_F(FaultsTest, OneRuleForAllMetersLetsTheStoreExpireAsAWhole) {
  options_.retention = {{"*", std::chrono::seconds(3600)}};
  options_.expire_every = Milliseconds(5);
  start();
  ASSERT_TRUE(store_->wait_expired(2));
  const std::lock_guard lock(store_->mutex);
  EXPECT_THAT(store_->expired, Each(testing::Field(&std::pair<std::string, Time>::first, "")));
}

// --- what a transport counts ----------------------------------------------------------------------------------------

TEST_F(FaultsTest, WhatATransportCountsIsExported) {
  bus_->counts["refused"] = 3;
  start();
  bus_->send(fakes::message("1", "made.a"));
  settled(1);
  MetricsPage page;
  status_metrics(collector_->status(), page);
  EXPECT_THAT(page.text(), HasSubstr(R"(tally_transport_events_total{bus="fake://one",event="refused"} 3)"));
}

TEST_F(FaultsTest, HowABusesQueuesStandIsExportedUntilItIsKnownNoMore) {
  const auto page = [&] {
    MetricsPage out;
    status_metrics(collector_->status(), out);
    return out.text();
  };
  bus_->queues = {{"some.info", "present", 7, 2, false, ""}, {"some.error", "present", std::nullopt, 1, false, ""}};
  start();
  bus_->send(fakes::message("1", "made.a"));
  settled(1);
  EXPECT_THAT(page(), HasSubstr(R"(tally_queue_messages{bus="fake://one",queue="some.info"} 7)"));
  EXPECT_THAT(page(), HasSubstr(R"(tally_queue_consumers{bus="fake://one",queue="some.info"} 2)"));
  EXPECT_THAT(page(), HasSubstr(R"(tally_queue_consumers{bus="fake://one",queue="some.error"} 1)"));
  EXPECT_THAT(page(), Not(HasSubstr(R"(tally_queue_messages{bus="fake://one",queue="some.error"})")));
  {
    const std::lock_guard lock(bus_->mutex);
    bus_->queues = {{"some.info", "absent", std::nullopt, std::nullopt, false, ""}};
  }
  bus_->send(fakes::message("2", "made.a"));
  settled(2);
  EXPECT_THAT(page(), Not(HasSubstr(R"(queue="some.info")")));
}

TEST_F(FaultsTest, AQueuesWarningIsLoggedWhenItChanges) {
  std::vector<std::string> lines;
  log::Options logging;
  logging.sink = [&lines](std::string_view line) { lines.emplace_back(line); };
  log::configure(logging);
  bus_->queues = {{"some.info", "present", 7, 2, false, "somebody else"}};
  start();
  for (std::size_t i = 1; i < 4; ++i) {
    bus_->send(fakes::message(std::to_string(i), "made.a"));
    settled(i);
  }
  const auto change = [&](const std::string& warning, std::size_t count) {
    {
      const std::lock_guard lock(bus_->mutex);
      bus_->queues = {{"some.info", "present", 7, 2, false, warning}};
    }
    bus_->send(fakes::message(std::to_string(count), "made.a"));
    settled(count);
  };
  change("two others", 4);
  change("", 5);
  collector_->stop(kLong);
  log::flush();
  log::configure({});
  const auto told = [&](const char* text) {
    return std::ranges::count_if(lines, [&](const std::string& line) { return line.find(text) != line.npos; });
  };
  EXPECT_EQ(told("bus fake://one, queue some.info: somebody else"), 1);
  EXPECT_EQ(told("bus fake://one, queue some.info: two others"), 1);
  EXPECT_EQ(told("bus fake://one, queue some.info: what was warned of is over"), 1);
}

}  // namespace
TEST_F(CollectorTest, ADeadLetterIsCopiedWithItsReasonInHeaders) {
  const auto copies = std::make_shared<fakes::BusEnd>();
  options_.copies = {"fake://copies", "dead", [copies] { return std::make_unique<fakes::Transport>(copies); }};
  copies->set_away(true);
  start();
  bus_->send("not JSON");
  bus_->send("refused");
  bus_->send(fakes::message("1", "made.one"));
  ASSERT_TRUE(bus_->wait_acknowledged(3));  // whether it is copied or not
  ASSERT_TRUE(copies->wait_publishes(2));   // it is tried again
  copies->set_away(false);
  collector_->stop(kLong);
  ASSERT_EQ(copies->published.size(), 1U);
  const Outgoing& copy = copies->published[0];
  EXPECT_EQ(copy.topic, "dead");
  EXPECT_EQ(copy.body, "not JSON");
  std::map<std::string, std::string> headers;
  for (const MessageHeader& one : copy.headers) headers.emplace(one.name, one.value);
  EXPECT_EQ(headers.at("tally.reason"), "unreadable");
  EXPECT_EQ(headers.at("tally.bus"), "fake://one");
  EXPECT_EQ(headers.at("tally.kind"), "message");
  EXPECT_EQ(headers.at("tally.digest"), copy.key);
  EXPECT_FALSE(headers.contains("tally.event_type"));
  const CopyCounts counts = collector_->status().copies;
  EXPECT_EQ(counts.sent, 1U);
  EXPECT_EQ(counts.refused, 1U);
  EXPECT_EQ(counts.missed, 0U);
}

TEST_F(CollectorTest, ACopyThatComesBackIsNotCopiedAgain) {
  const auto copies = std::make_shared<fakes::BusEnd>();
  options_.copies = {"fake://copies", "dead", [copies] { return std::make_unique<fakes::Transport>(copies); }};
  bus_->topic = "dead";
  start();
  bus_->send("not JSON");
  ASSERT_TRUE(bus_->wait_acknowledged(1));
  collector_->stop(kLong);
  EXPECT_EQ(store_->letters().size(), 1U);
  EXPECT_TRUE(copies->published.empty());
  EXPECT_EQ(collector_->status().copies.sent, 0U);
}

TEST_F(CollectorTest, CopiesThatCannotBeSentToTheEndAreCounted) {
  const auto copies = std::make_shared<fakes::BusEnd>();
  options_.copies = {"fake://copies", "dead", [copies] { return std::make_unique<fakes::Transport>(copies); }};
  copies->set_away(true);
  start();
  for (const char* body : {"one", "two", "three"}) bus_->send(body);
  ASSERT_TRUE(bus_->wait_acknowledged(3));
  ASSERT_TRUE(copies->wait_publishes(1));
  collector_->stop(Milliseconds(1));
  EXPECT_EQ(collector_->status().copies.missed, 3U);
  EXPECT_EQ(store_->letters().size(), 3U);
  expect_balanced(collector_->status());
}

}  // namespace tally::collector
