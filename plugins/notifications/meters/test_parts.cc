// The inner parts of the handler "meters", without the host: event types, regular expressions, plugins of fields,
// loading. Not for paths (test_paths.cc), nor for the handler as the host calls it (test.cc).
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tally/sdk/error.h>

#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "definitions/event_pattern.h"
#include "definitions/field_plugin.h"
#include "definitions/load.h"
#include "handler.h"
#include "sample_maker.h"
#include "values/json_tree.h"
#include "values/member_finder.h"
#include "values/scan.h"

namespace {

using testing::ElementsAre;
using testing::HasSubstr;

bool matches(const std::string& pattern, std::string_view event_type) {
  std::string why;
  const auto parsed = meters::EventPattern::parse(pattern, why);
  EXPECT_TRUE(parsed) << why;
  return parsed && parsed->matches(event_type);
}

TEST(EventPattern, GivesExamplesOfWhatItTakes) {
  const auto examples = [](const std::string& pattern) {
    std::string why;
    return meters::EventPattern::parse(pattern, why)->examples();
  };
  EXPECT_THAT(examples("backup\\.(exists|create|delete)(\\..*)?$"),
              ElementsAre("backup.exists", "backup.create", "backup.delete"));
  EXPECT_THAT(examples("a.b|c[xy]+d?"), ElementsAre("a.b", "cx"));
  EXPECT_THAT(examples("compute\\.instance\\.(?!create\\.start|update).*"), ElementsAre("compute.instance."));
  EXPECT_THAT(examples("(?P<kind>e{2}|f)\\d"), ElementsAre("f1"));
  EXPECT_THAT(examples("*.exists"), ElementsAre(".exists"));
  EXPECT_THAT(examples("(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)"), testing::SizeIs(64));
  for (const char* odd : {"(", "[", "a{", "a|", "(?", "\\\\", "((((((((((", "(?P<", "[^", "[^a-z]"}) {
    std::string why;
    if (const auto parsed = meters::EventPattern::parse(odd, why)) static_cast<void>(parsed->examples());
  }
}

TEST(EventPattern, IsAnchoredAtItsStartAlone) {
  EXPECT_TRUE(matches("image.update", "image.update.start"));
  EXPECT_TRUE(matches("image.update", "imageXupdate"));
  EXPECT_FALSE(matches("image.update", "an.image.update"));
  EXPECT_FALSE(matches("image\\.update", "imageXupdate"));
  EXPECT_TRUE(matches("volume.(exists|retype)", "volume.retype"));
  EXPECT_FALSE(matches("volume.(exists|retype)$", "volume.retyped"));
  EXPECT_TRUE(matches("a|b.c", "bxc"));
  EXPECT_TRUE(matches("ab?c", "ac"));
  EXPECT_TRUE(matches("snapshot.*", "snapshot"));
  EXPECT_TRUE(matches("", ""));
}

TEST(EventPattern, KnowsWhatPythonKnows) {
  EXPECT_TRUE(matches("compute.instance.(?!create.start|update).*", "compute.instance.create.end"));
  EXPECT_FALSE(matches("compute.instance.(?!create.start|update).*", "compute.instance.create.start"));
  EXPECT_TRUE(matches("(?i)IMAGE", "image"));
  EXPECT_TRUE(matches("(?P<a>x)(?P=a)\\Z", "xx"));
  EXPECT_FALSE(matches("(?P<a>x)(?P=a)\\Z", "xx\n"));
  EXPECT_TRUE(matches("xx$", "xx\n"));
  EXPECT_TRUE(matches("a{,2}b", "b"));
  EXPECT_TRUE(matches("[[a]", "["));
  EXPECT_TRUE(matches("\\u00e9.x", "éüx"));
  EXPECT_TRUE(matches("é.x", "éüx"));
  EXPECT_TRUE(matches("x.z", "xüz"));
  EXPECT_TRUE(matches("*.exists", "volume.exists"));  // a glob
  std::string why;
  for (const char* bad : {"(a", "(?R)", "(*UTF)a", "\\Qa", "(?<a>x)", "[a", "\\"})
    EXPECT_FALSE(meters::EventPattern::parse(bad, why)) << bad;
}

TEST(EventPattern, AnExpressionThatRunsAwayIsAFault) {
  std::string why;
  const auto pattern = meters::EventPattern::parse("(x+x+)+[yz]", why);
  ASSERT_TRUE(pattern) << why;
  EXPECT_THROW((void)pattern->matches(std::string(4000, 'x')), tally::Error);
}

TEST(EventIndex, FindsEachMatchOnceInOrder) {
  meters::EventIndex index;
  std::string why;
  std::uint32_t number = 0;
  for (const char* text : {"b.c", "a.c|a.d", "a\\.", ".*", "a.c.d", "(a)", "*.d", "z"})
    index.add(*meters::EventPattern::parse(text, why), number++);
  EXPECT_THAT(index.match("a.c"), ElementsAre(1, 2, 3, 5));
  EXPECT_THAT(index.match("a.d"), ElementsAre(1, 2, 3, 5, 6));
  EXPECT_THAT(index.match("bXc.d"), ElementsAre(0, 3, 6));
  EXPECT_THAT(index.match("bé"), ElementsAre(3));
  EXPECT_THAT(index.match(""), ElementsAre(3));
}

std::string through(std::string_view trait, std::string_view parameters, std::vector<std::string> values) {
  std::string why;
  const auto made = meters::make_trait(trait, parameters, why);
  if (!made) return "fault: " + why;
  meters::Arena arena;
  std::vector<meters::Found> found;
  for (std::size_t i = 0; i < values.size(); ++i)
    found.push_back({"payload." + std::string(1, static_cast<char>('a' + i)),
                     meters::keep(arena, meters::read_tree(values[i], arena))});
  std::vector<const meters::Node*> out;
  made->values(found, arena, out);
  std::string text;
  for (const meters::Node* one : out) {
    if (!text.empty()) text += ' ';
    meters::append_json(*one, text);
  }
  return text;
}

TEST(Definitions, OneThatIsDisabledHidesNoOther) {
  const std::string text = "metric:\n- {name: size, event_type: x, type: gauge, unit: GB, volume: 1, resource_id: r}\n";
  const auto loaded = [&](std::vector<std::string> disabled) {
    meters::Definitions definitions({}, std::move(disabled));
    definitions.load(text, "shipped.yaml");
    definitions.load(text, "own.yaml");
    std::vector<std::string> found = definitions.faults();
    for (const auto& one : definitions.program().definitions) found.push_back(one.id + (one.disabled ? " off" : " on"));
    return found;
  };
  EXPECT_THAT(loaded({}), ElementsAre(HasSubstr("defined already, at shipped.yaml:2"), "shipped.yaml:size on"));
  EXPECT_THAT(loaded({"shipped.yaml:*"}), ElementsAre("shipped.yaml:size off", "own.yaml:size on"));
  EXPECT_THAT(loaded({"own.yaml:size"}), ElementsAre("shipped.yaml:size on"));
}

TEST(Definitions, ADisabledOneThatIsHiddenIsToldWithWhatHidesItAndTakesNoPlace) {
  const std::string text = "metric:\n- {name: size, event_type: x, type: gauge, unit: GB, volume: 1, resource_id: r}\n";
  meters::Definitions definitions({}, {"own.yaml:size"});
  definitions.load(text, "shipped.yaml");
  definitions.load(text, "own.yaml");
  EXPECT_THAT(definitions.notices(), ElementsAre(HasSubstr("own.yaml:2:3: \"own.yaml:size\" is disabled, and is hidden "
                                                           "anyway by the definition at shipped.yaml:2")));
  const meters::Handler handler(std::move(definitions).take(), {});
  const auto told = [&](std::optional<std::string_view> type) {
    std::vector<std::string> found;
    for (const auto& one : handler.definitions(type)) found.push_back(one.name + (one.disabled ? " off" : " on"));
    return found;
  };
  EXPECT_THAT(told(std::nullopt), ElementsAre("shipped.yaml:size on", "own.yaml:size off"));
  EXPECT_THAT(told("x"), ElementsAre("shipped.yaml:size on")) << "no sample is left out for it";
}

TEST(Traits, Split) {
  constexpr const char* kText = R"("test-foobar-baz")";
  EXPECT_EQ(through("split", R"({"separator": "-"})", {kText}), R"("test")");
  EXPECT_EQ(through("split", R"({"separator": "-", "segment": 1})", {kText}), R"("foobar")");
  EXPECT_EQ(through("split", R"({"separator": "-", "segment": 1, "max_split": 1})", {kText}), R"("foobar-baz")");
  EXPECT_EQ(through("split", R"({"separator": "-", "segment": 5})", {kText}), "");
  EXPECT_EQ(through("split", R"({"separator": "-", "segment": -1})", {kText, "7"}), R"("baz" "7")");
  EXPECT_EQ(through("split", "null", {kText}), kText);
  EXPECT_THAT(through("split", R"({"separator": ""})", {kText}), HasSubstr("fault"));
}

TEST(Traits, Bitfield) {
  constexpr const char* kFlags = R"({"initial_bitfield": 8192, "flags": [{"path": "payload.a", "bit": 10, "value": 12},
      {"path": "payload.b", "bit": 4}, {"path": "payload.c", "bit": 1, "value": "testagain"},
      {"path": "payload.d", "bit": 0}]})";
  EXPECT_EQ(through("bitfield", kFlags, {"12", "\"test\"", "\"testagain\""}), "9234");  // 0x2412
  EXPECT_EQ(through("bitfield", "{}", {}), "0");
  EXPECT_THAT(through("bitfield", R"({"flags": [{"bit": 1}]})", {}), HasSubstr("fault"));
}

