// Values that cross the C boundary: what is taken and what is refused.
// Not for the calls that carry them: refusals_test.cc has a plugin that misbehaves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status.h"
#include "plugin/call/marshal.h"

namespace tally::test {
namespace {

using ::testing::HasSubstr;

TEST(CValues, JsonObjectsAreToldFromTheRest) {
  for (const char* text : {"{}", " {\"a\": [1, -2.5e3, null, true, {\"b\": \"\\u00e9\"}]} ",
                           "{\"big\": 123456789012345678901234567890, \"list\": [1e400, {\"x\": -0.0}]}",
                           "{\"pair\": \"\\ud83d\\ude00\"}"}) {
    EXPECT_TRUE(plugin::is_json_object(text)) << text;
  }
  for (const char* text : {"", "[]", "1", "\"{}\"", "{", "{}x", "{} {}", "{\"a\": 01}", "{\"a\" 1}", "{a: 1}",
                           "{\"big\": 123456789012345678901234567890", "{\"big\": 123456789012345678901234567890} x",
                           "{\"big\": 123456789012345678901234567890, \"bad\": 01}", "{\"a\": nul}",
                           "{\"half\": \"\\ud800\"}", "{\"half\": \"\\ude00\\ud83d\"}", "{\"half\": \"\\ud83d\\n\"}"}) {
    EXPECT_FALSE(plugin::is_json_object(text)) << text;
  }
}

absl::StatusOr<Sample> taken_from(const tally_sample& sample) {
  std::vector<Sample> samples;
  if (absl::Status status = plugin::append_sample(sample, samples); !status.ok()) return status;
  return samples.front();
}

TEST(CValues, SampleGoesAndComesBack) {
  Sample sample;
  sample.id = "some-id";
  sample.name = "cpu";
  sample.type = SampleType::cumulative;
  sample.unit = "ns";
  sample.volume = *Decimal::parse("12345678901234567890.125");
  sample.resource_id = "vm";
  sample.project_id = "p";
  sample.timestamp = Time{42};
  sample.resource_metadata = R"({"a": 1})";
  sample.source = "openstack";
  sample.monotonic_time = 1.5;
  const std::string volume = sample.volume.to_string();
  const auto back = taken_from(to_c(sample, volume));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->id, sample.id);
  EXPECT_EQ(back->type, sample.type);
  EXPECT_EQ(back->volume, sample.volume);
  EXPECT_EQ(back->project_id, sample.project_id);
  EXPECT_FALSE(back->user_id.has_value());
  EXPECT_EQ(back->timestamp, sample.timestamp);
  EXPECT_EQ(back->resource_metadata, sample.resource_metadata);
  EXPECT_EQ(back->monotonic_time, sample.monotonic_time);
}

TEST(CValues, ErrorsKeepTheirClassAndLoseTheirPasswords) {
  plugin::ErrorBuffer buffer;
  plugin::refuse(permanent("cannot reach amqp://me:hush@host/"), buffer.get());
  EXPECT_TRUE(buffer.status(TALLY_OK).ok());
  const absl::Status status = buffer.status(TALLY_TRANSIENT);
  EXPECT_EQ(status.code(), kTransient);
  EXPECT_THAT(std::string(status.message()), HasSubstr("cannot reach"));
  EXPECT_EQ(std::string(status.message()).find("hush"), std::string::npos);
  EXPECT_EQ(buffer.status(TALLY_ABSENT).code(), kAbsent);
  EXPECT_EQ(buffer.status(TALLY_PERMANENT).code(), kPermanent);
  EXPECT_EQ(buffer.status(TALLY_UNCLAIMED, true).code(), kUnclaimed);
  EXPECT_EQ(buffer.status(TALLY_UNCLAIMED).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(buffer.status(77).code(), absl::StatusCode::kInternal);
}

TEST(CValues, LengthBeyondTheBufferIsNotBelieved) {
  plugin::ErrorBuffer buffer;
  buffer.get()->length = 1 << 30;
  EXPECT_EQ(buffer.status(TALLY_TRANSIENT).code(), kTransient);
}

// A sample as a plugin gives it; what it points at must live on.
tally_sample given(std::string_view name, std::string_view volume, std::string_view resource,
                   std::string_view metadata = "{}") {
  tally_sample sample{};
  sample.size = sizeof sample;
  sample.type = TALLY_GAUGE;
  sample.timestamp_us = TALLY_NO_TIME;
  sample.name = to_c(name);
  sample.volume = to_c(volume);
  sample.resource_id = to_c(resource);
  sample.resource_metadata = to_c(metadata);
  return sample;
}

TEST(CValues, BytesThatAreNotUtf8AndNearlyJsonCostNoSample) {
  tally_sample sample = given("m", "1", "Gr\xf6 5%", "{\"a\":NaN,\"b\":\"\\ud83d\xf6\"}");
  sample.user_name = to_c(std::string_view("\xf6"));
  const auto taken = taken_from(sample);
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->resource_id, "Gr%F6 5%25");
  EXPECT_EQ(taken->user_name, "\xef\xbf\xbd");
  EXPECT_EQ(taken->resource_metadata, "{\"a\":\"NaN\",\"b\":\"\\ufffd\xef\xbf\xbd\"}");
  EXPECT_FALSE(taken_from(given("m", "1", "r", "{\"a\":}")).ok());
}

TEST(CValues, AHandlersRefusedSampleIsSetAsideAndTheNextOneIsTaken) {
  auto* const gate = plugin::SampleListGate::make();
  const tally_emitter emitter = plugin::emitter_for(*gate);
  wire::SampleList samples;
  plugin::ErrorBuffer error;
  tally_sample odd = given("m", "many", "r\xf6", "[1]");
  odd.type = 9;
  odd.timestamp_us = 1'000'000;
  {
    const plugin::Opened<wire::SampleList> opened(*gate, samples);
    EXPECT_EQ(emitter.sample(emitter.context, &odd, error.get()), TALLY_OK);
    const tally_sample good = given("m", "2", "r");
    EXPECT_EQ(emitter.sample(emitter.context, &good, error.get()), TALLY_OK);
    EXPECT_EQ(emitter.withheld(emitter.context, &good, error.get()), TALLY_OK);
    EXPECT_EQ(emitter.refused(emitter.context, to_c("{\"name\":\"n\",\"volume\":NaN}"), to_c("why"), error.get()),
              TALLY_OK);
    EXPECT_EQ(emitter.refused(emitter.context, to_c("nonsense"), kNoText, error.get()), TALLY_OK);
    EXPECT_EQ(emitter.skipped(emitter.context, to_c("f:m"), to_c("no name"), error.get()), TALLY_OK);
    EXPECT_EQ(emitter.sample(emitter.context, nullptr, error.get()), TALLY_PERMANENT);
  }
  EXPECT_EQ(emitter.sample(emitter.context, &odd, error.get()), TALLY_PERMANENT) << "after the call";
  ASSERT_EQ(samples.size(), 5U);
  EXPECT_EQ(samples[1].volume, 2);
  ASSERT_EQ(samples.aside().size(), 4U);
  EXPECT_EQ(samples.aside()[0].json,
            R"({"name":"m","type":"9","volume":"many","resource_id":"r%F6","timestamp":"1970-01-01T00:00:01+00:00",)"
            R"("resource_metadata":"[1]"})");
  EXPECT_THAT(samples.aside()[0].why, HasSubstr("type 9"));
  EXPECT_EQ(samples[0].name, "m");
  EXPECT_EQ(samples[0].timestamp, Time{1'000'000});
  EXPECT_EQ(samples.aside()[1].at, 2U);
  EXPECT_EQ(samples.aside()[1].why, "");
  EXPECT_EQ(samples.aside()[2].json, R"({"name":"n","volume":"NaN"})");
  EXPECT_EQ(samples.aside()[3].json, R"({"sample":"nonsense"})");
  EXPECT_FALSE(samples.aside()[3].why.empty());
  ASSERT_EQ(samples.skips().size(), 1U);
  EXPECT_EQ(samples.skips()[0].what, "f:m");

  wire::SampleList more;
  more.push_back(samples[1]);
  more.append(samples);
  EXPECT_EQ(more.aside()[1].at, 3U);
  more.shrink(3);
  EXPECT_EQ(more.aside().size(), 1U);
}

}  // namespace
}  // namespace tally::test
