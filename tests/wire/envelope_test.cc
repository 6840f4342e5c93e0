// Messages in both versions of the envelope, good and bad. Not for what handlers make of them.
#include "wire/envelope.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/json_repair.h"
#include "base/strings.h"

namespace tally::wire {
namespace {

constexpr const char* kBare =
    R"({"message_id": "m-1", "publisher_id": "compute.host-1", "event_type": "compute.instance.create.end",
        "priority": "INFO", "payload": {"memory_mb": 512, "s": "\u00e9", "l": [1, {"x": null}]},
        "timestamp": "2026-01-02 03:04:05.678901", "_unique_id": "u", "_context_user_id": "u1",
        "_context_roles": ["admin", "member"] } )";

std::string wrapped(std::string_view inner, const char* version = "2.0") {
  return JsonWriter().text("oslo.version", version).text("oslo.message", inner).str();
}

// A message, and what was read of it.
class Message {
 public:
  explicit Message(std::string body) : body_(std::move(body)), read_(decoder_.read(body_)) {}

  bool ok() const { return read_.ok(); }
  absl::Status status() const { return read_.status(); }
  const Envelope& envelope() const { return **read_; }

 private:
  const std::string body_;
  Decoder decoder_;
  const absl::StatusOr<const Envelope*> read_;
};

std::string error_of(std::string body) { return std::string(to_std(Message(std::move(body)).status().message())); }

TEST(Envelope, ReadsBothVersions) {
  for (const std::string& body : {std::string(kBare), wrapped(kBare), wrapped(kBare, "2.3")}) {
    const Message message(body);
    ASSERT_TRUE(message.ok()) << message.status();
    const Envelope& envelope = message.envelope();
    EXPECT_EQ(envelope.message_id, "m-1");
    EXPECT_EQ(envelope.event_type, "compute.instance.create.end");
    EXPECT_EQ(envelope.publisher_id, "compute.host-1");
    EXPECT_EQ(envelope.priority, "info");
    EXPECT_EQ(envelope.timestamp, "2026-01-02 03:04:05.678901");
    EXPECT_EQ(envelope.time, Time::parse("2026-01-02T03:04:05.678901Z"));
    EXPECT_EQ(envelope.payload, R"({"memory_mb": 512, "s": "\u00e9", "l": [1, {"x": null}]})");
    EXPECT_EQ(envelope.context, R"({"user_id":"u1","roles":["admin", "member"]})");
    EXPECT_FALSE(envelope.samples);
  }
}

TEST(Envelope, TakesLittle) {
  const Message message(R"({"event_type":"x","message_id":null,"timestamp":"soon","payload":12.50})");
  ASSERT_TRUE(message.ok()) << message.status();
  EXPECT_FALSE(message.envelope().message_id);
  EXPECT_FALSE(message.envelope().time);
  EXPECT_EQ(message.envelope().timestamp, "soon");
  EXPECT_EQ(message.envelope().payload, "12.50");
  EXPECT_EQ(message.envelope().context, "{}");
  const Message without(R"({"event_type":"x"})");
  ASSERT_TRUE(without.ok());
  EXPECT_EQ(without.envelope().payload, "null");
}

TEST(Envelope, RefusesWhatIsNoMessage) {
  for (const char* body : {"", " ", "hello", "[]", "3", "{", "{\"event_type\":\"x\"", "{\"event_type\":\"x\"} {}",
                           "{\"event_type\":\"x\",\"payload\":{\"a\":[}", "\xff", "{\"\xff"})
    EXPECT_TRUE(error_of(body).starts_with("not a message: ")) << body << ": " << error_of(body);
  EXPECT_EQ(error_of("{}"), "not a message: \"event_type\" is missing");
  EXPECT_EQ(error_of(R"({"event_type":null})"), "not a message: \"event_type\" is missing");
  EXPECT_EQ(error_of(wrapped("{}")), "not a message: \"event_type\" is missing");
  EXPECT_EQ(error_of(wrapped(kBare, "3.0")),
            "not a message: envelope version \"3.0\", only 2.x and unwrapped ones are known");
  EXPECT_TRUE(error_of(wrapped("nonsense")).starts_with("not a message: oslo.message: "));
}

TEST(Envelope, ReadsItsOwnSamples) {
  Sample sample;
  sample.id = "i1";
  sample.name = "cpu";
  sample.unit = "ns";
  sample.volume = *Decimal::parse("0.1");
  sample.resource_id = "r \"1\"";
  sample.source = "openstack";
  sample.timestamp = Time::parse("2026-01-02T03:04:05");
  const std::vector<Sample> samples = {sample, sample};
  const Message message(encode_samples(samples, "ceilometer.polling", "m-2", *sample.timestamp));
  ASSERT_TRUE(message.ok()) << message.status();
  EXPECT_EQ(message.envelope().event_type, "telemetry.polling");
  EXPECT_EQ(message.envelope().priority, "sample");
  EXPECT_EQ(message.envelope().timestamp, "2026-01-02 03:04:05.000000");
  ASSERT_TRUE(message.envelope().samples);
  const auto again = decode_samples(message.envelope());
  ASSERT_TRUE(again.ok()) << again.status();
  ASSERT_EQ(again->size(), 2u);
  ASSERT_TRUE((*again)[1].ok()) << (*again)[1].status();
  EXPECT_EQ((*again)[1]->id, "i1");
  EXPECT_EQ((*again)[1]->volume, sample.volume);
  EXPECT_EQ((*again)[1]->resource_id, sample.resource_id);
}

