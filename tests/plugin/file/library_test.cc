// Each plugin of tests/fixtures is refused for the one promise that it breaks, with both sides named.
// Not for files that are not plugins: elf_note_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "base/status.h"
#include "plugin/call/adapters.h"
#include "plugin/plugin_places.h"

namespace tally::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct Case {
  const char* fixture;
  const char* first;
  const char* second;
};

#define TALLY_TEXT(number) TALLY_TEXT_OF(number)
#define TALLY_TEXT_OF(number) #number
constexpr const char* kThisMinor = "this host has " TALLY_TEXT(TALLY_ABI_MINOR);

class Refusals : public ::testing::TestWithParam<Case> {};

TEST_P(Refusals, NameBothSides) {
  const ScratchFolder folder;
  const std::filesystem::path file = put(folder.path(), GetParam().fixture, GetParam().fixture);
  plugin::Catalog catalog = scan({folder.path()});
  plugin::Entry* entry = catalog.find(plugin::Role::pollster, "fixture");
  ASSERT_NE(entry, nullptr);
  ASSERT_EQ(entry->state, plugin::State::on) << "nothing is loaded in order to be listed: " << entry->reason;
  const auto made = plugin::make_pollster(*entry, {});
  ASSERT_FALSE(made.ok());
  EXPECT_THAT(std::string(made.status().message()),
              AllOf(HasSubstr(GetParam().first), HasSubstr(GetParam().second), HasSubstr(file.string())));
  EXPECT_EQ(entry->state, plugin::State::refused);
  EXPECT_EQ(entry->reason, made.status().message());
  EXPECT_FALSE(plugin::make_pollster(*entry, {}).ok()) << "a refused plugin stays refused";
}

INSTANTIATE_TEST_SUITE_P(
    Fixtures, Refusals,
    ::testing::Values(
        Case{"wrong_major", "ABI major 2", "this host has 1"}, Case{"other_entry", "ABI major 2", "this host has 1"},
        Case{"no_entry", "entry symbol", "tally_plugin_v1"}, Case{"minor_too_new", "ABI minor 99", kThisMinor},
        Case{"short_table", "has 24 bytes", "version 1 has 32"},
        Case{"short_descriptor", "has 16 bytes", "version 1 has 48"},
        Case{"missing_function", "required function", "\"poll\""},
        Case{"missing_create", "required function", "\"create\""},
        Case{"missing_destroy", "required function", "\"destroy\""}, Case{"null_manifest", "descriptor", "ELF note"},
        Case{"endless_manifest", "descriptor", "ELF note"},
        Case{"unknown_role", "is unknown in its descriptor", "pollster in its manifest"},
        Case{"no_table", "pollster:fixture", "has no table"}, Case{"no_roles", "descriptor", "has no roles"},
        Case{"other_manifest", "descriptor", "ELF note"},
        Case{"other_role", "discovery in its descriptor", "pollster in its manifest"},
        Case{"too_few_roles", "offers 0 roles", "names 1"},
        Case{"refuses_host", "refuses this host", "not on a Sunday"}),
    [](const auto& tested) { return std::string(tested.param.fixture); });

TEST(Accepted, AMendedPluginMovedToTheSamePathIsLoadedWithoutARestart) {
  const ScratchFolder folder, workshop;
  const std::filesystem::path file = put(folder.path(), "wrong_major", "same");
  plugin::Catalog catalog = scan({folder.path()});
  ASSERT_FALSE(plugin::make_pollster(*catalog.find(plugin::Role::pollster, "fixture"), {}).ok());
  std::filesystem::rename(put(workshop.path(), "good", "same"), file);
  plugin::Catalog mended = scan({folder.path()});
  const auto made = plugin::make_pollster(*mended.find(plugin::Role::pollster, "fixture"), {});
  ASSERT_TRUE(made.ok()) << made.status();
  plugin::PollResult result;
  EXPECT_TRUE((*made)->poll({}, result).ok());
}

TEST(Accepted, PlainCPluginPolls) {
  const ScratchFolder folder;
  put(folder.path(), "good", "good");
  plugin::Catalog catalog = scan({folder.path()});
  plugin::Entry* entry = catalog.find(plugin::Role::pollster, "fixture");
  ASSERT_NE(entry, nullptr);
  auto pollster = plugin::make_pollster(*entry, {});
  ASSERT_TRUE(pollster.ok()) << pollster.status();
  plugin::PollResult result;
  ASSERT_TRUE((*pollster)->poll({Time{5}, 0, {}}, result).ok());
  ASSERT_EQ(result.samples.size(), 1U);
  EXPECT_EQ(result.samples[0].name, "fixture.meter");
  EXPECT_EQ(result.samples[0].resource_metadata, "{}");
  EXPECT_FALSE(result.samples[0].timestamp.has_value());
}

TEST(Accepted, RubbishIsRefusedAndTheRestKept) {
  const ScratchFolder folder;
  put(folder.path(), "rude", "rude");
  plugin::Catalog catalog = scan({folder.path()});
  plugin::Entry* entry = catalog.find(plugin::Role::pollster, "rude");
  ASSERT_NE(entry, nullptr);
  auto pollster = plugin::make_pollster(*entry, {});
  ASSERT_TRUE(pollster.ok()) << pollster.status();
  plugin::PollResult result;
  ASSERT_TRUE((*pollster)->poll({Time{5}, 0, {}}, result).ok());
  ASSERT_EQ(result.samples.size(), 2U);
  EXPECT_EQ(result.samples[0].name, "%FF%FE") << "bytes that are not UTF-8 are a name all the same";
  EXPECT_EQ(result.samples[1].volume.to_string(), "11");  // 10 bad values, one from another thread
  ASSERT_EQ(result.faults.size(), 10U) << "each is a fault of its own";
  EXPECT_EQ(result.faults[0].status.message(), "the sample \"\" is left out: the sample is null");
  EXPECT_EQ(result.faults[5].resource_id, "r");
  EXPECT_THAT(std::string(result.faults[5].status.message()),
              HasSubstr("the sample \"rude.refused\" is left out: the sample's volume \"many\""));
  for (const plugin::ResourceFault& fault : result.faults) {
    EXPECT_EQ(fault.status.code(), kTransient) << "it gives up no resource";
  }
}

}  // namespace
}  // namespace tally::test
