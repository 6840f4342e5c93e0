// The handler "meters" on definitions of its own and on the shipped ones.
// Not for the envelope: tests/bus.
#include "support/notification_fixture.h"
#include "support/pollster_fixture.h"

namespace {

using tally::test::handle;
using tally::test::message;
using tally::test::Tree;

class Meters : public testing::Test {
 protected:
  Meters() { unsetenv("TALLY_DEFINITIONS"); }

  void define(const std::string& text) { tree_.write("d/a.yaml", text); }

  void open() {
    auto made = tally::test::make_handler("meters", {{"definitions", "[\"" + tree_.path() + "/d\"]"}});
    ASSERT_TRUE(made.ok()) << made.status();
    handler_ = *std::move(made);
  }

  std::vector<tally::Sample> samples(std::string_view event_type, std::string_view payload) {
    const auto handled = handle(*handler_, message(event_type, payload));
    EXPECT_TRUE(handled.status.ok()) << handled.status;
    return handled.samples;
  }

  Tree tree_;
  std::unique_ptr<tally::plugin::MessageHandler> handler_;
};

// config/meters.d of the tree that is tested.
std::string shipped_folder() {
  const char* source = std::getenv("TALLY_TEST_SOURCE");
  return std::string(source == nullptr ? "TALLY_TEST_SOURCE-is-not-set" : source) + "/config/meters.d";
}

constexpr const char* kDisk = R"(
metric:
  - name: disk
    event_type: ['disk\.(?!start).*', '*.exists']
    type: cumulative
    unit: B
    volume: $.payload.disks.[-1].size
    resource_id: payload['the id']
    user_id: [$.payload.nobody, $.payload."user.id"]
    timestamp: payload.at
    metadata: {first: 'payload.disks[*].size', none: payload.nothing, three: 3, zero: payload.zero}
  - {name: $.payload.name, event_type: disk, type: delta, unit: $.payload.unit, volume: 1, resource_id: publisher_id}
)";

constexpr const char* kPayload = R"({"disks": [{"size": 10}, {"size": 12345678901234567890.50}], "the id": "d1",
    "user.id": "u9", "at": "2026-02-03T00:00:00+01:00", "name": "disk.event", "unit": "event", "zero": 0})";

TEST_F(Meters, WhatAMergeKeyReplacesLeavesItsAnchorAlone) {
  define(R"(
metric:
  - &first {name: one, event_type: e, type: gauge, unit: B, volume: 1, resource_id: publisher_id}
  - &second {<<: *first, name: two, volume: 2}
  - {<<: *second, name: three, unit: GiB}
)");
  open();
  std::string text;
  for (const tally::Sample& sample : samples("e", "{}")) {
    text += sample.name + " " + sample.volume.to_string() + " " + sample.unit + "|";
  }
  EXPECT_EQ(text, "three 2 GiB|two 2 B|one 1 B|");
}

TEST_F(Meters, MakesSamplesAsDefined) {
  define(kDisk);
  open();
  const auto made = samples("disk.end", kPayload);
  ASSERT_EQ(made.size(), 2U);
  EXPECT_EQ(made[0].name, "disk.event");
  EXPECT_EQ(made[0].unit, "event");
  EXPECT_EQ(made[0].type, tally::SampleType::delta);
  EXPECT_EQ(made[0].volume, 1);
  EXPECT_EQ(made[0].resource_id, "svc.node1");
  EXPECT_EQ(made[0].project_id, "cp");
  EXPECT_EQ(made[0].user_id, "cu");
  EXPECT_NE(made[0].resource_metadata.find(R"("event_type":"disk.end","host":"svc.node1"})"), std::string::npos);
  EXPECT_EQ(made[1].volume.to_string(), "12345678901234567890.5");
  EXPECT_EQ(made[1].resource_id, "d1");
  EXPECT_EQ(made[1].user_id, "u9");
  EXPECT_EQ(made[1].timestamp, tally::Time::parse("2026-02-02T23:00:00Z"));
  EXPECT_EQ(made[1].resource_metadata, R"({"first":10,"three":3,"zero":0})");
}

TEST_F(Meters, ClaimsWhatTheHostCanIndexAndRefusesTheRest) {
  define(kDisk);
  open();
  const auto claims = handler_->claims();
  ASSERT_TRUE(claims.ok()) << claims.status();
  EXPECT_EQ(*claims, (std::vector<std::string>{"*.exists", "disk*", "disk.*"}));
  EXPECT_EQ(handle(*handler_, message("dish", "{}")).status.code(), tally::kUnclaimed);
  EXPECT_EQ(samples("thing.exists", kPayload).size(), 1U);
  auto failed = message("disk.end", kPayload);
  failed.priority = "error";
  EXPECT_EQ(handle(*handler_, failed).status.code(), tally::kUnclaimed);
}

