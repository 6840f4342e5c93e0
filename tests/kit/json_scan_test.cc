// The scanner beside the tree and beside the slow obvious way: what it passes, resolves and refuses.
// Not for what is read from what it finds: bus/envelope_test.cc.
#include <gtest/gtest.h>
#include <tally/kit/json.h>
#include <tally/kit/json_scan.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace tally::json_scan {
namespace {

// Pieces that make JSON, nearly JSON and none, short and longer than every block that is read at once.
std::string random_text(std::mt19937& random) {
  static const std::vector<std::string> kPieces = {"{",
                                                   "}",
                                                   "[",
                                                   "]",
                                                   ",",
                                                   ":",
                                                   " ",
                                                   "\"",
                                                   "\\\"",
                                                   "\\\\",
                                                   "\\n",
                                                   "\\u00e9",
                                                   "\\ud83d\\ude00",
                                                   "\\",
                                                   "\n",
                                                   "\x01",
                                                   "\"a\"",
                                                   "\"key\": ",
                                                   "1",
                                                   "-2.5e3",
                                                   "01",
                                                   "true",
                                                   "null",
                                                   "é",
                                                   "\"some text that is longer than a block of 16\"",
                                                   "{\"a\": [1, {\"b\": \"x\\\"}\"}], \"c\": {}}",
                                                   "\"" + std::string(70, 'x') + "\"",
                                                   std::string(61, ' ')};
  std::string text;
  for (std::size_t i = random() % 12; i > 0; --i) text += kPieces[random() % kPieces.size()];
  return text;
}

// The end of an array or object, a character at a time; npos where there is none.
std::size_t slow_end(std::string_view text) {
  std::size_t depth = 0;
  bool string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (string && static_cast<unsigned char>(c) < 0x20) return std::string_view::npos;
    if (string && c == '\\') {
      if (++i == text.size()) break;
    } else if (c == '"') {
      string = !string;
    } else if (!string && (c == '{' || c == '[')) {
      ++depth;
    } else if (!string && (c == '}' || c == ']') && --depth == 0) {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

TEST(JsonScan, PassesContainersAsTheSlowWayDoes) {
  std::mt19937 random(7);
  int ended = 0;
  for (int i = 0; i < 200'000; ++i) {
    const std::string text = (random() % 2 == 0 ? "{" : "[") + random_text(random) + random_text(random) + "}]";
    // Backslashes outside of strings are not JSON, and passed in any way.
    const std::size_t wanted = slow_end(text);
    const char* found = container_end(text.data(), text.data() + text.size());
    if (wanted == std::string_view::npos) continue;
    const std::string_view passed = std::string_view(text).substr(0, wanted);
    if (!Json::parse(passed)) continue;
    ++ended;
    ASSERT_NE(found, nullptr) << text;
    ASSERT_EQ(static_cast<std::size_t>(found - text.data()), wanted) << text;
  }
  EXPECT_GT(ended, 1'000);
}

TEST(JsonScan, WhatDoesNotEndOrHasControlCharactersInStringsIsNotPassed) {
  for (const std::string& text :
       {std::string("{"), std::string("{\"a"), std::string("{\"a\": \"\n\"}"),
        "{\"" + std::string(100, 'x') + "\x1f\"}", "[" + std::string(200, ' '), "{\"" + std::string(62, 'x') + "\\\"}"})
    EXPECT_EQ(container_end(text.data(), text.data() + text.size()), nullptr) << text;
}

TEST(JsonScan, ResolvesEscapesAsTheTreeDoes) {
  std::mt19937 random(11);
  int resolved = 0;
  for (int i = 0; i < 200'000; ++i) {
    std::string quoted = "\"";
    for (std::size_t n = random() % 40; n > 0; --n) {
      static const std::vector<std::string> kParts = {
          "\\\"", "\\\"", "a",   "bcdefgh", std::string(40, 'y'), "\\\\", "\\u00e9", "\\ud83d\\ude00", "\\ud83d", "\\n",
          "é",    "\\/",  "\\q", "\t"};
      quoted += kParts[random() % (random() % 4 == 0 ? kParts.size() : 5)];
    }
    quoted += '"';
    const std::string text = quoted + std::string(random() % 100, ' ');
    std::string room(unescaped_room(text.size()), '\0');
    char* to = room.data();
    const char* end = unescape(text.data() + 1, text.data() + text.size(), to, true);
    const auto tree = Json::parse(quoted);
    ASSERT_EQ(end != nullptr, tree.has_value()) << quoted;
    if (!tree) continue;
    ++resolved;
    ASSERT_EQ(std::string_view(room.data(), static_cast<std::size_t>(to - room.data())), tree->text()) << quoted;
    ASSERT_EQ(end, text.data() + quoted.size() - 1);
  }
  EXPECT_GT(resolved, 10'000);
}

TEST(JsonScan, JudgesObjectsAsTheTreeDoes) {
  std::mt19937 random(13);
  int good = 0;
  for (int i = 0; i < 200'000; ++i) {
    const std::string text = "{\"k\":" + random_text(random) + "}";
    const auto tree = Json::parse(text);
    ASSERT_EQ(is_object(text, 128), tree && tree->is_object()) << text;
    good += tree ? 1 : 0;
  }
  EXPECT_GT(good, 1'000);
  EXPECT_TRUE(is_object(" {} ", 1));
  EXPECT_FALSE(is_object("{\"a\":{}}", 1)) << "deeper than allowed";
  EXPECT_FALSE(is_object("[]", 1));
}

}  // namespace
}  // namespace tally::json_scan