TEST(Traits, Timedelta) {
  EXPECT_EQ(through("timedelta", "null", {R"("2015-01-01T15:04:32Z")", R"("2015-01-01T16:04:32Z")"}), "3600");
  EXPECT_EQ(through("timedelta", "null", {R"("2015-01-01T15:15:32")", R"("2015-01-01 15:10:32")"}), "300");
  EXPECT_EQ(through("timedelta", "null", {R"("2015-01-01T15:04:32.786893")", R"("2015-01-01T15:04:32.786899")"}),
            "0.000006");
  EXPECT_EQ(through("timedelta", "null", {R"("2015-01-01T15:04:32")"}), "");
  EXPECT_EQ(through("timedelta", "null", {R"("2015-01-01T15:004:32")", R"("2015-01-01T15:10:32")"}), "");
}

TEST(Traits, Map) {
  constexpr const char* kMap = R"({"values": {"ACTIVE": 1, "error": 2, "3": 4}, "default": -1)";
  const std::vector<std::string> values = {"\"ACTIVE\"", "\"ERROR\"", "3", "999"};
  EXPECT_EQ(through("map", std::string(kMap) + ", \"case_sensitive\": false}", values), "1 2 4 -1");
  EXPECT_EQ(through("map", std::string(kMap) + "}", values), "1 -1 4 -1");
  EXPECT_THAT(through("map", "{}", values), HasSubstr("values is a map"));
  EXPECT_THAT(through("nosuch", "{}", values), HasSubstr("there are: split"));
}