std::string said(const tally::test::Handled& handled) {
  std::string text;
  for (const tally::wire::Skip& skip : handled.skips) text += skip.what + ": " + skip.why + "|";
  for (const tally::wire::SetAside& one : handled.aside) text += one.why + " " + one.json + "|";
  return text;
}

TEST_F(Meters, WhatFindsNothingMakesNoSampleAndIsCounted) {
  define(R"(
metric:
  - {name: good, event_type: e, type: delta, unit: B, volume: $.payload.bytes, resource_id: $.payload.account}
  - {name: $.payload.n, event_type: e, type: delta, unit: B, volume: 1, resource_id: $.payload.account}
  - {name: no.unit, event_type: e, type: delta, unit: $.payload.u, volume: 1, resource_id: $.payload.account}
  - {name: no.type, event_type: e, type: $.payload.t, unit: B, volume: 1, resource_id: $.payload.account}
  - {name: no.volume, event_type: e, type: delta, unit: B, volume: $.payload.v, resource_id: $.payload.account}
  - {name: no.resource, event_type: e, type: delta, unit: B, volume: 1, resource_id: $.payload.r}
)");
  open();
  const auto handled = handle(*handler_, message("e", R"({"bytes": 1000, "account": "a1", "v": null, "r": ""})"));
  ASSERT_TRUE(handled.status.ok()) << handled.status;
  ASSERT_EQ(handled.samples.size(), 1U);
  EXPECT_EQ(handled.samples[0].volume, 1000);
  EXPECT_EQ(said(handled),
            "a.yaml:no.resource: its resource_id finds nothing|a.yaml:no.volume: its volume finds nothing|"
            "a.yaml:no.type: its type finds nothing|a.yaml:no.unit: its unit finds nothing|"
            "a.yaml:$.payload.n: its name finds nothing|");
}

TEST_F(Meters, WhatIsThereAndCannotBeTakenIsRefusedAndCostsNoOther) {
  define(R"(
metric:
  - {name: good, event_type: e, type: delta, unit: B, volume: 1, resource_id: $.payload.id}
  - {name: volume, event_type: e, type: delta, unit: B, volume: $.payload.v, resource_id: $.payload.id}
  - {name: type, event_type: e, type: $.payload.v, unit: B, volume: 1, resource_id: $.payload.id}
  - {name: time, event_type: e, type: delta, unit: B, volume: 1, resource_id: $.payload.id, timestamp: $.payload.v}
  - {name: large, event_type: e, type: delta, unit: B, volume: $.payload.large * $.payload.large, resource_id: $.payload.id}
)");
  open();
  const auto handled =
      handle(*handler_, message("e", R"({"id": 7, "v": "many", "large": 123456789012345678901234567})"));
  ASSERT_TRUE(handled.status.ok()) << handled.status;
  ASSERT_EQ(handled.samples.size(), 1U);
  EXPECT_EQ(handled.samples[0].resource_id, "7");
  ASSERT_EQ(handled.aside.size(), 4U);
  const std::string all = said(handled);
  for (const char* part :
       {"a.yaml:4: volume \"many\" of volume: not a number", "a.yaml:5: type \"many\" of type is neither",
        "a.yaml:6: timestamp \"many\" of time is not", "a.yaml:7: 123456789012345678901234567 * 12345678901234567890"})
    EXPECT_NE(all.find(part), std::string::npos) << part << " in " << all;
  EXPECT_NE(
      handled.aside[3].json.find(R"("name":"volume","type":"delta","unit":"B","volume":"many","resource_id":"7")"),
      std::string::npos)
      << handled.aside[3].json;
}

TEST_F(Meters, ArithmeticDoesNotWrapAt64Bits) {
  define(R"(
metric:
  - {name: m, event_type: e, type: delta, unit: B, volume: $.payload.a * 100 + $.payload.b, resource_id: publisher_id}
)");
  open();
  EXPECT_EQ(samples("e", R"({"a": 18446744073709551616, "b": 9223372036854775807})").at(0).volume.to_string(),
            "1853897779407809937407");
}

