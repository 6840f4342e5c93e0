// The kafka transport as the host runs it: loaded from its module, over a real Kafka ($TALLY_TEST_KAFKA).
// Not for faults (test_faults.cc), nor for its inner parts (test_internals.cc).
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include "plugin/catalog/catalog.h"
#include "support/transport_conformance.h"
#include "test_rig.h"

namespace tally::plugin {
namespace {

INSTANTIATE_TEST_SUITE_P(Kafka, TransportConformance,
                         testing::Values(RigFactory([] { return std::make_unique<KafkaRig>(); })));

TEST_F(KafkaTest, ARegularExpressionFindsTopicsAsTheyComeUp) {
  const auto consumer = rig_.make({{"topic_names", "[\"^" + rig_.prefix + "any\\\\..*\"]"}});
  ASSERT_TRUE(consumer->consume(10).ok());
  pump(*consumer, [&] { return last_.ok(); });
  raw_.create_topic(rig_.prefix + "any.info", 1);
  raw_.create_topic(rig_.prefix + "other", 1);
  raw_.publish(rig_.prefix + "other", 0, "not this");
  raw_.publish(rig_.prefix + "any.info", 0, "one");
  pump(*consumer, [&] { return got_.size() == 1; });
  raw_.create_topic(rig_.prefix + "any.error", 2);
  raw_.publish(rig_.prefix + "any.error", 1, "two");
  pump(*consumer, [&] { return got_.size() == 2; });
  EXPECT_EQ(got_[0].topic, rig_.prefix + "any.info");
  EXPECT_EQ(got_[1].topic, rig_.prefix + "any.error");
  settle(*consumer, got_);
}

TEST_F(KafkaTest, HowManyMessagesAreNotSettledIsTold) {
  raw_.create_topic(topic(), 2);
  for (int i = 0; i < 5; ++i) raw_.publish(topic(), 1, "x");
  const auto first = rig_.make({{"depth_every", "0.02"}});
  ASSERT_TRUE(first->consume(2).ok());
  const std::string full = topic() + " [1]";
  pump(*first, [&] { return got_.size() == 2 && depths_[full].messages == 5U; });
  EXPECT_EQ(depths_[topic() + " [0]"].messages, 0U);
  settle(*first, got_);
  pump(*first, [&] { return got_.size() == 4 && depths_[full].messages == 3U; });
  raw_.publish(topic(), 1, "x");  // nothing is fetched now: the host has no room
  pump(*first, [&] { return depths_[full].messages == 4U; });
}

TEST_F(KafkaTest, AKeyKeepsItsMessagesInOnePartition) {
  raw_.create_topic(topic(), 6);
  const auto producer = rig_.make();
  std::vector<Outgoing> sent;
  for (int i = 0; i < 60; ++i) {
    sent.push_back({"notifications.info", "vm-" + std::to_string(i % 5), std::to_string(i % 5)});
  }
  const auto results = producer->publish(sent, 10000);
  ASSERT_TRUE(results.ok()) << results.status();
  const auto consumer = rig_.make();
  ASSERT_TRUE(consumer->consume(100).ok());
  pump(*consumer, [&] { return got_.size() == 60; });
  std::map<std::string, std::set<std::uint64_t>> lanes;
  for (const Message& message : got_) lanes[message.body].insert(message.delivery.lane);
  for (const auto& [body, in] : lanes) EXPECT_EQ(in.size(), 1U) << body;
  settle(*consumer, got_);
}

TEST_F(KafkaTest, ATooLongMessageIsRefusedForGoodAndAnEmptyOnePasses) {
  const auto producer = rig_.make();
  const std::vector<Outgoing> sent = {{"notifications.info", "", std::string(1'100'000, 'x')},
                                      {"notifications.info", "", ""}};
  const auto results = producer->publish(sent, 10000);
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ(results->at(0).code(), kPermanent);
  EXPECT_TRUE(results->at(1).ok()) << results->at(1);
  const auto consumer = rig_.make();
  ASSERT_TRUE(consumer->consume(100).ok());
  pump(*consumer, [&] { return got_.size() == 1; });
  EXPECT_EQ(got_[0].body, "");
}

TEST_F(KafkaTest, AVirtualHostEndsTheTopicsNames) {
  const auto made = rig_.open("kafka://" + brokers() + "/cell1", {});
  ASSERT_TRUE(made.ok()) << made.status();
  const auto results = (*made)->publish(std::vector<Outgoing>{{"notifications.info", "", "x"}}, 10000);
  ASSERT_TRUE(results.ok()) << results.status();
  ASSERT_TRUE((*made)->consume(10).ok());
  pump(**made, [&] { return got_.size() == 1; });
  EXPECT_EQ(got_[0].topic, topic() + ".cell1");
}

TEST_F(KafkaTest, InspectionTellsEachPartitionItsLagAndWhoHasIt) {
  raw_.create_topic(topic(), 2);
  for (int i = 0; i < 7; ++i) raw_.publish(topic(), 0, "x");
  const auto consumer = rig_.make();
  ASSERT_TRUE(consumer->consume(3).ok());
  pump(*consumer, [&] { return got_.size() == 3; });
  settle(*consumer, got_);
  pump(
      *consumer, [&] { return raw_.committed(group(), topic(), 0) == 3; }, 0);
  std::map<std::string, Queue> rows;
  const auto inspect = [&] {
    rows.clear();
    const absl::Status status = rig_.make()->inspect(10000, [&](const Queue& row) { rows[row.name] = row; });
    ASSERT_TRUE(status.ok()) << status;
  };
  inspect();
  ASSERT_EQ(rows.size(), 8U);  // two partitions, six topics that are absent
  EXPECT_EQ(rows[topic() + " [0]"].messages, 4U);
  EXPECT_EQ(rows[topic() + " [0]"].consumers, 1U);
  EXPECT_EQ(rows[topic() + " [1]"].messages, 0U);
  EXPECT_EQ(rows[topic("sample")].state, "absent");
  EXPECT_EQ(rows[topic() + " [0]"].warning, "");
  raw_.delete_before(topic(), 0, 5);
  inspect();
  EXPECT_EQ(rows[topic() + " [0]"].messages, 2U);
  EXPECT_NE(rows[topic() + " [0]"].warning.find("offset 3"), std::string::npos) << rows[topic() + " [0]"].warning;
}

TEST_F(KafkaTest, InspectionWarnsOfAMemberThatIsNotTallys) {
  raw_.create_topic(topic(), 1);
  raw_.publish(topic(), 0, "x");
  const auto other = rig_.make({{"settings", R"(["client.id=ceilometer"])"}});
  ASSERT_TRUE(other->consume(10).ok());
  pump(*other, [&] { return got_.size() == 1; });
  std::map<std::string, Queue> rows;
  ASSERT_TRUE(rig_.make()->inspect(10000, [&](const Queue& row) { rows[row.name] = row; }).ok());
  EXPECT_NE(rows[topic() + " [0]"].warning.find("is not Tally's"), std::string::npos) << rows[topic() + " [0]"].warning;
}

TEST_F(KafkaTest, WhatTheManifestSaysOfUrlsIsTaken) {
  const std::vector<std::filesystem::path> folders = {std::getenv("TALLY_TEST_PLUGINS")};
  Catalog catalog = Catalog::scan(folders);
  const Entry* entry = catalog.find_scheme(Role::transport, "kafka");
  ASSERT_TRUE(entry != nullptr && entry->role.query);
  const std::map<std::string, std::string> special = {{"*.*", "fetch.wait.max.ms=5"},
                                                      {"debug", "debug=consumer"},
                                                      {"partitioner", "partitioner=random"},
                                                      {"sasl_mechanism", "sasl_mechanism=PLAIN"}};
  for (const config::KeyDecl& key : *entry->role.query) {
    std::vector<std::string> queries = {key.name + (key.type == config::KeyType::integer ? "=1000" : "=x")};
    if (key.name == "retries") queries = {"retries=3"};
    if (key.type == config::KeyType::path) queries = {key.name + "=/dev/null"};
    if (special.contains(key.name)) queries = {special.at(key.name)};
    for (std::size_t i = 0; i < key.choices.size(); ++i) {
      if (i == 0) queries.clear();
      queries.push_back(key.name + "=" + key.choices[i]);
    }
    for (const std::string& query : queries) {
      const auto made = rig_.open("kafka://h/?" + query, {});
      EXPECT_TRUE(made.ok()) << query << ": " << made.status();
    }
  }
}

TEST_F(KafkaTest, TheUrlSetsWhatItNames) {
  const auto made = rig_.open("kafka://" + brokers() + "/?topic_names=" + rig_.prefix + "a," + rig_.prefix +
                                  "b&group=" + rig_.prefix + "other&fetch.wait.max.ms=20",
                              {});
  ASSERT_TRUE(made.ok()) << made.status();
  raw_.create_topic(rig_.prefix + "b", 1);
  raw_.publish(rig_.prefix + "b", 0, "x");
  ASSERT_TRUE((*made)->consume(10).ok());
  pump(**made, [&] { return got_.size() == 1; });
  settle(**made, got_);
  pump(**made, [&] { return raw_.committed(rig_.prefix + "other", rig_.prefix + "b", 0) == 1; });
}

TEST_F(KafkaTest, AWrongSettingIsNamedAndNoSecretIsShown) {
  const std::vector<std::pair<Options, std::string>> faults = {
      {{{"settings", R"(["fetch.wait=1"])"}}, "fetch.wait"},
      {{{"settings", R"(["fetch.wait.max.ms=soon"])"}}, "fetch.wait.max.ms"},
      {{{"settings", R"(["enable.auto.commit=true"])"}}, "commits follow"},
      {{{"settings", R"(["sasl.password=hidden"])"}}, "secret_settings"},
      {{{"secret_settings", "sasl.secret=hidden"}}, "sasl.secret"},
      {{{"tls_ca", "/nowhere/ca.pem"}}, "/nowhere/ca.pem"},
      {{{"topics", "[]"}}, "no topic"}};
  for (const auto& [options, wanted] : faults) {
    const auto made = rig_.open("kafka://u:hidden@h/", options);
    EXPECT_EQ(made.status().code(), kPermanent) << made.status();
    EXPECT_NE(std::string(made.status().message()).find(wanted), std::string::npos) << made.status();
    EXPECT_EQ(std::string(made.status().message()).find("hidden"), std::string::npos) << made.status();
  }
}

}  // namespace
}  // namespace tally::plugin
