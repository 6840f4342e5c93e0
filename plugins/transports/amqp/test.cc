// The amqp transport as the host runs it: loaded from its module, over a real RabbitMQ ($TALLY_TEST_AMQP).
// Not for faults (test_faults.cc), nor for its inner parts (test_internals.cc).
#include <cstdlib>
#include <filesystem>

#include "plugin/catalog/catalog.h"
#include "support/transport_conformance.h"
#include "test_rig.h"

namespace tally::plugin {
namespace {

INSTANTIATE_TEST_SUITE_P(Amqp, TransportConformance,
                         testing::Values(RigFactory([] { return std::make_unique<AmqpRig>(); })));

class QuorumRig : public OwnRig {
 public:
  QuorumRig() { type = "quorum"; }
};

INSTANTIATE_TEST_SUITE_P(OwnClassic, TransportConformance,
                         testing::Values(RigFactory([] { return std::make_unique<OwnRig>(); })));
INSTANTIATE_TEST_SUITE_P(OwnQuorum, TransportConformance,
                         testing::Values(RigFactory([] { return std::make_unique<QuorumRig>(); })));

TEST_F(AmqpTest, AnAbsentQueueIsWaitedForAndTheOthersGoOn) {
  raw_.declare_queue(queue());
  const auto consumer = rig_.AmqpRig::make({});
  ASSERT_TRUE(consumer->consume(10).ok());
  raw_.publish("", queue(), "one");
  pump(*consumer, [&] { return got_.size() == 1 && counts_["queues_absent"] == 6; });
  raw_.declare_queue(queue("sample"), true);
  raw_.publish("", queue("sample"), "two");
  pump(*consumer, [&] { return got_.size() == 2; });
  raw_.publish("", queue(), "three");
  pump(*consumer, [&] { return got_.size() == 3; });
  EXPECT_EQ(got_[1].topic, queue("sample"));
  EXPECT_TRUE(lost_.empty());
  for (const char* priority : {"audit", "error", "warn"}) EXPECT_FALSE(raw_.has_queue(queue(priority)));
}

TEST_F(AmqpTest, HowManyMessagesWaitIsToldAndAQueueThatGoesIsForgotten) {
  raw_.declare_queue(queue());
  raw_.declare_queue(queue("error"));
  for (int i = 0; i < 5; ++i) raw_.publish("", queue(), "x");
  const auto consumer = rig_.AmqpRig::make({{"depth_every", "0.02"}});
  ASSERT_TRUE(consumer->consume(1).ok());
  pump(*consumer, [&] { return depths_[queue()].messages == 4U; });  // one is with the host
  EXPECT_EQ(depths_[queue()].consumers, 1U);
  pump(*consumer, [&] { return depths_[queue("error")].messages == 0U; });
  EXPECT_EQ(depths_.count(queue("audit")), 0U) << "it never was there";
  raw_.delete_queue(queue("error"));
  pump(*consumer, [&] { return depths_[queue("error")].state == "absent"; });
  raw_.publish("", queue(), "x");
  pump(*consumer, [&] { return depths_[queue()].messages == 5U; });
  raw_.declare_queue(queue("error"));
  raw_.publish("", queue("error"), "x");
  settle(*consumer, got_);
  pump(*consumer, [&] { return depths_[queue("error")].state == "present"; });
}

TEST_F(AmqpTest, AnyQueueMayBeNamed) {
  raw_.declare_queue(rig_.prefix + "any", true, "quorum");
  raw_.publish("", rig_.prefix + "any", "x");
  const auto consumer = rig_.AmqpRig::make({{"queue_names", "[\"" + rig_.prefix + "any\"]"}});
  ASSERT_TRUE(consumer->consume(10).ok());
  pump(*consumer, [&] { return got_.size() == 1; });
  EXPECT_EQ(got_[0].topic, rig_.prefix + "any");
  settle(*consumer, got_);
}

TEST_F(AmqpTest, OwnQueuesWaitForTheServicesExchangesAndNeverMakeThem) {
  const auto consumer = rig_.make();
  ASSERT_TRUE(consumer->consume(10).ok());
  const std::string own = "tally." + rig_.prefix + "notifications";
  pump(*consumer, [&] { return raw_.has_queue(own); });
  raw_.declare_queue(queue());  // Ceilometer's, say
  raw_.declare_exchange(rig_.exchange());
  int sent = 0;
  pump(*consumer, [&] {  // until it is bound, the broker drops them
    if (got_.empty()) raw_.publish(rig_.exchange(), queue(), std::to_string(++sent));
    return !got_.empty();
  });
  EXPECT_EQ(got_[0].topic, queue());
  int messages = -1;
  EXPECT_TRUE(raw_.has_queue(queue(), &messages));
  EXPECT_EQ(messages, 0);
}

TEST_F(AmqpTest, AnOwnQueueKeepsNoMoreThanItsLength) {
  const Options options = rig_.own({{"own_length", "3"}});
  const auto producer = rig_.AmqpRig::make(options);
  std::vector<Outgoing> sent;
  for (int i = 0; i < 10; ++i) sent.push_back({"notifications.info", "", std::to_string(i)});
  for (const Outgoing& one : sent) {
    const auto results = producer->publish(std::span(&one, 1), 5000);
    ASSERT_TRUE(results.ok() && results->at(0).ok()) << results.status();
  }
  int messages = 0;
  ASSERT_TRUE(raw_.has_queue("tally." + rig_.prefix + "notifications", &messages));
  EXPECT_EQ(messages, 3);
  EXPECT_FALSE(raw_.has_queue(queue()));
  const auto consumer = rig_.AmqpRig::make(options);
  ASSERT_TRUE(consumer->consume(10).ok());
  pump(*consumer, [&] { return got_.size() == 3; });
  EXPECT_EQ(got_[0].body, "7");
}

TEST_F(AmqpTest, AFullOwnQueueThatRefusesIsNotConfirmed) {
  const auto producer = rig_.AmqpRig::make(rig_.own({{"own_length", "2"}, {"own_overflow", "reject-publish"}}));
  int kept = 0;
  absl::Status last;
  for (int i = 0; i < 5; ++i) {
    const auto results = producer->publish(std::vector<Outgoing>{{"notifications.info", "", "x"}}, 5000);
    last = results.ok() ? results->at(0) : results.status();
    kept += last.ok() ? 1 : 0;
  }
  EXPECT_EQ(kept, 2);
  EXPECT_EQ(last.code(), kTransient);
}

TEST_F(AmqpTest, WhatIsThereIsUsedAsItIs) {
  raw_.declare_exchange(rig_.exchange());  // not durable, where ours would be
  raw_.declare_queue(queue());
  const auto producer = rig_.AmqpRig::make({});
  const auto results = producer->publish(std::vector<Outgoing>{{"notifications.info", "", "x"}}, 5000);
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_TRUE(results->at(0).ok());
  int messages = 0;
  EXPECT_TRUE(raw_.has_queue(queue(), &messages));
  EXPECT_EQ(messages, 1);
}

TEST_F(AmqpTest, LargeAndEmptyBodiesPassAndATooLongOneIsCut) {
  const auto consumer = rig_.AmqpRig::make({{"max_message", "10000000"}, {"buffer", "65536"}});
  ASSERT_TRUE(consumer->consume(10).ok());
  const auto producer = rig_.AmqpRig::make({});
  std::string large;
  large.resize(10'000'000, 'x');
  for (std::size_t i = 0; i < large.size(); i += 4099) large[i] = static_cast<char>('a' + i % 26);
  const std::vector<Outgoing> sent = {{"notifications.info", "", large},
                                      {"notifications.info", "", ""},
                                      {"notifications.info", "", large + "too long"},
                                      {"notifications.info", "", "last"}};
  const auto results = producer->publish(sent, 15000);
  ASSERT_TRUE(results.ok()) << results.status();
  for (const absl::Status& status : *results) EXPECT_TRUE(status.ok()) << status;
  pump(
      *consumer, [&] { return got_.size() == 4; }, 1);
  EXPECT_TRUE(got_[0].body == large);
  EXPECT_EQ(got_[1].body, "");
  EXPECT_EQ(got_[2].body.size(), large.size());
  EXPECT_EQ(got_[3].body, "last");
  EXPECT_EQ(counts_["bodies_cut"], 1U);
  settle(*consumer, got_);
  const auto small = rig_.AmqpRig::make({{"max_message", "10"}});
  const auto refused = small->publish(std::vector<Outgoing>{{"notifications.info", "", "eleven bytes"}}, 5000);
  ASSERT_TRUE(refused.ok());
  EXPECT_EQ(refused->at(0).code(), kPermanent);
}

TEST_F(AmqpTest, SeveralConsumersShareAQueue) {
  raw_.declare_queue(queue());
  const auto first = rig_.AmqpRig::make({});
  const auto second = rig_.AmqpRig::make({});
  ASSERT_TRUE(first->consume(5).ok());
  ASSERT_TRUE(second->consume(5).ok());
  for (int i = 0; i < 10; ++i) raw_.publish("", queue(), std::to_string(i));
  pump(*first, [&] { return got_.size() == 5; });
  pump(*second, [&] { return got_.size() == 10; });
  std::set<std::string> bodies;
  for (const Message& message : got_) bodies.insert(message.body);
  EXPECT_EQ(bodies.size(), 10U);
}

TEST_F(AmqpTest, AMessageThatStaysOpenDoesNotHoldUpThoseBehindIt) {
  constexpr std::size_t kAll = 300;
  raw_.declare_queue(queue());
  for (std::size_t i = 0; i < kAll; ++i) raw_.publish("", queue(), "x");
  const auto consumer = rig_.AmqpRig::make({});
  ASSERT_TRUE(consumer->consume(10).ok());
  std::size_t settled = 1;  // the first stays open
  pump(*consumer, [&] {
    if (got_.size() > settled) settle(*consumer, {got_.begin() + static_cast<std::ptrdiff_t>(settled), got_.end()});
    settled = std::max(settled, got_.size());
    return got_.size() == kAll;
  });
  settle(*consumer, {got_.front()});
}

TEST_F(AmqpTest, AnUnroutableMessageIsNotKeptAndItsQueueIsMadeAgain) {
  const auto producer = rig_.AmqpRig::make({});
  const std::vector<Outgoing> one = {{"notifications.info", "", "x"}};
  ASSERT_TRUE(producer->publish(one, 5000).ok());
  raw_.delete_queue(queue());
  const auto lost = producer->publish(one, 5000);
  EXPECT_EQ(lost.status().code(), kTransient);
  EXPECT_NE(std::string(lost.status().message()).find("no queue takes"), std::string::npos) << lost.status();
  const auto again = producer->publish(one, 5000);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->at(0).ok());
  int messages = 0;
  EXPECT_TRUE(raw_.has_queue(queue(), &messages));
  EXPECT_EQ(messages, 1);
}

TEST_F(AmqpTest, EachQueueIsToldAndOnlyOursAreRemoved) {
  const std::string own = "tally." + rig_.prefix + "notifications";
  raw_.declare_queue(queue());
  raw_.declare_exchange(rig_.exchange());
  const auto producer = rig_.make();
  ASSERT_TRUE(producer->publish(std::vector<Outgoing>{{"notifications.sample", "", "x"}}, 5000).ok());
  std::map<std::string, Queue> told;
  const auto take = [&](const Queue& state) { told[state.name] = state; };
  const auto reader = rig_.make();
  ASSERT_TRUE(reader->inspect(5000, take).ok());
  ASSERT_EQ(told.size(), 2U) << "absent ones that are not consumed are left out";
  EXPECT_EQ(told[own].messages, 1U);
  EXPECT_EQ(told[own].consumers, 0U);
  EXPECT_TRUE(told[own].ours);
  EXPECT_NE(told[own].warning.find("nobody consumes it and it fills"), std::string::npos) << told[own].warning;
  EXPECT_EQ(told[queue()].state, "present");
  EXPECT_FALSE(told[queue()].ours);

  const auto consumer = rig_.make();
  ASSERT_TRUE(consumer->consume(10).ok());
  pump(*consumer, [&] { return got_.size() == 1; });
  told.clear();
  ASSERT_TRUE(reader->unsubscribe(5000, take).ok());
  EXPECT_EQ(told[own].state, "in use");
  EXPECT_TRUE(raw_.has_queue(own));
  ASSERT_TRUE(consumer->stop().ok());
  pump(*consumer, [&] {  // the broker ends the consumer in its own time
    if (told[own].state != "removed") {
      EXPECT_TRUE(reader->unsubscribe(5000, take).ok());
    }
    return told[own].state == "removed";
  });
  EXPECT_FALSE(raw_.has_queue(own));
  EXPECT_TRUE(raw_.has_queue(queue()));
  raw_.declare_queue(own, true, "quorum");
  ASSERT_TRUE(reader->unsubscribe(5000, take).ok());
  EXPECT_FALSE(raw_.has_queue(own));
  told.clear();
  ASSERT_TRUE(rig_.AmqpRig::make({})->inspect(5000, take).ok());
  EXPECT_EQ(told.size(), 7U);
  EXPECT_EQ(told[queue("audit")].state, "absent");
  const auto away = rig_.open("amqp://127.0.0.1:1/", {});
  ASSERT_TRUE(away.ok());
  EXPECT_EQ((*away)->inspect(2000, take).code(), kTransient);
}

TEST_F(AmqpTest, WhatTheManifestSaysOfUrlsIsTaken) {
  const std::vector<std::filesystem::path> folders = {std::getenv("TALLY_TEST_PLUGINS")};
  Catalog catalog = Catalog::scan(folders);
  const Entry* entry = catalog.find_scheme(Role::transport, "rabbit");
  ASSERT_TRUE(entry != nullptr && entry->role.query);
  ASSERT_GT(entry->role.query->size(), 40U);
  for (const config::KeyDecl& key : *entry->role.query) {
    std::vector<std::string> values = key.choices.empty() ? std::vector<std::string>{"x"} : key.choices;
    if (key.type == config::KeyType::boolean) values = {"1", "0", "true", "False"};
    if (key.type == config::KeyType::integer) values = {"0", "3600"};
    if (key.type == config::KeyType::path) values = {"/dev/null"};
    for (const std::string& value : values) {
      const auto made = rig_.open("rabbit://h/?" + key.name + "=" + value, {});
      EXPECT_TRUE(made.ok()) << key.name << "=" << value << ": " << made.status();
    }
  }
}

TEST_F(AmqpTest, ABadUrlIsRefusedWithTheWayOut) {
  const auto url = rig_.open("amqp://u:hidden@host:port/", {});
  EXPECT_EQ(url.status().code(), kPermanent) << url.status();
  EXPECT_EQ(std::string(url.status().message()).find("hidden"), std::string::npos);
}

TEST_F(AmqpTest, AnExchangeOfOwnQueuesThatIsNotThereIsWarnedOf) {
  const std::string own = "tally." + rig_.prefix + "notifications", other = rig_.prefix + "other";
  const Options options = {{"queues", "own"},
                           {"own_type", "classic"},
                           {"exchanges", "[\"" + rig_.exchange() + "\", \"" + other + "\"]"},
                           {"depth_every", "0.02"},
                           {"look_again", "0.05"}};
  raw_.declare_exchange(rig_.exchange());
  const auto consumer = rig_.AmqpRig::make(options);
  ASSERT_TRUE(consumer->consume(10).ok());
  const std::string text = "exchange " + other + " is not there: nothing is received from it";
  pump(*consumer, [&] { return depths_[own].warning == text; });
  std::map<std::string, Queue> told;
  const auto look = [&] {
    told.clear();
    return rig_.AmqpRig::make(options)->inspect(5000, [&](const Queue& one) { told[one.name] = one; });
  };
  ASSERT_TRUE(look().ok());
  EXPECT_EQ(told[own].warning, text);
  raw_.declare_exchange(other);
  pump(*consumer, [&] { return depths_[own].state == "present" && depths_[own].warning.empty(); });
  ASSERT_TRUE(look().ok());
  EXPECT_EQ(told[own].warning, "");
}

TEST_F(AmqpTest, OfTheUsualExchangesSomeMayBeAbsent) {
  const std::string own = "tally." + rig_.prefix + "notifications";
  const Options options = {{"queues", "own"}, {"own_type", "classic"}};
  const auto consumer = rig_.AmqpRig::make(options);
  ASSERT_TRUE(consumer->consume(10).ok());
  pump(*consumer, [&] { return raw_.consumers(own) == 1; });
  const auto warning = [&] {
    std::string text;
    const auto take = [&](const Queue& one) { text += one.name == own ? one.warning : ""; };
    EXPECT_TRUE(rig_.AmqpRig::make(options)->inspect(5000, take).ok());
    return text;
  };
  EXPECT_EQ(warning().find("exchanges nova, glance, "), 0U) << warning();
  raw_.declare_exchange("aodh");
  EXPECT_EQ(warning(), "");
}

}  // namespace
}  // namespace tally::plugin