TEST_F(Meters, ADisabledDefinitionIsWithheldAndStillCounts) {
  define(kDisk);
  auto made = tally::test::make_handler("meters", {{"definitions", "[\"" + tree_.path() + "/d\"]"}}, {"a.yaml:dis*"});
  ASSERT_TRUE(made.ok()) << made.status();
  handler_ = *std::move(made);
  const auto handled = handle(*handler_, message("disk.end", kPayload));
  ASSERT_TRUE(handled.status.ok()) << handled.status;
  ASSERT_EQ(handled.samples.size(), 1U);
  EXPECT_EQ(handled.samples[0].name, "disk.event");
  ASSERT_EQ(handled.aside.size(), 1U);
  EXPECT_EQ(handled.aside[0].at, 1U);
  EXPECT_EQ(handled.aside[0].why, "");
  EXPECT_TRUE(handle(*handler_, message("disk.end", R"({"disks": [{"size": "many"}], "the id": 1})")).aside.empty());
}

TEST_F(Meters, TellsItsDefinitions) {
  define(kDisk);
  open();
  const auto all = handler_->definitions(std::nullopt);
  ASSERT_TRUE(all.ok() && *all) << all.status();
  ASSERT_EQ((*all)->size(), 2U);
  const tally::MeterDefinition& disk = (**all)[1];
  EXPECT_EQ(disk.name, "a.yaml:disk");
  EXPECT_EQ(disk.meter + " " + disk.type + " " + disk.unit, "disk cumulative B");
  EXPECT_EQ(disk.event_types, (std::vector<std::string>{"disk\\.(?!start).*", "*.exists"}));
  EXPECT_EQ(disk.examples, (std::vector<std::string>{"disk.", ".exists"}));
  EXPECT_EQ((**all)[0].name, "a.yaml:$.payload.name");
  EXPECT_EQ((**all)[0].meter, "");
  EXPECT_EQ((*handler_->definitions("disk.start"))->size(), 1U);
  EXPECT_EQ((*handler_->definitions("disk.end"))->size(), 2U);
  EXPECT_TRUE((*handler_->definitions("other"))->empty());
}

TEST_F(Meters, ABadDefinitionCostsItselfAlone) {
  define(R"(
metric:
  - {name: no.type, event_type: e, unit: u, volume: 1, resource_id: publisher_id}
  - {name: bad.type, event_type: e, type: sum, unit: u, volume: 1, resource_id: publisher_id}
  - {name: bad.path, event_type: e, type: gauge, unit: u, volume: 'payload[?(@.a', resource_id: publisher_id}
  - {name: good, event_type: e, type: gauge, unit: u, volume: 7, resource_id: publisher_id}
  - {name: good, event_type: e, type: gauge, unit: u, volume: 8, resource_id: publisher_id}
)");
  tree_.write("d/b.yaml", "metric: [");
  tree_.write("d/c.yaml", "metric: [{name: good, event_type: e, type: gauge, unit: u, volume: 9, resource_id: x}]");
  open();
  const auto made = samples("e", "{}");
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].volume, 8);  // the last of its file, the first file's
}

constexpr const char* kLookup = R"(
metric:
  - name: $.payload.measurements.[*].metric.[*].name
    event_type: objectstore.http.request
    type: delta
    unit: $.payload.measurements.[*].metric.[*].unit
    volume: $.payload.measurements.[*].result
    resource_id: $.payload.target.id
    lookup: [name, unit, volume]
)";

TEST_F(Meters, LookupMakesASampleForEachName) {
  define(kLookup);
  open();
  const auto made = samples("objectstore.http.request", R"({"target": {"id": "account"}, "measurements": [
      {"metric": {"name": "out", "unit": "B"}, "result": 28}, {"metric": {"name": "in", "unit": "B"}, "result": 1},
      {"metric": {"name": "none", "unit": "B"}, "result": null}]})");
  ASSERT_EQ(made.size(), 2U);
  EXPECT_EQ(made[0].name, "out");
  EXPECT_EQ(made[0].volume, 28);
  EXPECT_EQ(made[1].name, "in");
  EXPECT_EQ(made[1].resource_id, "account");
  EXPECT_TRUE(samples("objectstore.http.request", R"({"target": {"id": "a"}, "measurements": []})").empty());
  EXPECT_TRUE(samples("objectstore.http.request", R"({"target": {"id": "a"}, "measurements": [
      {"metric": {"name": "out", "unit": "B"}, "result": 28}, {"metric": {"name": "in"}, "result": 1}]})")
                  .empty());
}

