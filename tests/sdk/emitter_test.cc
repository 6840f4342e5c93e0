// Samples on their way out of a plugin: each member as the host's end of the boundary sees it.
#include <gtest/gtest.h>
#include <tally/sdk/emitter.h>

#include <optional>
#include <string>
#include <vector>

namespace tally {
namespace {

using Text = std::optional<std::string>;

// A host's end: copies what it is given, or answers as the test says.
struct Taker {
  struct Taken {
    std::size_t size;
    std::int32_t type;
    std::optional<double> monotonic_time;
    std::int64_t timestamp_us;
    Text name, unit, volume, resource_id, project_id, project_name, user_id, user_name, metadata, source, id;
  };

  static std::int32_t take(void* context, const tally_sample* sample, tally_error* error) {
    auto& taker = *static_cast<Taker*>(context);
    if (taker.answer != TALLY_OK) {
      detail::say(error, taker.why.c_str());
      return taker.answer;
    }
    const auto text = [](tally_str value) {
      return value.data == nullptr ? std::nullopt : std::optional(std::string(from_c(value)));
    };
    taker.taken.push_back({sample->size, sample->type,
                           sample->has_monotonic_time != 0 ? std::optional(sample->monotonic_time) : std::nullopt,
                           sample->timestamp_us, text(sample->name), text(sample->unit), text(sample->volume),
                           text(sample->resource_id), text(sample->project_id), text(sample->project_name),
                           text(sample->user_id), text(sample->user_name), text(sample->resource_metadata),
                           text(sample->source), text(sample->id)});
    return TALLY_OK;
  }

  std::int32_t answer = TALLY_OK;
  std::string why;
  std::vector<Taken> taken;
  tally_emitter emitter{sizeof(tally_emitter), this, take};
};

TEST(SdkEmitter, ShortWaysMakeTheThreeTypes) {
  EXPECT_EQ(gauge("m", "B", 1, "r").type, SampleType::gauge);
  EXPECT_EQ(delta("m", "B", 1, "r").type, SampleType::delta);
  const Sample sample = cumulative("cpu", "ns", *Decimal::parse("0.1"), "h1");
  EXPECT_EQ(sample.type, SampleType::cumulative);
  EXPECT_EQ(sample.name, "cpu");
  EXPECT_EQ(sample.unit, "ns");
  EXPECT_EQ(sample.volume.to_string(), "0.1");
  EXPECT_EQ(sample.resource_id, "h1");
}

TEST(SdkEmitter, WhatIsAbsentIsNullOrTheHostsToSay) {
  Taker taker;
  Emitter emit(taker.emitter);
  emit(gauge("m", "", 42, "r"));
  ASSERT_EQ(taker.taken.size(), 1u);
  const Taker::Taken& taken = taker.taken[0];
  EXPECT_EQ(taken.size, sizeof(tally_sample));
  EXPECT_EQ(taken.type, TALLY_GAUGE);
  EXPECT_EQ(taken.timestamp_us, TALLY_NO_TIME);
  EXPECT_EQ(taken.monotonic_time, std::nullopt);
  EXPECT_EQ(taken.name, "m");
  EXPECT_EQ(taken.unit, "");
  EXPECT_EQ(taken.volume, "42");
  EXPECT_EQ(taken.metadata, "{}");
  for (const Text& absent :
       {taken.project_id, taken.project_name, taken.user_id, taken.user_name, taken.source, taken.id})
    EXPECT_EQ(absent, std::nullopt);
}

TEST(SdkEmitter, EveryMemberArrives) {
  Sample sample = delta("m", "B", *Decimal::parse("-12345678901234567890123456789012345678"), "r");
  sample.project_id = "p1";
  sample.project_name = "";  // known to be empty, which is not unknown
  sample.user_id = "u1";
  sample.user_name = "caf\xc3\xa9";
  sample.timestamp = Time{0};
  sample.resource_metadata = R"({"a":1})";
  sample.source = "here";
  sample.id = "i1";
  sample.monotonic_time = 12.5;
  Taker taker;
  Emitter emit(taker.emitter);
  emit(sample);
  ASSERT_EQ(taker.taken.size(), 1u);
  const Taker::Taken& taken = taker.taken[0];
  EXPECT_EQ(taken.type, TALLY_DELTA);
  EXPECT_EQ(taken.volume, "-12345678901234567890123456789012345678");
  EXPECT_EQ(taken.timestamp_us, 0);
  EXPECT_EQ(taken.monotonic_time, 12.5);
  EXPECT_EQ(taken.project_id, "p1");
  EXPECT_EQ(taken.project_name, "");
  EXPECT_EQ(taken.user_id, "u1");
  EXPECT_EQ(taken.user_name, "caf\xc3\xa9");
  EXPECT_EQ(taken.metadata, R"({"a":1})");
  EXPECT_EQ(taken.source, "here");
  EXPECT_EQ(taken.id, "i1");
}

TEST(SdkEmitter, ARefusedSampleIsThrownWithTheHostsClassAndWordsAndTheNextMayFollow) {
  Taker taker;
  Emitter emit(taker.emitter);
  for (const auto& [answer, outcome] :
       {std::pair{TALLY_PERMANENT, Outcome::permanent}, std::pair{TALLY_TRANSIENT, Outcome::transient}}) {
    taker.answer = answer;
    taker.why = "sample: the name has no bytes";
    try {
      emit(gauge("", "", 1, "r"));
      ADD_FAILURE() << "nothing thrown";
    } catch (const Error& error) {
      EXPECT_EQ(error.outcome(), outcome);
      EXPECT_EQ(std::string(error.what()), "sample: the name has no bytes");
    }
  }
  taker.answer = TALLY_OK;
  emit(gauge("m", "", 1, "r"));
  EXPECT_EQ(taker.taken.size(), 1u);
}

TEST(SdkEmitter, InAPollARefusedSampleIsTheHostsToCountAndThePollGoesOn) {
  Taker taker;
  Emitter emit(taker.emitter, Emitter::Refusal::counted);
  taker.answer = TALLY_PERMANENT;
  taker.why = "sample: the name has no bytes";
  std::string why;
  EXPECT_FALSE(emit(gauge("", "", 1, "r"), &why));
  EXPECT_EQ(why, "sample: the name has no bytes");
  EXPECT_FALSE(emit(gauge("", "", 1, "r")));
  taker.answer = TALLY_OK;
  EXPECT_TRUE(emit(gauge("m", "", 1, "r")));
  EXPECT_EQ(taker.taken.size(), 1u);
  taker.answer = TALLY_TRANSIENT;
  EXPECT_THROW(emit(gauge("m", "", 1, "r")), Error) << "the host has no room: no sample's fault";
}

TEST(SdkEmitter, AHostsLongAnswerIsCutNotOverrun) {
  Taker taker;
  taker.answer = TALLY_PERMANENT;
  taker.why = std::string(10'000, 'x');
  Emitter emit(taker.emitter);
  try {
    emit(gauge("m", "", 1, "r"));
    ADD_FAILURE() << "nothing thrown";
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()), std::string(512, 'x'));
  }
}

}  // namespace
}  // namespace tally
