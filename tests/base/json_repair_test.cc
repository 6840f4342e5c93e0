// What is nearly JSON made JSON, and bytes carried through readers of text.
#include "base/json_repair.h"

#include <gtest/gtest.h>
#include <tally/kit/text.h>

#include "base/json.h"

namespace tally {
namespace {

TEST(JsonMend, WhatIsJsonStaysAsItIs) {
  for (const char* json : {"", "{}", R"({"a":[1,-2.5e3,true,null,"NaN","-Infinity \" NaN \\"]})",
                           R"("\ud83d\ude00 \u00e9 \\ud83d")", "{\"k\": \"\xc3\xa9\xf0\x9f\x98\x80\"}"}) {
    EXPECT_FALSE(mended_json(json)) << json;
    EXPECT_EQ(repair_json(json), json);
  }
}

TEST(JsonMend, NumbersThatAreNoneBecomeTexts) {
  EXPECT_EQ(mended_json(R"({"a": NaN, "b":[Infinity,-Infinity], "c":"NaN"})"),
            R"({"a": "NaN", "b":["Infinity","-Infinity"], "c":"NaN"})");
  EXPECT_FALSE(mended_json("[Nan, inf, -I]")) << "nobody writes these, and they stay wrong";
}

TEST(JsonMend, HalvesOfPairsAreReplaced) {
  EXPECT_EQ(mended_json(R"("half \ud83d")"), R"("half \ufffd")");
  EXPECT_EQ(mended_json(R"(["\uDE00\uD83D\ud83d\ude00"])"), R"(["\ufffd\ufffd\ud83d\ude00"])");
  EXPECT_EQ(mended_json(R"(["\\\ud83d"])"), R"(["\\\ufffd"])");
}

TEST(JsonMend, BytesThatAreNotUtf8AreReplaced) {
  EXPECT_EQ(mended_json("{\"a\xf6\":\"\xff\xc3\xa9\xc3\"}"),
            "{\"a\xef\xbf\xbd\":\"\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\"}");
}

TEST(JsonMend, WhatIsMendedIsValidHoweverItIsCut) {
  const std::string whole = "{\"a\":[NaN,\"\\ud83d\\ude00\\ud83d \xf6\",-Infinity,{\"b\\\\\":1}]}";
  const std::string repaired = repair_json(whole);
  EXPECT_TRUE(is_utf8(repaired));
  EXPECT_TRUE(Json::parse(repaired));
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const std::string mended = repair_json(whole.substr(0, size));
    EXPECT_TRUE(is_utf8(mended)) << size;
    EXPECT_EQ(repair_json(mended), mended) << size;
  }
}

TEST(Marks, CarryEveryByteThroughAndBack) {
  std::string bytes = "caf\xc3\xa9 ";
  for (int byte = 0x80; byte < 0x100; ++byte) bytes += static_cast<char>(byte);
  const std::string marked = mark_bytes(bytes).value();
  EXPECT_TRUE(is_utf8(marked));
  EXPECT_EQ(unmark_bytes(marked), bytes);
  EXPECT_EQ(mark_bytes("caf\xc3\xa9").value(), "caf\xc3\xa9");
}

TEST(Marks, AnIdentityIsEscapedAndAnotherTextIsReplaced) {
  EXPECT_EQ(unmark_identity(mark_bytes("Gr\xf6 5%").value()), "Gr%F6 5%25");
  EXPECT_EQ(unmark_identity("Gr%F6"), "Gr%F6") << "nothing was marked in it";
  EXPECT_EQ(unmark_text(mark_bytes("Gr\xf6").value()), "Gr\xef\xbf\xbd");
}

// U+10FE22 would become a quotation mark that nobody sent.
TEST(Marks, AreNotTakenFromTheSender) {
  EXPECT_FALSE(mark_bytes("\xff \xf4\x8f\xb8\xa2"));
  EXPECT_FALSE(mark_bytes("\xff \\udbff\\ude22"));
  EXPECT_FALSE(mark_bytes("\xff \\\\\\uDBFF\\\\\\uDE22")) << "escaped twice";
  EXPECT_EQ(mark_bytes("\xf4\x8f\xb7\xbf \xf4\x8f\xbc\x80"), "\xf4\x8f\xb7\xbf \xf4\x8f\xbc\x80") << "their neighbours";
}

}  // namespace
}  // namespace tally
