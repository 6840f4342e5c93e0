// URLs name their driver and never show a password.
#include "base/url.h"

#include <tally/kit/glob.h>

#include <gtest/gtest.h>

#include "base/json_quote.h"

namespace tally {
namespace {

TEST(Url, SchemeAndRest) {
  const auto url = Url::parse("SQLite:///var/x.db");
  ASSERT_TRUE(url.ok());
  EXPECT_EQ(url->scheme, "sqlite");
  EXPECT_EQ(url->rest, "/var/x.db");
  EXPECT_TRUE(Url::parse("null://").ok());
  for (const char* text : {"", "x", "://x", "a b://x", "1a://x", "local:/x"})
    EXPECT_FALSE(Url::parse(text).ok()) << text;
}

TEST(Url, PasswordsAreHidden) {
  for (const auto& [text, shown] : std::vector<std::pair<std::string, std::string>>{
           {"amqp://u:hunter2@h/v", "amqp://u:***@h/v"},
           {"rabbit://u:hunter2@h1:5672,u:hunter2@h2/v", "rabbit://u:***@h1:5672,u:***@h2/v"},
           {"amqp://u:hun@ter2@h/", "amqp://u:***@h/"},
           {"amqp://u:hun/ter2@h/", "amqp://u:***@h/"},
           {"amqp://u:hun,ter2@h/", "amqp://u:***@h/"},
           {"amqp://u:hun?ter2@h/", "amqp://u:***@h/"},
           {"amqp://:hunter2@h", "amqp://:***@h"},
           {"postgresql://db/t?user=u&password=hunter2&x=1", "postgresql://db/t?user=u&password=***&x=1"},
           {"https://h/p?api_token=hunter2", "https://h/p?api_token=***"},
       }) {
    EXPECT_EQ(redact_url(text), shown);
    EXPECT_TRUE(url_has_password(text)) << text;
  }
  for (const char* text :
       {"amqp://h/", "amqp://u@h:5672/v", "sqlite:///a:b/c", "kafka://h1:9092,h2:9092/t", "word", "a:b@c"}) {
    EXPECT_EQ(redact_url(text), text);
    EXPECT_FALSE(url_has_password(text)) << text;
  }
}

TEST(Glob, StarIsAnyRun) {
  EXPECT_TRUE(glob_match("disk.*", "disk.read"));
  EXPECT_TRUE(glob_match("*", ""));
  EXPECT_TRUE(glob_match("*.a*b", "x.a.a.b"));
  EXPECT_FALSE(glob_match("disk", "disk.read"));
  EXPECT_FALSE(glob_match("a*b", "a.c"));
  EXPECT_FALSE(glob_match("", "a"));
}

TEST(JsonText, EscapesAndRepairs) {
  EXPECT_EQ(json_quote("a\"\\\n\x01"), "\"a\\\"\\\\\\n\\u0001\"");
  EXPECT_EQ(json_quote("\xc3\xa9"), "\"\xc3\xa9\"");
  EXPECT_EQ(json_quote("\xc3"), "\"\xef\xbf\xbd\"");
  EXPECT_EQ(json_quote("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

TEST(Url, WhatIsRedactedStaysAsItIs) {
  const std::string shown = redact_url("amqp://u:x:5?72,w@h:p?password=y&a=b");
  EXPECT_EQ(redact_url(shown), shown);
  EXPECT_EQ(shown.find("=y"), std::string::npos) << shown;
}

}  // namespace
}  // namespace tally
