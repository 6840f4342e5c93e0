// Signatures against vectors that Ceilometer itself made.
//
// Each vector is compute_signature(json.loads(TEXT), KEY) of ceilometer.publisher.utils, from Debian 12's
// python3-ceilometer 19.0.0 under Python 3.11; it can be made again by those two calls.
#include "wire/signature.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/json.h"
#include "base/status.h"
#include "wire/sample_json.h"

namespace tally::wire {
namespace {

constexpr const char* kKey = "not-so-secret";

struct Vector {
  const char *what, *text, *signature;
};

// clang-format off
constexpr Vector kVectors[] = {
    {"plain", R"json({"a":"A","b":"B"})json",
     "698a5f64f76b33a057952a573da6f05582f7539f458c7dcf92b03224272514ed"},
    {"nested", R"json({"a":"A","b":"B","nested":{"a":"A","b":"B","c":["c"],"d":["d"]}})json",
     "68bb18b10e1e3f63340ca5ec42b0536aa597d21952ad4a604a825ee73f9a1280"},
    {"order of keys does not matter", R"json({"nested":{"d":["d"],"b":"B","c":["c"],"a":"A"},"b":"B","a":"A"})json",
     "68bb18b10e1e3f63340ca5ec42b0536aa597d21952ad4a604a825ee73f9a1280"},
    {"unicode", R"json({"a\u00e9\u0437":"A","b":"B\u00e9\u0437"})json",
     "6c8535825324c656192e11cbf0affdd387b8762d8977c91c9e4645aaedbe03be"},
    {"unicode keys by code point", R"json({"\uffee":1,"\ud83d\ude00":2,"z":3,"\u00e9":4})json",
     "4d90e213362902d39581b515841b6451692e9851948ea5458acba07af68d01ba"},
    {"scalars", R"json({"f":1.0,"i":1,"n":null,"t":true,"e":[],"d":{},"big":1e16,"small":1e-7,"x":0.1})json",
     "5282851ef750a2c1aecfad94371075a3b5ad9f314b2c368b60766b1f2a312062"},
    {"integers of any size", R"json({"a":0,"b":-0,"c":-7,"d":123456789012345678901234567890123456789})json",
     "afbab03f004b4658e1f64de7b00a0d721e6c17f002cd14c5a937f0e5a1f28711"},
    {"floats", R"json({"a":-0.0,"b":1e15,"c":9999999999999998.0,"d":1E22,"e":0.0001,"f":0.00001,"g":123.456e1,"h":5e-324,"i":1.7976931348623157e308,"j":0.1234567890123456789,"k":1e+2,"l":-2.5E-10,"m":100.0})json",
     "e9bc63a38642633fed3e07ce7180cd6361d129a57525337d417e7966f2f353e3"},
    {"floats past the end", R"json({"a":1e400,"b":-1e400,"c":1e-400,"d":-1e-400,"e":2.4703282292062328e-324})json",
     "a63f6af94497cb2213c3f167978c58eefbb4bac71649f04bc50fb21a1cc4a4b4"},
    {"half way", R"json({"a":9007199254740993.0,"b":0.30000000000000004,"c":2.2250738585072011e-308,"d":4.35,"e":8.41e21,"f":5e22})json",
     "68e8a8d97895747fb7c4bc3f545f083f912893c98f01437bddb29a7ad0776da5"},
    {"a list of everything", R"json({"l":[{"b":"x","a":1},null,true,1.5,"q"]})json",
     "23a55150d5e561f72b6a8563d737207bd7bd5c30b2a66bd5f1c6a48c21b7a8fe"},
    {"lists in lists", R"json({"l":[[],[[]],{},{"z":{"y":[false,-0.0,1e16]},"a":null}]})json",
     "6d7a34679ee0ab4f351596c22e7a53302efe3f3c2c6cd6d83d5567618ca6d8ce"},
    {"repr of bytes", R"json({"l":["\u00e9","it's","say \"x\"","both ' and \"","tab\tline\nreturn\rnul\u0000del\u007fesc\u001b","back\\slash",""]})json",
     "307518b191dc9578a29028ab0526f12216e8ba9d57f04a1cefe667e4fde2bd4e"},
    {"keys in lists are bytes", R"json({"l":[{"it's":"\u00e9","\u00e9":1}]})json",
     "35beece45c8e848909281ee2722a40f21520ae31967404fe4a5a265994a7d427"},
    {"texts outside lists are as they are", R"json({"a":"it's \"\\ \n\u0000","b":"","c":"None"})json",
     "51d5081b2bbda2ec5df30852eb76f7acd288406bd60e3d6042fbce8deeb36b5b"},
    {"names with colons run together", R"json({"a:b":1,"a":{"b":2}})json",
     "351d7246bd7884e08d623220cff47c032a7b933c3ce82aadb03800b265d408fc"},
    {"only the outermost signature is left out", R"json({"message_signature":"zzz","a":{"message_signature":1},"b":[{"message_signature":2}]})json",
     "dddd0dd116a1dde24db8f014be2e6b449664766ca622250c09c0b03454fc0b51"},
    {"what Python writes for no number", R"json({"a":NaN,"b":Infinity,"c":-Infinity,"l":[NaN,"\u00e9",-Infinity,Infinity],"d":{"x":NaN}})json",
     "25a70f12cfc60c0fd561f88b7ad7e27bcab3e999ea140adb2315939f13b55369"},
    {"a key twice: the last counts", R"json({"a":1,"b":2,"a":3})json",
     "4a186c68389f443042caa8503ee5b864936a62cfd3a551e5633e78f82a9c3d28"},
    {"nothing", R"json({})json",
     "0f672afdf102f0bb8625d2153b729831e5ce399a915024ca3371230b38870cc3"},
};
// clang-format on