TEST(Envelope, RefusesOneSampleAndKeepsTheOthers) {
  const Message message(R"({"event_type":"metering.cpu","payload":[
      {"counter_name":"cpu","counter_type":"gauge","counter_volume":1,"resource_id":"r"},
      {"counter_name":"cpu","counter_type":"gauge","counter_volume":"many","resource_id":"r"}]})");
  ASSERT_TRUE(message.ok()) << message.status();
  ASSERT_TRUE(message.envelope().samples);
  const auto samples = decode_samples(message.envelope());
  ASSERT_TRUE(samples.ok()) << samples.status();
  EXPECT_TRUE((*samples)[0].ok());
  EXPECT_FALSE((*samples)[1].ok());
  const Message none(R"({"event_type":"telemetry.polling","payload":{"sample":1}})");
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(decode_samples(none.envelope()).ok());
}

TEST(Envelope, WithASecretEachSampleIsVerifiedOnItsOwn) {
  Sample sample;
  sample.id = "i1";
  sample.name = "cpu";
  sample.resource_id = "r1";
  sample.volume = *Decimal::parse("0.1");
  const std::vector<Sample> samples = {sample, sample};
  const std::string body = encode_samples(samples, "p", "m-2", Time{0}, "s3cret");
  const Message message(body);
  ASSERT_TRUE(message.ok()) << message.status();
  for (const char* secret : {"s3cret", ""}) {
    const auto good = decode_samples(message.envelope(), secret);
    ASSERT_TRUE(good.ok()) << good.status();
    for (const auto& one : *good) EXPECT_TRUE(one.ok()) << one.status();
  }
  const auto other = decode_samples(message.envelope(), "other");
  ASSERT_TRUE(other.ok()) << other.status();
  for (const auto& one : *other) EXPECT_EQ(one.status().code(), kBadSignature);

  std::string changed = body;
  changed.replace(changed.rfind("r1"), 2, "r2");
  const Message changed_message(changed);
  ASSERT_TRUE(changed_message.ok()) << changed_message.status();
  const auto one_bad = decode_samples(changed_message.envelope(), "s3cret");
  ASSERT_TRUE(one_bad.ok()) << one_bad.status();
  ASSERT_EQ(one_bad->size(), 2u);
  EXPECT_TRUE((*one_bad)[0].ok()) << (*one_bad)[0].status();
  EXPECT_EQ((*one_bad)[1].status().code(), kBadSignature);
}

TEST(Envelope, UnsignedIsBadWhereASecretIsSet) {
  Sample sample;
  sample.name = "cpu";
  sample.resource_id = "r1";
  const std::vector<Sample> samples = {sample};
  const Message message(encode_samples(samples, "p", "m-2"));
  ASSERT_TRUE(message.ok()) << message.status();
  const auto read = decode_samples(message.envelope(), "s3cret");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ((*read)[0].status().code(), kBadSignature);
}

TEST(Envelope, ReadsTheFormOfEndpoints) {
  constexpr const char* kRecorded =
      R"({"event_type":"volume.create.end","publisher_id":"volume.h1","ctxt":{"user_id":"u9","project_id":"p9"},
          "payload":{"volume_id":"v1"},"metadata":{"message_id":"m\u0031","timestamp":"2026-01-02 03:04:05.000000"}})";
  for (const std::string& body : {std::string(kRecorded), wrapped(kRecorded)}) {
    const Message message(body);
    ASSERT_TRUE(message.ok()) << message.status();
    EXPECT_EQ(message.envelope().message_id, "m1");
    EXPECT_EQ(message.envelope().timestamp, "2026-01-02 03:04:05.000000");
    EXPECT_EQ(message.envelope().time, Time::parse("2026-01-02T03:04:05Z"));
    EXPECT_EQ(message.envelope().context, R"({"user_id":"u9","project_id":"p9"})");
    EXPECT_EQ(message.envelope().payload, R"({"volume_id":"v1"})");
  }
  const Message both(R"({"event_type":"x","message_id":"outer","_context_user_id":"u1","ctxt":{"user_id":"u2"},
                               "metadata":{"message_id":"inner","timestamp":7}})");
  ASSERT_TRUE(both.ok()) << both.status();
  EXPECT_EQ(both.envelope().message_id, "outer");
  EXPECT_EQ(both.envelope().timestamp, "7");
  EXPECT_EQ(both.envelope().context, R"({"user_id":"u1"})");
  for (const char* none : {"null", "3", "[]", "{}", R"({"message_id":null})"}) {
    const Message without(std::string(R"({"event_type":"x","ctxt":3,"metadata":)") + none + "}");
    ASSERT_TRUE(without.ok()) << without.status();
    EXPECT_FALSE(without.envelope().message_id);
    EXPECT_EQ(without.envelope().context, "{}");
  }
  EXPECT_TRUE(error_of(R"({"event_type":"x","metadata":{"message_id":}})").starts_with("not a message: metadata: "));
}