TEST(Tree, RefusesWhatIsNoJson) {
  meters::Arena arena;
  for (const char* bad :
       {"", "{", "[1,]", "{\"a\" 1}", "[1 2]", "nul", "\"a", "\"\\x\"", "01", "1 2", "{\"a\":}", "-", "\"\n\""})
    EXPECT_THROW((void)meters::read_tree(bad, arena), tally::Error) << bad;
  EXPECT_THROW((void)meters::read_tree(std::string(200, '[') + std::string(200, ']'), arena), tally::Error);
  EXPECT_EQ(meters::read_tree(R"("a\u00e9\n\ud83d\ude00\ud800")", arena).text, "aé\n😀\xef\xbf\xbd");
}

TEST(MemberFinder, TwoPathsToOneMemberBothHaveIt) {
  meters::MemberFinder wants;
  wants.add({"payload", "a"}, 0);
  wants.add({"payload", "a"}, 1);
  wants.add({"payload"}, 2);
  wants.add({"payload"}, 3);
  std::vector<meters::Slot> slots(4);
  meters::Arena arena;
  wants.look("payload", R"({"a": 1})", 1, slots, arena);
  EXPECT_EQ(slots[0].value.raw, "1");
  EXPECT_EQ(slots[1].value.raw, "1");
  EXPECT_EQ(slots[2].value.raw, R"({"a": 1})");
  EXPECT_EQ(slots[3].value.raw, R"({"a": 1})");
}

