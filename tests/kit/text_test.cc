// Bytes that are not UTF-8, as identities and as other texts.
// Not where they come in: that is tested with each pollster and each bus.
#include <gtest/gtest.h>
#include <tally/kit/text.h>

#include <map>

namespace {

using tally::escape_identity;
using tally::is_utf8;

TEST(Text, WhatIsUtf8StaysAsItIs) {
  for (const char* text : {"", "node1./", "Grüße", "100%", "5%25", "%", "%2", "%4", "a%20b", "caf%C3%A9", "%f6", "%FG",
                           "50% of %d", "\xf0\x9f\x98\x80", "a\nb"}) {
    EXPECT_EQ(escape_identity(text), text);
    EXPECT_EQ(tally::replace_invalid_utf8(text), text);
  }
}

TEST(Text, WhatIsNotIsEscapedByteForByte) {
  EXPECT_EQ(escape_identity("/media/Gr\xf6\xdf"
                            "e"),
            "/media/Gr%F6%DFe");
  EXPECT_EQ(escape_identity("\xf6 5%"), "%F6 5%25");
  EXPECT_EQ(escape_identity("\xc3"), "%C3") << "a character that was cut";
  EXPECT_EQ(escape_identity("\xed\xa0\xbd"), "%ED%A0%BD") << "half a surrogate pair";
  EXPECT_EQ(escape_identity("\xc0\x80\xc3\xa4"), "%C0%80ä") << "an overlong form, then a character";
}

TEST(Text, ATextThatReadsAsAnEscapeIsEscapedOnceMore) {
  EXPECT_EQ(escape_identity("Gr%F6"), "Gr%25F6");
  EXPECT_EQ(escape_identity("Gr%25F6"), "Gr%2525F6");
  EXPECT_EQ(escape_identity("Gr%F6 5%"), "Gr%F6 5%") << "that no bytes give: their % would be %25";
}

// All strings of at most five of these pieces, which are the ones that matter.
TEST(Text, NoTwoByteStringsBecomeOne) {
  const std::string pieces[] = {"%", "2", "5", "F6", "C3", "A9", "\xf6", "\xc3", "\xa9", "ü"};
  std::map<std::string, std::string> from;
  std::size_t count = 0;
  const auto go_on = [&](const std::string& bytes, int left, const auto& self) -> void {
    const std::string text = escape_identity(bytes);
    const auto [at, fresh] = from.emplace(text, bytes);
    ASSERT_EQ(at->second, bytes) << text;
    count += fresh ? 1 : 0;
    ASSERT_TRUE(is_utf8(text));
    ASSERT_EQ(tally::unescape_identity(text), bytes);
    if (left == 0) return;
    for (const std::string& piece : pieces) self(bytes + piece, left - 1, self);
  };
  go_on("", 5, go_on);
  EXPECT_GT(count, 80'000U);
}

TEST(Text, OtherTextsGetTheReplacementCharacter) {
  EXPECT_EQ(tally::replace_invalid_utf8("Gr\xf6\xdf"
                                        "e"),
            "Gr\xef\xbf\xbd\xef\xbf\xbd"
            "e");
  EXPECT_EQ(tally::replace_invalid_utf8("ü%\xff"), "ü%\xef\xbf\xbd");
}

}  // namespace
