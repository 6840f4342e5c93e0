// What a manifest says is read whole; what is wrong in one is named by its place.
// Not for where its text comes from: elf_note_test.cc.
#include "plugin/file/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/plugin_places.h"

namespace tally::test {
namespace {

using ::testing::HasSubstr;

constexpr const char* kWhole = R"({
  "name": "both", "version": "1.2.3", "summary": "Does both", "abi_minor": 0,
  "roles": [
    {"role": "pollster", "name": "load", "namespace": "host", "summary": "Load", "single": true, "limit": "5s",
     "interval": "90s", "discovery": "disks",
     "meters": [{"name": "host.load.1", "type": "gauge", "unit": "process", "description": "one minute"}],
     "config": [{"key": "every", "type": "duration", "default": "60s", "min": "1s", "max": "1h", "help": "how often"},
                {"key": "count", "type": "integer", "default": 3, "choices": ["3", "4"]},
                {"key": "word", "secret": true}],
     "preconditions": [{"path": "/proc/loadavg"}, {"library": "libvirt.so.0"}, {"config": "word"},
                       {"any": [{"socket": "/run/a"}, {"config": "word"}]}]},
    {"role": "storage", "name": "file", "schemes": ["file"], "writers": 3},
    {"role": "notification", "name": "all", "event_types": ["a.b", "c.*"]}]})";

TEST(Manifest, IsReadWhole) {
  const auto manifest = plugin::parse_manifest(kWhole);
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->version, "1.2.3");
  EXPECT_EQ(manifest->text, kWhole);
  ASSERT_EQ(manifest->roles.size(), 3U);
  const plugin::RoleManifest& load = manifest->roles[0];
  EXPECT_EQ(load.key(), "pollster:load");
  EXPECT_TRUE(load.single);
  EXPECT_EQ(load.limit, std::chrono::seconds(5));
  EXPECT_EQ(load.interval, std::chrono::seconds(90));
  EXPECT_EQ(load.discovery, "disks");
  ASSERT_EQ(load.config.size(), 3U);
  EXPECT_EQ(load.config[0].type, config::KeyType::duration);
  EXPECT_EQ(load.config[0].max, "1h");
  EXPECT_EQ(load.config[1].fallback, "3");
  EXPECT_TRUE(load.config[2].secret);
  EXPECT_EQ(load.config[2].type, config::KeyType::string);
  EXPECT_FALSE(load.config[2].fallback.has_value());
  ASSERT_EQ(load.preconditions.size(), 4U);
  EXPECT_EQ(load.preconditions[3].kind, plugin::Precondition::Kind::any);
  ASSERT_EQ(load.preconditions[3].any.size(), 2U);
  EXPECT_EQ(load.preconditions[3].any[0].value, "/run/a");
  EXPECT_EQ(load.preconditions[1].kind, plugin::Precondition::Kind::library);
  EXPECT_EQ(load.meters.at(0).unit, "process");
  EXPECT_EQ(manifest->roles[1].schemes, std::vector<std::string>{"file"});
  EXPECT_EQ(manifest->roles[1].writers, 3U);
  EXPECT_EQ(load.writers, 1U);
  EXPECT_EQ(manifest->roles[2].event_types, (std::vector<std::string>{"a.b", "c.*"}));
}

struct Wrong {
  const char* json;
  const char* said;
};
class WrongManifest : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongManifest, NamesThePlace) {
  const auto manifest = plugin::parse_manifest(GetParam().json);
  ASSERT_FALSE(manifest.ok());
  EXPECT_THAT(std::string(manifest.status().message()), HasSubstr(GetParam().said));
}

INSTANTIATE_TEST_SUITE_P(
    All, WrongManifest,
    ::testing::Values(
        Wrong{"", "not JSON"}, Wrong{"[]", "must be an object"}, Wrong{R"({"version": "1"})", "\"name\" is missing"},
        Wrong{R"({"name": 3, "version": "1"})", "\"name\" must be a string"},
        Wrong{R"({"name": "a", "version": "1"})", "\"roles\" is missing or empty"},
        Wrong{R"({"name": "a", "version": "1", "roles": [{"role": "poller", "name": "x"}]})", "\"roles[0].role\""},
        Wrong{R"({"name": "a", "version": "1", "roles": [{"role": "discovery", "name": "A b"}]})", "\"roles[0].name\""},
        Wrong{R"({"name": "a", "version": "1", "roles": [{"role": "pollster", "name": "x"}]})",
              "\"roles[0].namespace\" is missing"},
        Wrong{R"({"name": "a", "version": "1", "roles": [{"role": "storage", "name": "x"}]})", "\"roles[0].schemes\""},
        Wrong{R"({"name": "a", "version": "1", "roles": [{"role": "discovery", "name": "x", "limit": "soon"}]})",
              "\"roles[0].limit\" must be a duration"},
        Wrong{R"({"name": "a", "version": "1", "roles": [{"role": "discovery", "name": "x",
                 "config": [{"key": "k", "type": "colour"}]}]})",
              "\"roles[0].config[0].type\""},
        Wrong{R"({"name": "a", "version": "1", "roles": [{"role": "discovery", "name": "x",
                 "config": [{"key": "k", "type": "integer", "default": "many"}]}]})",
              "\"roles[0].config[0].default\""},
        Wrong{R"({"name": "a", "version": "1", "roles": [{"role": "discovery", "name": "x",
                 "preconditions": [{"moon": "full"}]}]})",
              "roles[0].preconditions[0]"},
        Wrong{R"({"name": "a", "version": "1", "roles": [{"role": "discovery", "name": "x"},
                 {"role": "discovery", "name": "x"}]})",
              "discovery:x a second time"}));

TEST(Manifest, FileErrorsNameTheFile) {
  const auto missing = plugin::read_manifest("/nowhere/x.so");
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("/nowhere/x.so"));
  EXPECT_FALSE(plugin::read_manifest("/dev/null").ok());
  EXPECT_FALSE(plugin::read_manifest("/").ok());
}

}  // namespace
}  // namespace tally::test