TEST(Envelope, HalfASurrogatePairIsReplacedInItsOwnTexts) {
  constexpr const char* kHalf =
      R"({"event_type":"x\ud83d","message_id":"m\udc00","publisher_id":"\ud83d\ude00","payload":{"a":"\ud83d"}})";
  for (const std::string& body : {std::string(kHalf), wrapped(kHalf)}) {
    const Message message(body);
    ASSERT_TRUE(message.ok()) << message.status();
    EXPECT_EQ(message.envelope().event_type, "x\xef\xbf\xbd");
    EXPECT_EQ(message.envelope().message_id, "m\xef\xbf\xbd");
    EXPECT_EQ(message.envelope().publisher_id, "\xf0\x9f\x98\x80");
    EXPECT_EQ(message.envelope().payload, R"({"a":"\ud83d"})") << "whoever reads it decides";
  }
}

TEST(Envelope, BytesThatAreNotUtf8CostNoMessage) {
  const Message message("{\"event_type\":\"x\xff\",\"message_id\":\"m\xf6\",\"payload\":{\"a\":\"\xf6\"}}");
  ASSERT_TRUE(message.ok()) << message.status();
  const Envelope& envelope = message.envelope();
  EXPECT_TRUE(envelope.marked);
  EXPECT_EQ(envelope.event_type, "x\xef\xbf\xbd");
  EXPECT_EQ(envelope.message_id, "m%F6");
  EXPECT_TRUE(is_utf8(envelope.payload));
  EXPECT_TRUE(Json::parse(envelope.payload));
  EXPECT_EQ(unmark_bytes(envelope.payload), "{\"a\":\"\xf6\"}");
}

TEST(Envelope, NaNOfPythonsJsonIsNoneInItsOwnMembersAndCostsOneSample) {
  const Message bare(R"({"event_type":"x","message_id":NaN,"timestamp":-Infinity,"other":Infinity,"payload":NaN})");
  ASSERT_TRUE(bare.ok()) << bare.status();
  EXPECT_FALSE(bare.envelope().message_id);
  EXPECT_FALSE(bare.envelope().timestamp);
  const Message message(R"({"event_type":"telemetry.polling","payload":{"samples":[
      {"counter_name":"ok","counter_type":"gauge","counter_volume":1,"resource_id":7,"resource_metadata":{"n":NaN}},
      {"counter_name":"bad","counter_type":"gauge","counter_volume":NaN,"resource_id":"r"}]}})");
  ASSERT_TRUE(message.ok()) << message.status();
  std::vector<std::string_view> written;
  const auto samples = decode_samples(message.envelope(), {}, &written);
  ASSERT_TRUE(samples.ok()) << samples.status();
  ASSERT_EQ(samples->size(), 2U);
  ASSERT_TRUE((*samples)[0].ok()) << (*samples)[0].status();
  EXPECT_EQ((*samples)[0]->resource_id, "7");
  EXPECT_EQ((*samples)[0]->resource_metadata, R"({"n":"NaN"})");
  EXPECT_FALSE((*samples)[1].ok());
  EXPECT_TRUE(written[1].starts_with(R"({"counter_name":"bad")")) << written[1];
}

TEST(Envelope, ASampleOfCeilometersWithNaNInItVerifies) {
  constexpr const char* kSigned =
      R"({"source":"openstack","counter_name":"ok","counter_type":"gauge","counter_unit":"u","counter_volume":1,)"
      R"("user_id":null,"project_id":null,"resource_id":"r1","timestamp":"2023-11-14T22:00:00.678901",)"
      R"("resource_metadata":{"load":NaN},"message_id":"6c1e7d8e","monotonic_time":null,"message_signature":)"
      R"("4b5443a3128e7aa45782ccc9fed4ba4dd7fff859c40326fd19807fdf09f54574"})";
  const auto sample = decode_sample(kSigned, "s3cret");
  ASSERT_TRUE(sample.ok()) << sample.status();
  EXPECT_EQ(sample->resource_metadata, R"({"load":"NaN"})");
  EXPECT_EQ(decode_sample(kSigned, "other").status().code(), kBadSignature);
  EXPECT_EQ(decode_sample(R"({"name":"m","type":"gauge","volume":1,"resource_id":"r"})", "s3cret")->name, "m");
}

TEST(Envelope, WritesNotifications) {
  const std::string body = encode_notification({"m", "x.y", "p", "ERROR", R"({"a":1})", Time{1'500'000}});
  const Message message(body);
  ASSERT_TRUE(message.ok()) << message.status();
  EXPECT_EQ(message.envelope().payload, R"({"a":1})");
  EXPECT_EQ(message.envelope().priority, "error");
  EXPECT_EQ(message.envelope().time, Time{1'500'000});
}

}  // namespace
}  // namespace tally::wire
