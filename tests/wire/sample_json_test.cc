// Samples as JSON, both sets of keys. Not for envelopes.
#include "wire/sample_json.h"

#include <gtest/gtest.h>

#include "base/status.h"

namespace tally::wire {
namespace {

Sample full() {
  Sample sample;
  sample.id = "6c1e7d8e";
  sample.name = "cpu";
  sample.type = SampleType::cumulative;
  sample.unit = "ns";
  sample.volume = *Decimal::parse("1234567.10");
  sample.resource_id = "r1";
  sample.project_id = "p1";
  sample.user_id = "u1";
  sample.timestamp = Time::parse("2026-01-02T03:04:05.678901");
  sample.resource_metadata = R"({"display_name":"vm"})";
  sample.source = "openstack";
  sample.monotonic_time = 12.5;
  return sample;
}

constexpr const char* kTallyText =
    R"({"id":"6c1e7d8e","name":"cpu","type":"cumulative","unit":"ns","volume":1234567.1,"resource_id":"r1",)"
    R"("project_id":"p1","project_name":null,"user_id":"u1","user_name":null,)"
    R"("timestamp":"2026-01-02T03:04:05.678901+00:00","resource_metadata":{"display_name":"vm"},)"
    R"("source":"openstack","monotonic_time":12.5})";

TEST(SampleJson, HasItsKeysInOrder) { EXPECT_EQ(to_json(full()), kTallyText); }

TEST(SampleJson, ReadsBackWhatItWrote) {
  for (SampleKeys keys : {SampleKeys::tally, SampleKeys::bus}) {
    const auto again = sample_from_json(to_json(full(), keys), keys);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(to_json(*again), kTallyText);
  }
}

TEST(SampleJson, OnTheBusHasCounterNames) {
  const std::string text = to_json(full(), SampleKeys::bus);
  EXPECT_TRUE(text.starts_with(R"({"source":"openstack","counter_name":"cpu","counter_type":"cumulative")")) << text;
  EXPECT_TRUE(text.ends_with(R"("message_id":"6c1e7d8e","monotonic_time":12.5,"message_signature":""})")) << text;
}

TEST(SampleJson, TakesLittle) {
  const auto sample = sample_from_json(R"({"name":"m","type":"gauge","volume":"2.50","resource_id":"r","id":null})");
  ASSERT_TRUE(sample.ok()) << sample.status();
  EXPECT_EQ(sample->volume.to_string(), "2.5");
  EXPECT_EQ(sample->id, "");
  EXPECT_EQ(sample->resource_metadata, "{}");
  EXPECT_FALSE(sample->timestamp);
}

TEST(SampleJson, NamesTheKeyThatIsWrong) {
  const auto error = [](const char* text) { return std::string(to_std(sample_from_json(text).status().message())); };
  EXPECT_EQ(error("[]"), "sample: not a JSON object");
  EXPECT_EQ(error(R"({"type":"gauge","volume":1,"resource_id":"r"})"), "sample: \"name\" is missing");
  EXPECT_EQ(error(R"({"name":"m","type":"sum","volume":1,"resource_id":"r"})"),
            "sample: \"type\" is \"sum\", neither gauge, delta nor cumulative");
  EXPECT_EQ(error(R"({"name":"m","type":"gauge","volume":1e-30,"resource_id":"r"})"),
            "sample: \"volume\" is 1e-30: smaller than 18 decimal places can hold");
  EXPECT_EQ(error(R"({"name":"m","type":"gauge","volume":null,"resource_id":"r"})"), "sample: \"volume\" is missing");
  EXPECT_EQ(error(R"({"name":"m","type":"gauge","volume":1,"resource_id":"r","timestamp":"soon"})"),
            "sample: \"timestamp\" is \"soon\", not an ISO 8601 time");
  EXPECT_EQ(error(R"({"name":"m","type":"gauge","volume":1,"resource_id":"r","resource_metadata":3})"),
            "sample: \"resource_metadata\" is not an object");
}

TEST(SampleJson, ANumberWhereATextIsWantedIsTheTextOfIt) {
  const auto sample = sample_from_json(
      R"({"message_id":1,"counter_name":2,"counter_type":"gauge","counter_unit":3,"counter_volume":"4","resource_id":7,
          "project_id":12345678901234567890123,"project_name":-1,"user_id":1.50,"user_name":0,"source":9})",
      SampleKeys::bus);
  ASSERT_TRUE(sample.ok()) << sample.status();
  EXPECT_EQ(sample->id + sample->name + sample->unit + sample->volume.to_string() + sample->source, "12349");
  EXPECT_EQ(sample->resource_id, "7");
  EXPECT_EQ(sample->project_id, "12345678901234567890123");
  EXPECT_EQ(sample->project_name, "-1");
  EXPECT_EQ(sample->user_id, "1.50");
  EXPECT_EQ(sample->user_name, "0");
  for (const char* value : {"true", "[7]", "{}", "NaN", "-Infinity"}) {
    const auto wrong =
        sample_from_json(std::string(R"({"name":"m","type":"gauge","volume":1,"resource_id":)") + value + "}");
    EXPECT_NE(to_std(wrong.status().message()).find("neither a text nor a number"), std::string_view::npos) << value;
  }
}

TEST(SampleJson, WhatPythonWritesForNoNumberCostsAVolumeAndIsATextInMetadata) {
  const auto read = [](const char* volume) {
    return sample_from_json(std::string(R"({"name":"m","type":"gauge","resource_id":"r","monotonic_time":NaN,)"
                                        R"("resource_metadata":{"load": NaN, "half":"\ud83d"},"volume":)") +
                            volume + "}");
  };
  const auto good = read("1");
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_EQ(good->resource_metadata, R"({"load": "NaN", "half":"\ufffd"})");
  EXPECT_FALSE(good->monotonic_time);
  EXPECT_NE(to_std(read("NaN").status().message()).find("\"volume\" is NaN: "), std::string_view::npos);
  EXPECT_FALSE(read("-Infinity").ok());
}

TEST(SampleJson, BytesThatAreNotUtf8AreEscapedInIdentitiesAndReplacedElsewhere) {
  const auto sample = sample_from_json(
      "{\"name\":\"m\xf6\",\"type\":\"gauge\",\"volume\":1,\"unit\":\"\xff\",\"resource_id\":\"Gr\xf6 5%\","
      "\"project_id\":\"p\xdf\",\"user_id\":\"u\",\"user_name\":\"\xf6\",\"resource_metadata\":{\"k\":\"\xf6\"}}");
  ASSERT_TRUE(sample.ok()) << sample.status();
  EXPECT_EQ(sample->name, "m%F6");
  EXPECT_EQ(sample->resource_id, "Gr%F6 5%25");
  EXPECT_EQ(sample->project_id, "p%DF");
  EXPECT_EQ(sample->unit, "\xef\xbf\xbd");
  EXPECT_EQ(sample->user_name, "\xef\xbf\xbd");
  EXPECT_EQ(sample->resource_metadata, "{\"k\":\"\xef\xbf\xbd\"}");
}

}  // namespace
}  // namespace tally::wire