// What is remembered of earlier messages changes nothing: keys in other orders, with other spaces, missing and new
// ones.
TEST(MemberFinder, WhatWasSeenBeforeChangesNothing) {
  const auto make = [] {
    auto wants = std::make_unique<meters::MemberFinder>();
    wants->add({"payload", "a"}, 0);
    wants->add({"payload", "b", "c"}, 1);
    wants->add({"payload", "b"}, 2);
    wants->add({"payload", "long_name_that_fits"}, 3);
    wants->add({"payload", "a_name_that_is_too_long_to_be_remembered"}, 4);
    return wants;
  };
  const std::vector<std::string> keys = {"a",
                                         "b",
                                         "c",
                                         "x",
                                         "y\\n",
                                         "long_name_that_fits",
                                         "other_name_that_fits",
                                         "a_name_that_is_too_long_to_be_remembered"};
  const std::vector<std::string> values = {"1",       "\"t\"", "{\"c\": 1, \"d\": 2}", "{\"d\":2,\"c\":[3]}", "null",
                                           "[1, {}]", "{}"};
  const std::vector<std::string> between = {", ", ",", " , ", " ", ", ,"};
  std::mt19937 random(5);
  const auto remembering = make();
  int good = 0;
  for (std::uint64_t round = 1; round <= 20'000; ++round) {
    std::string json = random() % 50 == 0 ? "{, " : "{";
    for (std::size_t n = random() % 6, i = 0; i < n; ++i) {
      if (i > 0) json += between[random() % 8 != 0 ? random() % 2 : random() % between.size()];
      json += "\"" + keys[random() % keys.size()] + (random() % 5 == 0 ? "\" :" : "\": ") +
              values[random() % values.size()];
    }
    json += "}" + std::string(random() % 40, ' ');
    const auto look = [&](meters::MemberFinder& wants) {
      std::vector<meters::Slot> slots(5);
      meters::Arena arena;
      std::vector<std::string> found;
      try {
        wants.look("payload", json, round, slots, arena);
      } catch (const tally::Error&) {
        return std::vector<std::string>{"no JSON"};
      }
      for (const meters::Slot& slot : slots)
        found.emplace_back(slot.round == round ? std::string(slot.value.raw) + "." : "nothing");
      return found;
    };
    const std::vector<std::string> wanted = look(*make());
    good += wanted.size() == 5 ? 1 : 0;
    ASSERT_EQ(look(*remembering), wanted) << json;
  }
  EXPECT_GT(good, 10'000);
}

TEST(MemberFinder, FindsNestedMembersAndTheLastOfTwins) {
  meters::MemberFinder wants;
  wants.add({"payload", "a"}, 0);
  wants.add({"payload", "b", "c"}, 1);
  wants.add({"payload", "b"}, 2);
  wants.add({"payload", "q\"k"}, 3);
  std::vector<meters::Slot> slots(4);
  meters::Arena arena;
  wants.look("payload", R"( {"x": [{"a": 3}, "}]"], "a": 1, "b": {"c": "v\"", "d": 1}, "q\"k": true, "a": 2} )", 1,
             slots, arena);
  EXPECT_EQ(slots[0].value.raw, "2");
  EXPECT_EQ(slots[1].value.text, "v\"");
  EXPECT_EQ(slots[2].value.raw, R"({"c": "v\"", "d": 1})");
  EXPECT_EQ(slots[3].value.kind, meters::Node::Kind::boolean);
  wants.look("payload", R"({"b": {"c": 1}, "b": 5})", 2, slots, arena);
  EXPECT_NE(slots[1].round, 2U);  // went with the first b
  EXPECT_EQ(slots[2].value.raw, "5");
  wants.look("payload", "[1]", 3, slots, arena);
  EXPECT_NE(slots[0].round, 3U);
  for (const char* bad : {"{\"a\": 1", "{\"a\" 1}", "{\"a\": x}", "{} 1", "{\"x\": \"", "{\"a\": \"\\q\"}"})
    EXPECT_THROW(wants.look("payload", bad, 4, slots, arena), tally::Error) << bad;
}

TEST(Numbers, InTexts) {
  const auto number = [](std::string_view text) {
    const auto value = meters::number_in(text, nullptr);
    return value ? value->to_string() : "none";
  };
  EXPECT_EQ(number(" 12 "), "12");
  EXPECT_EQ(number("+1.5e2"), "150");
  EXPECT_EQ(number("-.5"), "-0.5");
  EXPECT_EQ(number("5."), "5");
  EXPECT_EQ(number("007"), "7");
  for (const char* bad : {"", "nan", "inf", "1 2", ".", "-", "+-1", "0x10", "many"})
    EXPECT_EQ(number(bad), "none") << bad;
}

TEST(Definitions, FollowMergeKeysAndNameWhatIsWrong) {
  meters::Definitions definitions;
  definitions.load(R"(base: &base {type: gauge, unit: B, event_type: x, resource_id: $.payload.id}
metric:
  - {<<: *base, name: a, volume: 1}
  - {<<: [{unit: GB}, *base], name: b, volume: '$.payload.[?x'}
  - {<<: [{unit: GB}, *base], name: c, volume: 0, colour: red}
  - {name: d, volume: 1}
  - just a text
)",
                   "f.yaml");
  ASSERT_EQ(definitions.program().definitions.size(), 2U);
  EXPECT_EQ(definitions.program().definitions[0].name_key, "c");
  EXPECT_EQ(definitions.program().definitions[0].unit.literal, "GB");
  ASSERT_EQ(definitions.faults().size(), 3U);
  EXPECT_THAT(definitions.faults()[0], HasSubstr("f.yaml:7:5: skipped: not a definition"));
  EXPECT_THAT(definitions.faults()[1],
              HasSubstr("f.yaml:6:5: skipped \"d\": \"event_type\", \"type\", \"unit\", \"resource_id\" missing"));
  EXPECT_THAT(definitions.faults()[2], HasSubstr("skipped \"b\": volume: path \"$.payload.[?x\": column 14: "));
  ASSERT_EQ(definitions.notices().size(), 1U);
  EXPECT_THAT(definitions.notices()[0], HasSubstr("f.yaml:5:51: \"colour\" is not known"));
}

}  // namespace