TEST_F(Meters, UserMetadataKeepsTheReservedNames) {
  define(R"(
metric:
  - {name: m, event_type: e, type: gauge, unit: u, volume: 1, resource_id: publisher_id,
     user_metadata: $.payload.metadata, metadata: {has: $.payload.has}}
)");
  open();
  const auto made = samples("e", R"({"metadata": {"metering.a.b": "x", "metering.n": 3, "other": 1, "metering.has": 1},
                                     "has": ""})");
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].resource_metadata, R"({"has":"","user_metadata":{"a_b":"x","n":3}})");
  const std::string longer = "{\"metadata\": {\"metering.l\": \"" + std::string(300, 'l') + "\"}}";
  EXPECT_EQ(samples("e", longer).at(0).resource_metadata,
            "{\"user_metadata\":{\"l\":\"" + std::string(256, 'l') + "\"}}");
  EXPECT_EQ(samples("e", R"({"metadata": [], "q": 1})").at(0).resource_metadata,
            R"({"metadata": [], "q": 1,"event_type":"e","host":"svc.node1"})");
}

TEST_F(Meters, WholePayloadsAreOneLineAndLoseTheirOwnHost) {
  define("metric: [{name: m, event_type: e, type: gauge, unit: '%', volume: $.payload.v, resource_id: publisher_id}]");
  open();
  EXPECT_EQ(samples("e", "{\"v\": \" +1 \",\n \"a\": \"b\\n c\"}").at(0).resource_metadata,
            R"({"v":" +1 ","a":"b\n c","event_type":"e","host":"svc.node1"})");
  EXPECT_EQ(samples("e", R"({"host": 1, "v": true})").at(0).resource_metadata,
            R"({"v":true,"event_type":"e","host":"svc.node1"})");
  EXPECT_EQ(samples("e", R"({"host": 1, "v": true})").at(0).unit, "%");
  EXPECT_EQ(handle(*handler_, message("e", R"({"v": 1)")).status.code(), tally::kPermanent);
}

TEST_F(Meters, AMatchLimitIsAFaultThatNamesTheExpression) {
  define("metric: [{name: m, event_type: '(x+x+)+[yz]', type: gauge, unit: u, volume: 1, resource_id: publisher_id}]");
  open();
  const std::string type(3000, 'x');
  const auto handled = handle(*handler_, message(type, "{}"));
  EXPECT_EQ(handled.status.code(), tally::kPermanent);
  EXPECT_NE(handled.status.ToString().find("(x+x+)+[yz]"), std::string::npos) << handled.status;
}

TEST_F(Meters, WithoutDefinitionsItIsAbsent) {
  ASSERT_EQ(setenv("TALLY_DEFINITIONS", (tree_.path() + "/none").c_str(), 1), 0);
  const auto made = tally::test::make_handler("meters", {});
  unsetenv("TALLY_DEFINITIONS");
  EXPECT_EQ(made.status().code(), tally::kAbsent) << made.status();
}

TEST_F(Meters, WithoutThoseThatAreConfiguredItIsAtFaultSoThatMessagesWait) {
  const auto made = tally::test::make_handler("meters", {{"definitions", "[\"" + tree_.path() + "/none\"]"}});
  EXPECT_EQ(made.status().code(), tally::kPermanent) << made.status();
  EXPECT_NE(made.status().message().find("correct the key \"definitions\""), std::string::npos) << made.status();
}

TEST_F(Meters, TheShippedOnesMeterAServerAVolumeAndAnImage) {
  const std::string shipped = shipped_folder();
  ASSERT_EQ(setenv("TALLY_DEFINITIONS", shipped.c_str(), 1), 0);
  open();
  unsetenv("TALLY_DEFINITIONS");
  const char* server = R"({"instance_id": "vm", "tenant_id": "p", "user_id": "u", "memory_mb": 512, "vcpus": 1,
                           "root_gb": 20, "ephemeral_gb": 0, "host": "node7"})";
  const auto made = samples("compute.instance.create.end", server);
  ASSERT_EQ(made.size(), 4U);
  EXPECT_EQ(made[0].name, "disk.ephemeral.size");
  EXPECT_EQ(made[0].volume, 0);
  EXPECT_EQ(made[3].name, "memory");
  EXPECT_EQ(made[3].volume, 512);
  EXPECT_EQ(made[3].resource_metadata, R"({"host":"node7"})");
  EXPECT_EQ(handle(*handler_, message("compute.instance.create.start", server)).status.code(), tally::kUnclaimed);
  EXPECT_EQ(samples("volume.create.end", R"({"size": 3, "volume_id": "v"})").size(), 1U);
  EXPECT_EQ(samples("image.send", R"({"bytes_sent": 5, "image_id": "i"})").size(), 2U);
}

}  // namespace
