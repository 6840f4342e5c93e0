// What one message becomes before it is stored.
#include "collector/pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/json_repair.h"
#include "collector/fakes.h"
#include "collector/replay.h"
#include "plugin/call/marshal.h"
#include "plugin/managers/dispatcher.h"
#include "wire/envelope.h"

namespace tally::collector {
namespace {

using fakes::Handler;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

SampleView sample(const Processed& done, std::size_t number) { return from_c(done.samples[number]); }

constexpr Time kNow{1'700'000'000'000'000};

class PipelineTest : public testing::Test {
 protected:
  void handler(const std::string& name, std::vector<std::string> claims, Handler::Function function) {
    EXPECT_TRUE(handlers_->add("notification:" + name, std::make_unique<Handler>(std::move(claims), function)).ok());
  }
  void emits(const std::string& name, const std::string& claim, std::vector<Sample> samples) {
    handler(name, {claim}, [samples](const Notification&, wire::SampleList& out) {
      for (const Sample& sample : samples) out.push_back(sample);
      return absl::OkStatus();
    });
  }
  void fails(const std::string& name, const std::string& claim, absl::Status status) {
    handler(name, {claim}, [status](const Notification&, wire::SampleList& out) {
      out.push_back(fakes::sample("half.made"));
      return status;
    });
  }
  Pipeline pipeline() { return {rules_, std::exchange(handlers_, std::make_unique<plugin::Dispatcher>())}; }
  Processed process(const std::string& body) { return pipeline().process({body, "fake://", kNow}); }

  PipelineRules rules_;
  std::unique_ptr<plugin::Dispatcher> handlers_ = std::make_unique<plugin::Dispatcher>();
};

TEST_F(PipelineTest, WhatCannotBeReadIsADeadLetterWithItsReason) {
  const Processed done = process("this is not json");
  ASSERT_TRUE(done.dead_message);
  EXPECT_EQ(done.dead_message->reason, "unreadable");
  EXPECT_EQ(done.dead_message->body, "this is not json");
  EXPECT_THAT(done.dead_message->digest, SizeIs(32));
  EXPECT_FALSE(done.dead_message->detail.empty());
  EXPECT_THAT(done.samples, IsEmpty());
}

TEST_F(PipelineTest, WhatNobodyClaimsHasNothing) {
  emits("a", "image.*", {fakes::sample("image.size")});
  const Processed done = process(fakes::message("1", "volume.create.end", "{}", kNow));
  EXPECT_EQ(done.made, 0U);
  EXPECT_FALSE(done.dead_message);
  EXPECT_THAT(done.parked, IsEmpty());
}

TEST_F(PipelineTest, RowsHaveIdsTimeAndSource) {
  emits("a", "x", {fakes::sample("m"), fakes::sample("m")});
  const Time said{kNow.us - 5'000'000};
  const Processed done = process(fakes::message("1", "x", "{}", said));
  ASSERT_THAT(done.samples, SizeIs(2));
  EXPECT_THAT(sample(done, 0).id, SizeIs(32));
  EXPECT_NE(sample(done, 0).id, sample(done, 1).id);
  EXPECT_EQ(sample(done, 0).timestamp, said);
  EXPECT_EQ(sample(done, 0).source, "openstack");
  std::vector<tally_row> rows;
  add_rows(done, kNow, rows);
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_EQ(rows[1].sample, &done.samples[1]);
  EXPECT_EQ(rows[1].received_us, kNow.us);
}

TEST_F(PipelineTest, DisablingAMeterChangesNoOthersId) {
  const std::vector<Sample> samples = {fakes::sample("a.x"), fakes::sample("b"), fakes::sample("a.y"),
                                       fakes::sample("b")};
  emits("a", "x", samples);
  const Processed all = process(fakes::message("1", "x", "{}", kNow));
  rules_.disabled_meters = {"a.*"};
  emits("a", "x", samples);
  const Processed some = process(fakes::message("1", "x", "{}", kNow));
  EXPECT_EQ(some.made, 4U);
  EXPECT_EQ(some.filtered, 2U);
  ASSERT_THAT(some.samples, SizeIs(2));
  EXPECT_EQ(sample(some, 0).id, sample(all, 1).id);
  EXPECT_EQ(sample(some, 1).id, sample(all, 3).id);
}

TEST_F(PipelineTest, APermanentErrorKeepsTheOthersSamplesAndMakesOneDeadLetter) {
  emits("good", "x", {fakes::sample("kept")});
  fails("bad", "x", permanent("no such key"));
  fails("worse", "x", permanent("nor this"));
  const Processed done = process(fakes::message("1", "x", "{}", kNow));
  ASSERT_THAT(done.samples, SizeIs(1));
  EXPECT_EQ(sample(done, 0).name, "kept");
  ASSERT_TRUE(done.dead_message);
  EXPECT_EQ(done.dead_message->reason, "handler failed");
  EXPECT_EQ(done.dead_message->handler, "notification:bad, notification:worse");
  EXPECT_THAT(done.dead_message->detail, HasSubstr("nor this"));
}

TEST_F(PipelineTest, AgainFromOneHoldsTheWhole) {
  emits("good", "x", {fakes::sample("kept")});
  fails("bad", "x", permanent("no such key"));
  fails("later", "x", transient("not yet"));
  const Processed done = process(fakes::message("1", "x", "{}", kNow));
  EXPECT_TRUE(done.again);
  EXPECT_EQ(done.again_handler, "notification:later");
  EXPECT_EQ(done.again_why, "not yet");
  EXPECT_THAT(done.samples, IsEmpty());
  EXPECT_EQ(done.made, 0U);
  EXPECT_FALSE(done.dead_message);
}

TEST_F(PipelineTest, UnclaimedAfterAllIsNoError) {
  fails("a", "x", absl::Status(kUnclaimed, "not mine"));
  const Processed done = process(fakes::message("1", "x", "{}", kNow));
  EXPECT_THAT(done.samples, IsEmpty());
  EXPECT_FALSE(done.dead_message);
}

TEST_F(PipelineTest, AHandlerThatIsNotAvailableParksItsMessages) {
  handlers_->park("notification:image", "its table is too short", {"image.*"});
  emits("good", "*", {fakes::sample("kept")});
  const Processed done = process(fakes::message("1", "image.upload", "{}", kNow));
  ASSERT_TRUE(done.dead_message);
  EXPECT_EQ(done.dead_message->reason, "handler not available");
  EXPECT_EQ(done.dead_message->handler, "notification:image");
  EXPECT_THAT(done.dead_message->detail, HasSubstr("its table is too short"));
  EXPECT_EQ(done.dead_message->event_type, "image.upload");
  EXPECT_THAT(done.parked, ElementsAre("notification:image"));
  EXPECT_THAT(done.samples, SizeIs(1));
}

TEST_F(PipelineTest, TooOldAndTooNewAreDeadLettersOfTheirOwn) {
  rules_.retention = {{"kept.*", std::nullopt}, {"*", std::chrono::seconds(3600)}};
  Sample old = fakes::sample("old"), kept = fakes::sample("kept.for.ever"), next = fakes::sample("next");
  Sample tomorrow = fakes::sample("tomorrow");
  old.timestamp = kept.timestamp = Time{kNow.us - 3601 * Time::kSecond};
  next.timestamp = Time{kNow.us + Time::kDay + 1};
  tomorrow.timestamp = Time{kNow.us + Time::kDay};
  emits("a", "x", {old, kept, next, tomorrow});
  const Processed done = process(fakes::message("1", "x", "{}", kNow));
  EXPECT_EQ(done.made, 4U);
  ASSERT_THAT(done.dead_samples, SizeIs(2));
  EXPECT_EQ(done.dead_samples[0].reason, "too old");
  EXPECT_EQ(done.dead_samples[0].kind, "sample");
  EXPECT_EQ(done.dead_samples[1].reason, "future");
  ASSERT_THAT(done.samples, SizeIs(2));
  EXPECT_EQ(sample(done, 0).name, "kept.for.ever");
}

TEST_F(PipelineTest, PolledSamplesKeepTheirIds) {
  Sample first = fakes::sample("cpu"), second = fakes::sample("memory");
  first.timestamp = second.timestamp = kNow;
  first.source = second.source = "elsewhere";
  first.id = "0123456789abcdef0123456789abcdef";
  second.id = "foreign-id";
  const std::vector<Sample> samples = {first, second};
  const Processed done = process(wire::encode_samples(samples, "agent", "m-1", kNow));
  ASSERT_THAT(done.samples, SizeIs(2));
  EXPECT_EQ(sample(done, 0).id, first.id);
  EXPECT_EQ(sample(done, 1).id, "foreign-id");
  EXPECT_EQ(sample(done, 1).source, "elsewhere");
  EXPECT_FALSE(done.dead_message);
}

TEST_F(PipelineTest, ABadSampleAmongGoodOnesIsADeadLetterAndTheOthersLive) {
  const std::string good = R"({"counter_name":"cpu","counter_type":"gauge","counter_unit":"%","counter_volume":1,)"
                           R"("resource_id":"r","timestamp":"2023-11-14T22:00:00","message_id":"m-1"})";
  const Processed done = process(
      fakes::message("1", "telemetry.polling", R"({"samples":[)" + good + R"(,{"counter_name":"cpu"}]})", kNow));
  EXPECT_THAT(done.samples, SizeIs(1));
  EXPECT_FALSE(done.dead_message);
  EXPECT_EQ(done.made, 2U);
  ASSERT_THAT(done.dead_samples, SizeIs(1));
  EXPECT_EQ(done.dead_samples[0].kind, "sample");
  EXPECT_EQ(done.dead_samples[0].reason, "bad sample");
  EXPECT_THAT(done.dead_samples[0].detail, HasSubstr("sample 2 of meter cpu: "));
  EXPECT_THAT(done.dead_samples[0].body, HasSubstr(R"("counter_name":"cpu")"));
}

TEST_F(PipelineTest, ARefusedPolledSampleKeepsItsBytesAndTheMessagesTime) {
  const std::string body =
      "{\"counter_name\":\"a\",\"counter_type\":\"gauge\",\"counter_volume\":NaN,\"resource_id\":\"\xf6\"}";
  const Processed done = process(fakes::message("1", "telemetry.polling", "[" + body + ",3]", kNow));
  ASSERT_THAT(done.dead_samples, SizeIs(2));
  EXPECT_EQ(done.dead_samples[0].body, "{\"timestamp\":\"" + kNow.to_string() + "\"," + body.substr(1));
  EXPECT_EQ(done.dead_samples[1].body, "3");
  EXPECT_EQ(done.made, 2U);
  rules_.disabled_meters = {"a"};
  const Processed without = process(fakes::message("1", "telemetry.polling", "[" + body + "]", kNow));
  EXPECT_EQ(without.filtered, 1U);
  EXPECT_THAT(without.dead_samples, IsEmpty());
}

TEST_F(PipelineTest, ARefusedPolledSampleWhoseTimeIsNullHasTheMessagesTimeWhenItIsReplayed) {
  const Processed done = process(fakes::message(
      "1", "telemetry.polling",
      R"([{"counter_name":"a","counter_type":"gauge","timestamp": null,"counter_volume":NaN,"resource_id":"r"} ])",
      kNow));
  ASSERT_THAT(done.dead_samples, SizeIs(1));
  std::string mended = done.dead_samples[0].body;
  mended.replace(mended.find("NaN"), 3, "1");
  const Processed replayed = pipeline().process_sample({mended, "fake://", Time{kNow.us + Time::kSecond}});
  ASSERT_THAT(replayed.samples, SizeIs(1)) << mended;
  EXPECT_EQ(sample(replayed, 0).timestamp, kNow) << mended;
}

TEST_F(PipelineTest, TextsOfPolledAndReplayedSamplesHaveTheLimitsOfHandlers) {
  const auto made = [](const std::string& key, std::size_t bytes) {
    std::map<std::string, std::string> texts = {{"counter_name", "cpu"}, {"resource_id", "r"}};
    texts[key] = std::string(bytes, 'x');
    std::string json = R"({"counter_type":"gauge","counter_volume":1)";
    for (const auto& [name, text] : texts) json.append(",\"" + name + "\":\"" + text + "\"");
    return json + "}";
  };
  Pipeline all = pipeline();
  for (const auto& [key, most] : std::vector<std::pair<std::string, std::size_t>>{{"resource_id", 1024},
                                                                                  {"project_id", 1024},
                                                                                  {"user_id", 1024},
                                                                                  {"counter_name", 255},
                                                                                  {"message_id", 255},
                                                                                  {"source", 255}}) {
    const std::string list = "[" + made(key, most) + "," + made(key, most + 1) + "," + made("user_name", 1) + "]";
    const Processed done = all.process({fakes::message("1", "telemetry.polling", list, kNow), "fake://", kNow});
    EXPECT_THAT(done.samples, SizeIs(2)) << key;
    EXPECT_FALSE(done.dead_message);
    ASSERT_THAT(done.dead_samples, SizeIs(1)) << key;
    EXPECT_EQ(done.dead_samples[0].reason, "bad sample");
    EXPECT_THAT(done.dead_samples[0].detail, HasSubstr("has " + std::to_string(most + 1) + " bytes, at most"));
    const Processed replayed = all.process_sample({done.dead_samples[0].body, "fake://", kNow});
    EXPECT_THAT(replayed.samples, IsEmpty()) << key;
    ASSERT_TRUE(replayed.dead_message);
    EXPECT_EQ(replayed.dead_message->reason, "bad sample");
    EXPECT_THAT(all.process_sample({made(key, most), "fake://", kNow}).samples, SizeIs(1)) << key;
  }
  const std::string own = R"({"name":"m","type":"gauge","volume":1,"resource_id":")" + std::string(1025, 'x') + "\"}";
  EXPECT_THAT(all.process_sample({own, "fake://", kNow}).samples, IsEmpty());
}

TEST_F(PipelineTest, AReplayedSampleOfTheBusIsReadAsSuch) {
  const std::string good = R"({"counter_name":"cpu","counter_type":"gauge","counter_volume":1,"resource_id":7})";
  Pipeline all = pipeline();
  const Processed done = all.process_sample({good, "fake://", kNow});
  ASSERT_THAT(done.samples, SizeIs(1));
  EXPECT_EQ(sample(done, 0).resource_id, "7");
  EXPECT_EQ(
      all.process_sample({R"({"counter_name":"cpu","counter_volume":NaN})", "fake://", kNow}).dead_message->reason,
      "bad sample");
  rules_.telemetry_secret = "s3cret";
  EXPECT_EQ(pipeline().process_sample({good, "fake://", kNow}).dead_message->reason, "bad signature");
}

TEST_F(PipelineTest, ARefusedSampleOfAHandlerIsADeadLetterOfItsOwnAndTakesItsPlaceInTheIds) {
  const auto answer = [&](bool refuse, const char* disabled) {
    rules_.disabled_meters = {disabled};
    handler("a", {"x"}, [refuse](const Notification&, wire::SampleList& out) {
      out.push_back(fakes::sample("m"));
      if (refuse)
        out.set_aside("volume \"many\": not a number",
                      R"({"name":"m","type":"gauge","volume":"many","resource_id":"vm-1"})");
      out.push_back(fakes::sample("m", 2));
      return absl::OkStatus();
    });
    return process(fakes::message("1", "x", "{}", kNow));
  };
  const Processed all = answer(false, "none"), some = answer(true, "none");
  EXPECT_EQ(some.made, 2U);
  ASSERT_THAT(some.samples, SizeIs(1));
  EXPECT_EQ(sample(some, 0).id, sample(all, 1).id) << "the refused one took its place";
  ASSERT_THAT(some.dead_samples, SizeIs(1));
  const DeadLetter& letter = some.dead_samples[0];
  EXPECT_EQ(letter.reason, "bad sample");
  EXPECT_EQ(letter.handler, "notification:a");
  EXPECT_EQ(letter.detail, "sample " + std::string(sample(all, 0).id) + " of meter m: volume \"many\": not a number");
  EXPECT_THAT(letter.body, HasSubstr("\"id\":\"" + std::string(sample(all, 0).id) + "\""));
  EXPECT_THAT(letter.body, HasSubstr("\"timestamp\":\"" + kNow.to_string() + "\""));
  const Processed replayed = pipeline().process_sample({letter.body, "fake://", kNow});
  ASSERT_TRUE(replayed.dead_message);
  EXPECT_THAT(replayed.dead_message->detail, HasSubstr("many"));
  EXPECT_EQ(answer(true, "m").filtered, 2U);
}

TEST_F(PipelineTest, AWithheldSampleIsFilteredAndTakesItsPlaceInTheIds) {
  const auto answer = [&](bool withhold) {
    handler("a", {"x"}, [withhold](const Notification&, wire::SampleList& out) {
      out.push_back(fakes::sample("m"));
      if (withhold) out.set_aside("", "");
      out.push_back(fakes::sample("m", 2));
      return absl::OkStatus();
    });
    return process(fakes::message("1", "x", "{}", kNow));
  };
  const Processed all = answer(false), some = answer(true);
  EXPECT_EQ(some.made, 2U);
  EXPECT_EQ(some.filtered, 1U);
  ASSERT_THAT(some.samples, SizeIs(1));
  EXPECT_EQ(sample(some, 0).id, sample(all, 1).id);
}

TEST_F(PipelineTest, AHandlerThatCannotReadANearlyJsonPayloadGetsItMended) {
  std::vector<std::string> seen;
  handler("strict", {"x"}, [&](const Notification& message, wire::SampleList& out) {
    seen.emplace_back(message.payload);
    out.push_back(fakes::sample("m"));
    return Json::parse(message.payload) ? absl::OkStatus() : permanent("not JSON");
  });
  handler("next", {"x"}, [&](const Notification& message, wire::SampleList&) {
    seen.emplace_back(message.payload);
    return absl::OkStatus();
  });
  const Processed done = process(fakes::message("1", "x", R"({"a":NaN})", kNow));
  EXPECT_FALSE(done.dead_message);
  EXPECT_THAT(done.samples, SizeIs(1));
  EXPECT_THAT(seen, ElementsAre(R"({"a":NaN})", R"({"a":"NaN"})", R"({"a":"NaN"})"));
}

TEST_F(PipelineTest, OfAMessageThatIsNotUtf8IdentitiesAreEscapedAndTheBodyIsKept) {
  handler("a", {"x"}, [](const Notification& message, wire::SampleList& out) {
    EXPECT_TRUE(is_utf8(message.payload));
    const auto payload = Json::parse(message.payload);
    EXPECT_TRUE(payload);
    Sample made = fakes::sample("m");
    made.resource_id = payload->find_text("r").value();
    made.user_name = payload->find_text("r");
    made.resource_metadata = message.payload;
    out.push_back(made);
    out.push_back(made);
    out.set_aside("no", made.resource_metadata);
    return absl::OkStatus();
  });
  const Processed done = process(fakes::message("1", "x", "{\"r\":\"Gr\xf6\"}", kNow));
  ASSERT_THAT(done.samples, SizeIs(1));
  EXPECT_EQ(sample(done, 0).resource_id, "Gr%F6");
  EXPECT_EQ(sample(done, 0).user_name, "Gr\xef\xbf\xbd");
  EXPECT_EQ(sample(done, 0).resource_metadata, "{\"r\":\"Gr\xef\xbf\xbd\"}");
  ASSERT_THAT(done.dead_samples, SizeIs(1));
  EXPECT_THAT(done.dead_samples[0].body, HasSubstr("\"r\":\"Gr\xf6\""));
}

// One signed by Ceilometer (python3-ceilometer 19.0.0, meter_message_from_counter, secret "s3cret"), as its `metering`
// and its `telemetry.polling` messages carry it.
constexpr const char* kCeilometers =
    R"({"source":"openstack","counter_name":"cpu","counter_type":"cumulative","counter_unit":"ns",)"
    R"("counter_volume":1234567.1,"user_id":"u1","project_id":"p1","resource_id":"r1",)"
    R"("timestamp":"2023-11-14T22:00:00.678901","resource_metadata":{"display_name":"vm","tags":["a","\u00e9"]},)"
    R"("message_id":"6c1e7d8e","monotonic_time":null,"message_signature":)"
    R"("d66aa1fdaed8655c4ca355b21a87c0e75b45309760213abc79d12263103802ef"})";

TEST_F(PipelineTest, CeilometersSignedSamplesAreStoredInEitherMessage) {
  rules_.telemetry_secret = "s3cret";
  const std::string list = "[" + std::string(kCeilometers) + "]";
  for (const std::string& body :
       {fakes::message("1", "metering", list, kNow), fakes::message("2", "metering.cpu", list, kNow),
        fakes::message("3", "telemetry.polling", R"({"samples":)" + list + "}", kNow)}) {
    const Processed done = process(body);
    EXPECT_FALSE(done.dead_message) << done.dead_message->detail;
    ASSERT_THAT(done.samples, SizeIs(1));
    EXPECT_EQ(sample(done, 0).id, "6c1e7d8e");
    EXPECT_EQ(sample(done, 0).volume.to_string(), "1234567.1");
  }
}

TEST_F(PipelineTest, ABadSignatureIsADeadLetterAndTheOthersLive) {
  rules_.telemetry_secret = "s3cret";
  std::string changed = kCeilometers;
  changed.replace(changed.find("1234567.1"), 9, "1.1234567");
  const std::string bare =
      R"({"counter_name":"cpu","counter_type":"gauge","counter_volume":1,"resource_id":"r","message_id":"m"})";
  const Processed done =
      process(fakes::message("1", "metering", "[" + changed + "," + kCeilometers + "," + bare + ",{}]", kNow));
  EXPECT_THAT(done.samples, SizeIs(1));
  EXPECT_EQ(done.made, 4U);
  EXPECT_FALSE(done.dead_message);
  ASSERT_THAT(done.dead_samples, SizeIs(3));
  for (const DeadLetter& letter : done.dead_samples) {
    EXPECT_EQ(letter.reason, "bad signature");
    EXPECT_THAT(letter.detail, testing::Not(HasSubstr("s3cret")));
  }
  EXPECT_THAT(done.dead_samples[0].detail, HasSubstr("sample 1 of meter cpu: its message_signature is wrong"));
  EXPECT_EQ(done.dead_samples[0].body, changed);
  EXPECT_THAT(done.dead_samples[1].detail, HasSubstr("sample 3 of meter cpu: it has no message_signature"));
}

TEST_F(PipelineTest, NotificationsAndReplayedSamplesNeedNoSignature) {
  rules_.telemetry_secret = "s3cret";
  emits("a", "x", {fakes::sample("m")});
  Pipeline signed_only = pipeline();
  EXPECT_THAT(signed_only.process({fakes::message("1", "x", "{}", kNow), "fake://", kNow}).samples, SizeIs(1));
  const std::string sample = R"({"id":"i","name":"m","type":"gauge","volume":1,"resource_id":"r"})";
  EXPECT_THAT(signed_only.process_sample({sample, "fake://", kNow}).samples, SizeIs(1));
  const Processed refused = signed_only.process_sample({sample, "fake://", kNow, true});
  EXPECT_THAT(refused.samples, IsEmpty()) << "one that came unsigned over the bus, whatever keys its writer chose";
  ASSERT_TRUE(refused.dead_message);
  EXPECT_EQ(refused.dead_message->reason, "bad signature");
}

TEST_F(PipelineTest, AMendedHandlerReplaysWhatWasParked) {
  const std::string body = fakes::message("1", "image.upload", "{}", kNow);
  handlers_->park("notification:image", "too short", {"image.*"});
  const Processed parked = process(body);
  ASSERT_TRUE(parked.dead_message);
  auto end = std::make_shared<fakes::StoreEnd>();
  end->dead_letters.emplace(parked.dead_message->digest, *parked.dead_message);
  fakes::Storage store(end);
  emits("image", "image.*", {fakes::sample("image.size")});
  Pipeline mended = pipeline();
  const auto replayed = replay(mended, store, *parked.dead_message);
  ASSERT_TRUE(replayed.ok());
  EXPECT_EQ(replayed->outcome, Outcome::stored);
  EXPECT_THAT(end->letters(), IsEmpty());
  EXPECT_THAT(end->samples, SizeIs(1));
  EXPECT_EQ(end->book("messages", "stored"), 1U);
}

TEST_F(PipelineTest, AStillBrokenHandlerKeepsItsDeadLetter) {
  const std::string body = fakes::message("1", "image.upload", "{}", kNow);
  fails("image", "image.*", permanent("no"));
  const Processed dead = process(body);
  ASSERT_TRUE(dead.dead_message);
  auto end = std::make_shared<fakes::StoreEnd>();
  end->dead_letters.emplace(dead.dead_message->digest, *dead.dead_message);
  fakes::Storage store(end);
  fails("image", "image.*", permanent("no"));
  Pipeline broken = pipeline();
  const auto replayed = replay(broken, store, *dead.dead_message);
  ASSERT_TRUE(replayed.ok());
  EXPECT_EQ(replayed->outcome, Outcome::dead);
  EXPECT_THAT(end->letters(), SizeIs(1));
}

}  // namespace
}  // namespace tally::collector
