// A plugin's own configuration, as its constructor reads it. Not for what the host checks before.
#include <gtest/gtest.h>
#include <tally/sdk/config.h>

#include <limits>

namespace tally {
namespace {

using std::chrono::microseconds;

tally_str str(std::string_view text) { return {text.data(), text.size()}; }

// A configuration with these options; one without a value is null.
Config config(const std::vector<std::pair<std::string, std::optional<std::string>>>& options) {
  std::vector<tally_option> raw;
  for (const auto& [key, value] : options) raw.push_back({str(key), value ? str(*value) : tally_str{nullptr, 0}});
  tally_config given{sizeof(tally_config), raw.data(), raw.size(), {nullptr, 0}, {nullptr, 0}};
  return Config(given);
}
Config one(const std::string& value) { return config({{"key", value}}); }

// The class and the words of what `call` throws.
template <class Call>
std::string error_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.outcome(), Outcome::permanent);
    return error.what();
  }
  return "nothing thrown";
}

TEST(SdkConfig, KeepsItsValuesWhenTheHostsAreGone) {
  Config kept;
  {
    std::string key = "key", value = "a value too long to be kept within a std::string itself", host = "h1",
                url = "u://";
    const tally_option option{str(key), str(value)};
    const tally_config given{sizeof(tally_config), &option, 1, str(url), str(host)};
    kept = Config(given);
    value.assign(value.size(), 'x');
  }
  EXPECT_EQ(kept.text("key"), "a value too long to be kept within a std::string itself");
  EXPECT_EQ(kept.host(), "h1");
  EXPECT_EQ(kept.url(), "u://");
}

TEST(SdkConfig, IsEmptyWhereNothingIsGiven) {
  const Config empty;
  EXPECT_EQ(empty.host(), "");
  EXPECT_EQ(empty.url(), "");
  EXPECT_FALSE(empty.has("key"));
  EXPECT_EQ(config({}).url(), "");
}

TEST(SdkConfig, TextIsAsItStands) {
  EXPECT_EQ(one("").text("key"), "");
  EXPECT_EQ(one(" caf\xc3\xa9 ").text("key"), " caf\xc3\xa9 ");
  EXPECT_EQ(one(std::string("a\0b", 3)).text("key"), std::string("a\0b", 3));
  EXPECT_TRUE(one("").has("key"));
}

TEST(SdkConfig, SaysWhetherAKeyIsUndeclaredOrHasNoValue) {
  const Config given = config({{"empty", std::nullopt}});
  EXPECT_FALSE(given.has("empty"));
  EXPECT_FALSE(given.has("other"));
  const std::string no_value = "configuration key \"empty\" has no value, set it in the configuration";
  const std::string undeclared = "configuration key \"other\" is not declared in the plugin's manifest";
  EXPECT_EQ(error_of([&] { (void)given.text("empty"); }), no_value);
  EXPECT_EQ(error_of([&] { (void)given.integer("empty"); }), no_value);
  EXPECT_EQ(error_of([&] { (void)given.list("empty"); }), no_value);
  EXPECT_EQ(error_of([&] { (void)given.text("other"); }), undeclared);
  EXPECT_EQ(error_of([&] { (void)given.boolean("other"); }), undeclared);
  EXPECT_EQ(error_of([&] { (void)given.duration("other"); }), undeclared);
}

TEST(SdkConfig, Integers) {
  EXPECT_EQ(one("0").integer("key"), 0);
  EXPECT_EQ(one("-12").integer("key"), -12);
  EXPECT_EQ(one("9223372036854775807").integer("key"), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(one("-9223372036854775808").integer("key"), std::numeric_limits<std::int64_t>::min());
  for (const char* text : {"", "x", "1.5", "1 ", " 1", "9223372036854775808", "0x10", "1e3"})
    EXPECT_EQ(error_of([&] { (void)one(text).integer("key"); }),
              "configuration key \"key\": \"" + std::string(text) + "\" is not an integer");
}

TEST(SdkConfig, Bytes) {
  EXPECT_EQ(one("1073741824").bytes("key"), 1073741824u);
  EXPECT_EQ(one("18446744073709551615").bytes("key"), std::numeric_limits<std::uint64_t>::max());
  for (const char* text : {"", "-1", "1GiB", "18446744073709551616"})
    EXPECT_EQ(error_of([&] { (void)one(text).bytes("key"); }),
              "configuration key \"key\": \"" + std::string(text) + "\" is not a count of bytes");
}

TEST(SdkConfig, Numbers) {
  EXPECT_EQ(one("0.5").number("key"), 0.5);
  EXPECT_EQ(one("-2").number("key"), -2.0);
  EXPECT_EQ(one("1e3").number("key"), 1000.0);
  for (const char* text : {"", "half", "0,5", "1.5x"})
    EXPECT_EQ(error_of([&] { (void)one(text).number("key"); }),
              "configuration key \"key\": \"" + std::string(text) + "\" is not a number");
}

TEST(SdkConfig, Booleans) {
  EXPECT_TRUE(one("true").boolean("key"));
  EXPECT_FALSE(one("false").boolean("key"));
  for (const char* text : {"", "yes", "True", "1"})
    EXPECT_EQ(error_of([&] { (void)one(text).boolean("key"); }),
              "configuration key \"key\": \"" + std::string(text) + "\" is not true or false");
}

TEST(SdkConfig, DurationsAreSecondsToTheMicrosecond) {
  EXPECT_EQ(one("60").duration("key"), microseconds(60'000'000));
  EXPECT_EQ(one("0.5").duration("key"), microseconds(500'000));
  EXPECT_EQ(one("0.000001").duration("key"), microseconds(1));
  EXPECT_EQ(one("0.0000006").duration("key"), microseconds(1));
  for (const char* text : {"", "60s", "inf", "nan", "1e300"})
    EXPECT_EQ(error_of([&] { (void)one(text).duration("key"); }),
              "configuration key \"key\": \"" + std::string(text) + "\" is not a duration");
}

TEST(SdkConfig, Lists) {
  using List = std::vector<std::string>;
  EXPECT_EQ(one("[]").list("key"), List());
  EXPECT_EQ(one(R"(["a", "b \" c", "caf\u00e9", ""])").list("key"), (List{"a", "b \" c", "caf\xc3\xa9", ""}));
  for (const char* text : {"", "a", "[1]", "[\"a\", null]", "{}", "\"a\"", "[\"a\""})
    EXPECT_EQ(error_of([&] { (void)one(text).list("key"); }),
              "configuration key \"key\": \"" + std::string(text) + "\" is not a list of texts");
}

}  // namespace
}  // namespace tally