std::string sign(const std::string& text, std::string_view key) {
  const auto message = python_json(text);
  EXPECT_TRUE(message) << text;
  return message ? signature(*message, key) : "";
}

std::string fault(const std::string& text, std::string_view key) {
  const auto message = python_json(text);
  EXPECT_TRUE(message) << text;
  return message ? std::string(to_std(verify_signature(*message, key).message())) : "not JSON";
}

TEST(Signature, IsCeilometersForEveryKindOfValue) {
  for (const Vector& vector : kVectors) EXPECT_EQ(sign(vector.text, kKey), vector.signature) << vector.what;
}

TEST(Signature, IsCeilometersForAWholeSample) {
  const std::string sample =
      R"({"source":"openstack","counter_name":"cpu","counter_type":"cumulative","counter_unit":"ns",)"
      R"("counter_volume":1234567,"user_id":"u1","user_name":null,"project_id":"p1","project_name":null,)"
      R"("resource_id":"r1","timestamp":"2026-01-02T03:04:05.678901","resource_metadata":{"display_name":"vm",)"
      R"("flavor":{"vcpus":2,"ram":512},"tags":["a","b"]},"message_id":"6c1e7d8e-0000-11ee-8000-000000000001",)"
      R"("monotonic_time":12.5})";
  EXPECT_EQ(sign(sample, "change this for valid signing"),
            "e14f5c77cabe3b5d67178d24ca3a937d2c0b6423c9dd478f8ca198e7f8318c02");
}

TEST(Signature, TakesAKeyOfAnyLength) {
  const std::string text = R"({"a":"A"})";
  EXPECT_EQ(sign(text, std::string(64, 'k')), "a063c128f2c52fb74c136a41b24b49d7da8bede62681bc93cb9df6a41834dfb5");
  EXPECT_EQ(sign(text, std::string(65, 'k')), "cd269a204fca8b91dac02923f94490a8d7d5904bdeed426ba8db4a4beb358cd1");
  EXPECT_EQ(sign(text, std::string(200, 'k')), "c54c8aa347fba5ee2625a26af71a768a5dfaa01b48ba56497cbf3f18c4dfd5b7");
  EXPECT_EQ(sign(text, "gehe\xc3\xafm"), "155188771256c2dd954e1107adf0c7cc5ecc861cf781b12d7d8a924b0d95eae1");
}

TEST(Signature, WithoutASecretThereIsNoneAndNothingIsChecked) {
  EXPECT_EQ(sign(R"({"a":1})", ""), "");
  EXPECT_EQ(fault(R"({"a":1})", ""), "");
  EXPECT_EQ(fault(R"({"a":1,"message_signature":"nonsense"})", ""), "");
}

