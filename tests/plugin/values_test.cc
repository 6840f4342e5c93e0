// Values that cross the C boundary: what is taken and what is refused.
// Not for the calls that carry them: refusals_test.cc has a plugin that misbehaves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/status.h"
#include "plugin/c_values.h"

namespace tally::test {
namespace {

using ::testing::HasSubstr;

TEST(CValues, JsonObjectsAreToldFromTheRest) {
  for (const char* text :
       {"{}", " {\"a\": [1, -2.5e3, null, true, {\"b\": \"\\u00e9\"}]} ",
        "{\"big\": 123456789012345678901234567890, \"list\": [1e400, {\"x\": -0.0}]}", "{\"half\": \"\\ud800\"}"}) {
    EXPECT_TRUE(host::is_json_object(text)) << text;
  }
  for (const char* text : {"", "[]", "1", "\"{}\"", "{", "{}x", "{} {}", "{\"a\": 01}", "{\"a\" 1}", "{a: 1}",
                           "{\"big\": 123456789012345678901234567890", "{\"big\": 123456789012345678901234567890} x",
                           "{\"big\": 123456789012345678901234567890, \"bad\": 01}", "{\"a\": nul}"}) {
    EXPECT_FALSE(host::is_json_object(text)) << text;
  }
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
  const auto back = host::sample_from_c(host::sample_to_c(sample, volume));
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
  host::ErrorBuffer buffer;
  host::refuse(permanent("cannot reach amqp://me:hush@host/"), buffer.get());
  EXPECT_TRUE(buffer.status(TALLY_OK).ok());
  const absl::Status status = buffer.status(TALLY_PASSING);
  EXPECT_EQ(status.code(), kPassing);
  EXPECT_THAT(std::string(status.message()), HasSubstr("cannot reach"));
  EXPECT_EQ(std::string(status.message()).find("hush"), std::string::npos);
  EXPECT_EQ(buffer.status(TALLY_ABSENT).code(), kAbsent);
  EXPECT_EQ(buffer.status(TALLY_PERMANENT).code(), kPermanent);
  EXPECT_EQ(buffer.status(TALLY_UNCLAIMED, true).code(), kUnclaimed);
  EXPECT_EQ(buffer.status(TALLY_UNCLAIMED).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(buffer.status(77).code(), absl::StatusCode::kInternal);
}

TEST(CValues, LengthBeyondTheBufferIsNotBelieved) {
  host::ErrorBuffer buffer;
  buffer.get()->length = 1 << 30;
  EXPECT_EQ(buffer.status(TALLY_PASSING).code(), kPassing);
}

}  // namespace
}  // namespace tally::test
