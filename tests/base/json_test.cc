// The small JSON helpers: the host's and the one for plugins. Not for messages: tests/bus.
#include "base/json.h"

#include <tally/kit/json.h>

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

namespace tally {
namespace {

TEST(Utf8, IsWellFormedOrNot) {
  for (const char* text :
       {"", "abc", "\xc3\xa9", "\xe2\x82\xac", "\xed\x9f\xbf", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"})
    EXPECT_TRUE(is_utf8(text)) << text;
  for (const char* text : {"\x80", "\xc0\x80", "\xc1\xbf", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80", "\xe2\x82",
                           "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "a\xff"})
    EXPECT_FALSE(is_utf8(text)) << text;
}

std::optional<Json> read(std::string_view text) { return is_utf8(text) ? Json::parse(text) : std::nullopt; }

TEST(JsonWriter, EscapesWhatItMust) {
  JsonWriter out;
  out.text("a\"b", "line\n\t\\\x01").number("n", -3).boolean("t", true).null("x").raw("o", "{}");
  out.text("none", std::optional<std::string>());
  EXPECT_EQ(out.str(), R"({"a\"b":"line\n\t\\\u0001","n":-3,"t":true,"x":null,"o":{},"none":null})");
  const std::string written = out.str();
  ASSERT_TRUE(read(written));
  EXPECT_TRUE(read(written)->is_object());
}

TEST(Json, IsReadStrictly) {
  EXPECT_TRUE(read(" [1, 2.5e-3, \"\\u00e9\", null, true, {\"a\": []}] "));
  ASSERT_TRUE(read("[]"));
  EXPECT_FALSE(read("[]")->is_object());
  for (const char* text : {"", "{", "[1,]", "{\"a\":}", "{a:1}", "tru", "01", "1.", "-", "\"\\x\"", "\"\n\"", "[1] 2",
                           "\"\\u12\"", "\"\xff\"", "nul", "[1 2]"})
    EXPECT_FALSE(read(text)) << text;
  EXPECT_TRUE(read(std::string(128, '[') + std::string(128, ']')));
  EXPECT_FALSE(read(std::string(100'000, '[')));
}

// The tree looks into the text: what would be gone at once is refused by the compiler.
template <class Text>
concept Parses = requires(Text&& text) {
  Json::parse(std::forward<Text>(text));
};
static_assert(Parses<const char (&)[3]> && Parses<std::string_view> && Parses<std::string&> &&
              Parses<const std::string&>);
static_assert(!Parses<std::string> && !Parses<const std::string>);

TEST(Json, KeepsNumbersAsWritten) {
  const std::string text = R"({"a": {"b": 12345678901234567890.10, "c": [1, -2]}, "s": "x\ny"})";
  const auto json = Json::parse(text);
  ASSERT_TRUE(json);
  EXPECT_EQ(json->find("a.b")->raw(), "12345678901234567890.10");
  EXPECT_EQ(json->find("a.b")->decimal()->to_string(), "12345678901234567890.1");
  EXPECT_EQ(json->find("a.c")->at(1)->integer(), -2);
  EXPECT_EQ(json->find("a.c")->at(2), nullptr);
  EXPECT_EQ(json->find_text("s"), "x\ny");
  EXPECT_EQ(json->find("a.b.c"), nullptr);
  EXPECT_EQ(json->find("a")->raw(), R"({"b": 12345678901234567890.10, "c": [1, -2]})");
}

TEST(Json, ResolvesEscapesInKeysAndTexts) {
  const auto json = Json::parse(R"({"k\u00e9y": "\ud83d\ude00 \ud83d \/", "a": 1, "a": 2})");
  ASSERT_TRUE(json);
  EXPECT_EQ(json->at("k\xc3\xa9y")->text(), "\xf0\x9f\x98\x80 \xef\xbf\xbd /");
  EXPECT_EQ(json->at("a")->integer(), 2);
}

TEST(Json, SaysWhatIsWrongWhere) {
  std::string why;
  EXPECT_FALSE(Json::parse("{\"a\": tru}", &why));
  EXPECT_EQ(why, "not a JSON value at byte 6");
}

TEST(JsonObject, WritesEveryKindOfValue) {
  JsonObject out;
  out.set("s", "x").set("i", 3).set("b", false).set("d", 0.5).set("v", *Decimal::parse("1.10"));
  out.set("none", std::optional<std::string>()).set("o", JsonObject().set("k", 1u));
  EXPECT_EQ(out.str(), R"({"s":"x","i":3,"b":false,"d":0.5,"v":1.1,"none":null,"o":{"k":1}})");
}

}  // namespace
}  // namespace tally