TEST(Signature, IsVerifiedWhereverItStands) {
  const std::string hex = sign(R"({"a":"A","b":"B"})", kKey);
  EXPECT_EQ(fault(R"({"message_signature":")" + hex + R"(","a":"A","b":"B"})", kKey), "");
  EXPECT_EQ(fault(R"({"b":"B","a":"A","message_signature":")" + hex + "\"}", kKey), "");
}

TEST(Signature, SaysWhatIsWrong) {
  const std::string hex = sign(R"({"a":"A"})", kKey);
  const std::string missing = "it has no message_signature; its sender needs the same telemetry_secret";
  const std::string wrong =
      "its message_signature is wrong: it was changed, or its sender has another telemetry_secret";
  const auto with = [](const std::string& value) { return R"({"a":"A","message_signature":)" + value + "}"; };
  EXPECT_EQ(fault(R"({"a":"A"})", kKey), missing);
  EXPECT_EQ(fault(with("null"), kKey), missing);
  EXPECT_EQ(fault(with("\"\""), kKey), missing);
  EXPECT_EQ(fault(with("\"" + hex + "\""), "another key"), wrong);
  EXPECT_EQ(fault(R"({"a":"B","message_signature":")" + hex + "\"}", kKey), wrong);
  std::string upper = hex;
  std::transform(upper.begin(), upper.end(), upper.begin(), [](char c) { return c >= 'a' ? c - 'a' + 'A' : c; });
  EXPECT_EQ(fault(with("\"" + upper + "\""), kKey), wrong);
  EXPECT_EQ(fault(with("\"" + hex.substr(1) + "\""), kKey), wrong);
  EXPECT_EQ(fault(with("\"" + hex + "0\""), kKey), wrong);
  for (const char* value : {"1", "true", "[]", "{}", "\"\u00e9\""}) EXPECT_EQ(fault(with(value), kKey), wrong) << value;
  EXPECT_EQ(fault("[]", kKey), "not a JSON object");
}

TEST(Signature, TheFaultNeitherShowsTheSecretNorWhatWouldBeRight) {
  const std::string text = fault(R"({"a":"A","message_signature":"x"})", "hunter2");
  EXPECT_EQ(text.find("hunter2"), std::string::npos);
  EXPECT_EQ(text.find(sign(R"({"a":"A"})", "hunter2")), std::string::npos);
}

TEST(Signature, IsOnASampleForTheBusAlone) {
  Sample sample;
  sample.id = "6c1e7d8e";
  sample.name = "cpu";
  sample.type = SampleType::cumulative;
  sample.unit = "ns";
  sample.volume = *Decimal::parse("1234567.10");
  sample.resource_id = "r1";
  sample.resource_metadata = R"({"display_name":"vm","n":[1E2,0.1e-6]})";
  const std::string text = to_json(sample, SampleKeys::bus, kKey);
  EXPECT_EQ(fault(text, kKey), "") << text;
  EXPECT_NE(fault(text, "another key"), "");
  EXPECT_EQ(to_json(sample, SampleKeys::tally, kKey), to_json(sample));
  const auto again = sample_from_json(text, SampleKeys::bus);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(to_json(*again), to_json(sample));
}

// What stands in a sample is Ceilometer's alone, so that its own check finds what it signs.
TEST(Signature, ASampleOnTheBusHasCeilometersKeysAndNoOthers) {
  const std::string text = to_json(Sample(), SampleKeys::bus, kKey);
  const auto message = python_json(text);
  ASSERT_TRUE(message);
  std::vector<std::string> keys;
  for (const Json& member : message->items()) keys.emplace_back(member.key());
  const std::vector<std::string> expected = {
      "source",    "counter_name",      "counter_type", "counter_unit",   "counter_volume",
      "user_id",   "user_name",         "project_id",   "project_name",   "resource_id",
      "timestamp", "resource_metadata", "message_id",   "monotonic_time", "message_signature"};
  EXPECT_EQ(keys, expected);
}

}  // namespace
}  // namespace tally::wire
