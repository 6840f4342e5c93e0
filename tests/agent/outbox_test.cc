// What the outbox does while the bus is there, away, back, and when it refuses.
#include "agent/outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spool/spool.h"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <iterator>
#include <set>
#include <thread>

#include "agent/fakes.h"

namespace tally::agent {
namespace {

class OutboxTest : public testing::Test {
 protected:
  std::unique_ptr<Outbox> open(OutboxOptions options = {}) {
    options.spool_folder = folder_.path() / "spool";
    options.shortest_pause_ms = 5;
    options.longest_pause_ms = 20;
    auto outbox = Outbox::open(std::make_unique<FakeTransport>(bus_), options);
    EXPECT_TRUE(outbox.ok()) << outbox.status();
    return std::move(*outbox);
  }
  static void expect_balanced(const OutboxBooks& books) {
    for (const OutboxCounts& c : {books.messages, books.samples}) {
      EXPECT_EQ(c.made, c.sent + c.refused + c.lost + c.expired + c.spooled + c.in_flight);
    }
  }

  Folder folder_;
  std::shared_ptr<FakeBus> bus_ = std::make_shared<FakeBus>();
};

TEST_F(OutboxTest, SendsAndCountsWhatIsConfirmed) {
  auto outbox = open();
  outbox->start();
  for (int at = 0; at < 10; ++at) outbox->put({"m" + std::to_string(at), 3});
  outbox->stop(10'000);
  EXPECT_EQ(bus_->bodies().size(), 10u);
  const OutboxBooks books = outbox->books();
  EXPECT_EQ(books.samples.made, 30u);
  EXPECT_EQ(books.samples.sent, 30u);
  expect_balanced(books);
}

TEST_F(OutboxTest, IsNotReadyBeforeTheBusHasAnsweredThoughNothingIsSent) {
  bus_->set_away(true);
  OutboxOptions options;
  options.bus = "fake://bus";
  auto outbox = open(options);
  EXPECT_THAT(not_ready(outbox->books()), testing::ElementsAre(testing::HasSubstr("fake://bus")));
  outbox->start();
  const auto wait = [&](auto condition) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    return condition();
  };
  ASSERT_TRUE(wait([&] { return outbox->books().bus_away; }));
  EXPECT_THAT(not_ready(outbox->books()), testing::ElementsAre(testing::HasSubstr("the fake bus is away")));
  bus_->set_away(false);
  ASSERT_TRUE(wait([&] { return outbox->books().bus_answered; }));
  EXPECT_THAT(not_ready(outbox->books()), testing::IsEmpty());
  EXPECT_FALSE(outbox->books().last_sent.has_value());
  outbox->replace(std::make_unique<FakeTransport>(bus_), "fake://other");
  ASSERT_TRUE(wait([&] { return outbox->books().bus == "fake://other" && outbox->books().bus_answered; }));
  outbox->put({"one", 1});
  outbox->stop(10'000);
  EXPECT_TRUE(outbox->books().last_sent.has_value());
}

TEST_F(OutboxTest, EachMessageHasTheSendersKey) {
  OutboxOptions options;
  options.key = "compute7";
  auto outbox = open(options);
  outbox->start();
  outbox->put({"one", 1});
  outbox->put({"two", 1});
  ASSERT_TRUE(bus_->wait([&] { return bus_->bodies().size() == 2; }));
  EXPECT_EQ(bus_->keys, std::set<std::string>{"compute7"});
}

TEST_F(OutboxTest, KeepsOnDiskWhatTheBusDoesNotTakeAndSendsItInOrderWhenItIsBack) {
  bus_->set_away(true);
  auto outbox = open();
  outbox->start();
  for (int at = 0; at < 10; ++at) outbox->put({"m" + std::to_string(at), 1});
  ASSERT_TRUE(bus_->wait([&] { return bus_->attempts >= 3; }));
  EXPECT_TRUE(outbox->books().bus_away);
  bus_->set_away(false);
  ASSERT_TRUE(bus_->wait([&] { return bus_->bodies().size() >= 10; }));
  outbox->stop(10'000);
  const std::vector<std::string> bodies = bus_->bodies();
  for (std::size_t at = 0; at < 10; ++at) EXPECT_EQ(bodies[at], "m" + std::to_string(at));
  EXPECT_EQ(outbox->books().samples.sent, 10u);
  EXPECT_FALSE(outbox->books().bus_away);
  expect_balanced(outbox->books());
}

TEST_F(OutboxTest, WhatWaitsForABusThatStallsIsOnDiskBeforeItAnswers) {
  bus_->set_stalled(true);
  auto outbox = open();
  outbox->start();
  outbox->put({"in its hands", 1});
  ASSERT_TRUE(bus_->wait([&] { return bus_->attempts == 1; }));
  for (int at = 1; at <= 3; ++at) outbox->put({"m" + std::to_string(at), 1});
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (outbox->books().samples.spooled < 3 && std::chrono::steady_clock::now() < end) {
    outbox->tick();
    std::this_thread::yield();
  }
  outbox->put({"m4", 1});  // at once, now
  const OutboxBooks books = outbox->books();
  EXPECT_EQ(books.samples.spooled, 4u);
  EXPECT_EQ(books.samples.in_flight, 1u);
  EXPECT_FALSE(books.bus_away);
  expect_balanced(books);
  bus_->set_stalled(false);
  ASSERT_TRUE(bus_->wait([&] { return bus_->bodies().size() >= 5; }));
  outbox->stop(10'000);
  EXPECT_EQ(bus_->bodies(), (std::vector<std::string>{"in its hands", "m1", "m2", "m3", "m4"}));
}

TEST_F(OutboxTest, DamageInTheSpoolIsSkippedAndCounted) {
  bus_->set_away(true);
  {
    auto outbox = open();
    for (int at = 0; at < 3; ++at) outbox->put({"body number " + std::to_string(at), 5});
    outbox->stop(0);  // never started: all of it goes to the spool
  }
  std::filesystem::path segment;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path() / "spool")) {
    if (entry.path().extension() == ".seg") segment = entry.path();
  }
  std::string bytes;
  {
    std::ifstream file(segment, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(file), {});
  }
  const std::size_t at = bytes.find("body number 1");
  ASSERT_NE(at, std::string::npos);
  bytes[at] = 'B';
  std::ofstream(segment, std::ios::binary) << bytes;
  bus_->set_away(false);
  auto outbox = open();
  outbox->start();
  ASSERT_TRUE(bus_->wait([&] { return bus_->bodies().size() >= 2; }));
  outbox->stop(10'000);
  EXPECT_EQ(bus_->bodies(), (std::vector<std::string>{"body number 0", "body number 2"}));
  EXPECT_EQ(outbox->books().damaged_messages, 1u);
  EXPECT_EQ(outbox->books().samples.sent, 10u);
  expect_balanced(outbox->books());
}

TEST_F(OutboxTest, WhatIsSpooledOutlivesTheProcess) {
  bus_->set_away(true);
  {
    auto outbox = open();
    outbox->start();
    for (int at = 0; at < 50; ++at) outbox->put({"m" + std::to_string(at), 2});
    outbox->stop(50);
    EXPECT_EQ(outbox->books().samples.spooled, 100u);
    expect_balanced(outbox->books());
  }
  bus_->set_away(false);
  auto outbox = open();
  outbox->start();
  ASSERT_TRUE(bus_->wait([&] { return bus_->bodies().size() >= 50; }));
  outbox->stop(10'000);
  const std::vector<std::string> bodies = bus_->bodies();
  EXPECT_EQ(std::set<std::string>(bodies.begin(), bodies.end()).size(), 50u);
  EXPECT_EQ(outbox->books().samples.sent, 100u);
  expect_balanced(outbox->books());
}

TEST_F(OutboxTest, WhatWaitedLongerThanTheSpoolsAgeIsDroppedAndCounted) {
  bus_->set_away(true);
  std::atomic<std::int64_t> now{1'000'000'000};
  OutboxOptions options;
  options.spool_age = std::chrono::seconds(60);
  options.clock = [&now] { return Time{now.load()}; };
  {
    auto outbox = open(options);
    for (int at = 0; at < 3; ++at) outbox->put({"old" + std::to_string(at), 5});
    outbox->stop(0);  // never started: all of it goes to the spool
  }
  now += 50'000'000;
  {
    auto outbox = open(options);
    outbox->put({"young", 2});
    outbox->stop(0);
  }
  now += 20'000'000;  // the old ones are 70 s old now, the young one 20
  bus_->set_away(false);
  auto outbox = open(options);
  outbox->start();
  ASSERT_TRUE(bus_->wait([&] { return !bus_->bodies().empty(); }));
  outbox->stop(10'000);
  EXPECT_EQ(bus_->bodies(), (std::vector<std::string>{"young"}));
  const OutboxBooks books = outbox->books();
  EXPECT_EQ(books.messages.expired, 3u);
  EXPECT_EQ(books.samples.expired, 15u);
  EXPECT_EQ(books.samples.sent, 2u);
  EXPECT_EQ(books.samples.spooled, 0u);
  expect_balanced(books);
}

TEST_F(OutboxTest, ItsAgeIsLookedAtWhileTheBusIsAway) {
  bus_->set_away(true);
  std::atomic<std::int64_t> now{1'000'000'000};
  OutboxOptions options;
  options.spool_age = std::chrono::seconds(60);
  options.clock = [&now] { return Time{now.load()}; };
  auto outbox = open(options);
  outbox->start();
  outbox->put({"old", 5});
  ASSERT_TRUE(bus_->wait([&] { return bus_->attempts >= 2; }));
  now += 61'000'000;
  outbox->put({"new", 1});
  ASSERT_TRUE(bus_->wait([&] { return outbox->books().samples.expired == 5; }));
  outbox->stop(0);
  EXPECT_EQ(outbox->books().samples.spooled, 1u);
  expect_balanced(outbox->books());
}

TEST_F(OutboxTest, RecordsOfAnOlderAgentAreSent) {
  {
    spool::SpoolStatus status;
    const std::unique_ptr<spool::Spool> spool = spool::Spool::open(folder_.path() / "spool", {}, status);
    ASSERT_NE(spool, nullptr) << status.text;
    ASSERT_TRUE(spool->append("3\nold body").ok());
    ASSERT_TRUE(spool->append("2 1000000\nnew body").ok());
    ASSERT_TRUE(spool->sync().ok());
  }
  auto outbox = open();
  outbox->start();
  ASSERT_TRUE(bus_->wait([&] { return bus_->bodies().size() >= 2; }));
  outbox->stop(10'000);
  EXPECT_EQ(bus_->bodies(), (std::vector<std::string>{"old body", "new body"}));
  EXPECT_EQ(outbox->books().samples.sent, 5u);
}

TEST_F(OutboxTest, FreshOnesHaveAFifthOfEachSendWhileTheSpoolIsEmptied) {
  bus_->set_away(true);
  auto outbox = open({.messages_per_send = 10});
  for (int at = 0; at < 40; ++at) outbox->put({"old" + std::to_string(at), 1});
  outbox->stop(0);  // never started: all of it goes to the spool
  outbox.reset();
  bus_->set_away(false);
  outbox = open({.messages_per_send = 10});
  for (int at = 0; at < 6; ++at) outbox->put({"new" + std::to_string(at), 1});
  outbox->start();
  ASSERT_TRUE(bus_->wait([&] { return bus_->bodies().size() >= 46; }));
  outbox->stop(10'000);
  ASSERT_GE(bus_->publishes.size(), 3u);
  for (std::size_t call = 0; call < 3; ++call) {
    const std::vector<std::string>& sent = bus_->publishes[call];
    ASSERT_EQ(sent.size(), 10u);
    const auto fresh = std::count_if(sent.begin(), sent.end(), [](const std::string& body) { return body[0] == 'n'; });
    EXPECT_EQ(fresh, 2);
    EXPECT_EQ(sent[0], "old" + std::to_string(call * 8));  // oldest first
  }
  expect_balanced(outbox->books());
}

TEST_F(OutboxTest, WhatTheBusRefusesIsCountedAndHoldsUpNothing) {
  bus_->refuse = "bad";
  auto outbox = open();
  outbox->start();
  outbox->put({"bad", 5});
  outbox->put({"good", 1});
  outbox->stop(10'000);
  EXPECT_EQ(outbox->books().samples.refused, 5u);
  EXPECT_EQ(outbox->books().samples.sent, 1u);
  expect_balanced(outbox->books());
}

TEST_F(OutboxTest, AFullSpoolLosesTheOldestWhereThatIsSet) {
  bus_->set_away(true);
  OutboxBooks books;
  {
    auto outbox = open({.spool_bytes = 64 * 1024, .drop_oldest = true, .queue_messages = 4});
    for (int at = 0; at < 40; ++at) outbox->put({"m" + std::to_string(at) + " " + std::string(8 * 1024, 'x'), 1});
    outbox->stop(0);  // never started: all of it goes to the spool
    books = outbox->books();
  }
  EXPECT_GT(books.samples.lost, 0u);
  EXPECT_EQ(books.samples.lost + books.samples.spooled, 40u);
  expect_balanced(books);
  bus_->set_away(false);
  auto outbox = open({.spool_bytes = 64 * 1024});
  outbox->start();
  ASSERT_TRUE(bus_->wait([&] { return bus_->bodies().size() >= books.samples.spooled; }));
  outbox->stop(10'000);
  const std::vector<std::string> bodies = bus_->bodies();
  ASSERT_EQ(bodies.size(), books.samples.spooled);
  for (std::size_t at = 0; at < bodies.size(); ++at) {
    EXPECT_TRUE(bodies[at].starts_with("m" + std::to_string(books.samples.lost + at) + " ")) << bodies[at].substr(0, 4);
  }
}

TEST_F(OutboxTest, AFullSpoolLosesTheNewestAndCountsThem) {
  bus_->set_away(true);
  auto outbox = open({.spool_bytes = 64 * 1024, .queue_messages = 4});
  outbox->start();
  for (int at = 0; at < 40; ++at) outbox->put({std::string(8 * 1024, 'x'), 1});
  outbox->stop(0);
  const OutboxBooks books = outbox->books();
  EXPECT_GT(books.samples.lost, 0u);
  EXPECT_GT(books.samples.spooled, 0u);
  EXPECT_EQ(books.samples.made, 40u);
  expect_balanced(books);
}

}  // namespace
}  // namespace tally::agent
