// Which plugins there are, which of several counts, and why one is off.
// Not for what loading finds out: refusals_test.cc.
#include "plugin/catalog/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "plugin/plugin_places.h"

namespace tally::test {
namespace {

using ::testing::HasSubstr;

TEST(Catalog, FindsWithoutLoading) {
  const ScratchFolder folder;
  put(folder.path(), "good", "one");
  plugin::Catalog catalog = scan({folder.path(), "/nowhere/at/all"});
  plugin::Entry* entry = catalog.find(plugin::Role::pollster, "fixture");
  ASSERT_NE(entry, nullptr);
  EXPECT_TRUE(entry->usable());
  EXPECT_EQ(entry->key(), "pollster:fixture");
  EXPECT_EQ(entry->manifest.version, "1.0");
  std::ifstream maps("/proc/self/maps");
  const std::string mapped((std::istreambuf_iterator<char>(maps)), {});
  EXPECT_EQ(mapped.find(entry->file.string()), std::string::npos);
}

TEST(Catalog, TwinsOfOneFolderAreBothRefused) {
  const ScratchFolder folder;
  const auto first = put(folder.path(), "good", "one");
  const auto second = put(folder.path(), "good", "two");
  plugin::Catalog catalog = scan({folder.path()});
  ASSERT_EQ(catalog.entries().size(), 2U);
  for (const plugin::Entry& entry : catalog.entries()) {
    EXPECT_EQ(entry.state, plugin::State::refused);
    EXPECT_THAT(entry.reason, HasSubstr(first.string()));
    EXPECT_THAT(entry.reason, HasSubstr(second.string()));
  }
}

TEST(Catalog, EarlierFolderWins) {
  const ScratchFolder folder;
  const auto first = put(folder.path() / "a", "good", "x");
  const auto second = put(folder.path() / "b", "good", "x");
  plugin::Catalog catalog = scan({folder.path() / "a", folder.path() / "b", folder.path() / "a"});
  ASSERT_EQ(catalog.entries().size(), 2U) << "a folder named twice counts once";
  EXPECT_EQ(catalog.find(plugin::Role::pollster, "fixture")->file, first);
  EXPECT_TRUE(catalog.find(plugin::Role::pollster, "fixture")->usable());
  const plugin::Entry& later = catalog.entries()[1];
  EXPECT_TRUE(later.shadowed);
  EXPECT_EQ(later.state, plugin::State::refused);
  EXPECT_THAT(later.reason, HasSubstr(first.string()));
}

TEST(Catalog, APollsterOfWhichNoSourceListsAMeterIsDisabled) {
  const ScratchFolder folder;
  put(folder.path(), "good", "one");
  plugin::Catalog catalog = scan({folder.path()});
  plugin::Entry* entry = catalog.find(plugin::Role::pollster, "fixture");
  ASSERT_NE(entry, nullptr);
  entry->role.meters = {{"fixture.one", "gauge", "", ""}};
  config::Config config;
  config.polling.file = "/etc/p.yaml";
  config.polling.sources.push_back({.name = "s", .meters = {"nothing.like.it"}});
  catalog.apply(config);
  EXPECT_EQ(entry->state, plugin::State::disabled);
  EXPECT_EQ(entry->reason, "no source of /etc/p.yaml lists a meter of it");
  config.polling.sources.push_back({.name = "t", .meters = {"*"}});
  catalog.apply(config);
  EXPECT_EQ(entry->state, plugin::State::on);
  config.polling.sources.clear();
  catalog.apply(config);
  EXPECT_EQ(entry->state, plugin::State::disabled) << "the file is the truth, also when it lists nothing";
  const auto state_with = [&](const std::string& meter) {
    config.polling.sources = {{.name = "u", .meters = {meter}}};
    catalog.apply(config);
    return entry->state;
  };
  EXPECT_EQ(state_with("nothing.like.it"), plugin::State::disabled);
  entry->role.any_meter = true;
  EXPECT_EQ(state_with("nothing.like.it"), plugin::State::on) << "it may be the one that makes it";
  EXPECT_EQ(state_with("no*"), plugin::State::on);
  plugin::Entry other = *entry;
  other.role.name = "other";
  other.role.any_meter = false;
  other.role.meters = {{"known", "gauge", "", ""}};
  catalog.entries().push_back(other);
  entry = catalog.find(plugin::Role::pollster, "fixture");
  EXPECT_EQ(state_with("known"), plugin::State::disabled) << "another makes it";
}

TEST(Catalog, ADiscoveryIsFoundByItsNameAndByThoseOfCeilometer) {
  plugin::Catalog catalog = scan({});
  plugin::Entry entry;
  entry.role.role = plugin::Role::discovery;
  entry.role.name = "libvirt";
  entry.role.aliases = {"local_instances"};
  catalog.entries().push_back(entry);
  EXPECT_EQ(catalog.discovery_called("libvirt"), "libvirt");
  EXPECT_EQ(catalog.discovery_called("local_instances"), "libvirt");
  EXPECT_EQ(catalog.discovery_called("tenant"), "");
  EXPECT_THAT(catalog.discoveries(), ::testing::ElementsAre("libvirt", "local_instances"));
}

TEST(Catalog, DisabledSaysWhere) {
  const ScratchFolder folder;
  put(folder.path(), "good", "one");
  plugin::Catalog catalog = scan({folder.path()}, {{"pollster:f*", "tally.yaml", 7, 3}});
  plugin::Entry* entry = catalog.find(plugin::Role::pollster, "fixture");
  EXPECT_EQ(entry->state, plugin::State::disabled);
  EXPECT_EQ(entry->reason, "tally.yaml:7");
  catalog.apply({}, {});
  EXPECT_EQ(entry->state, plugin::State::on) << "a reload may turn it on again";
}

TEST(Catalog, PreconditionsAreTested) {
  const ScratchFolder folder;
  put(folder.path(), "good", "one");
  plugin::Catalog catalog = scan({folder.path()});
  plugin::Entry* entry = catalog.find(plugin::Role::pollster, "fixture");
  using Kind = plugin::Precondition::Kind;
  for (const plugin::Precondition& need :
       {plugin::Precondition{Kind::path, "/nowhere/x"}, plugin::Precondition{Kind::socket, "/proc/self/status"},
        plugin::Precondition{Kind::library, "libnosuchthing.so.77"}, plugin::Precondition{Kind::config, "address"}}) {
    entry->role.preconditions = {need};
    catalog.apply({}, {});
    EXPECT_EQ(entry->state, plugin::State::absent) << need.value;
    EXPECT_THAT(entry->reason, HasSubstr(need.value));
  }
  entry->role.preconditions = {{Kind::path, "/proc/self"}, {Kind::library, "libc.so.6"}, {Kind::config, "address"}};
  catalog.apply({}, [](std::string_view key, std::string_view option) {
    return key == "pollster:fixture" && option == "address";
  });
  EXPECT_EQ(entry->state, plugin::State::on) << entry->reason;
}

TEST(Catalog, OneOfSeveralPreconditionsIsEnough) {
  const ScratchFolder folder;
  put(folder.path(), "good", "one");
  plugin::Catalog catalog = scan({folder.path()});
  plugin::Entry* entry = catalog.find(plugin::Role::pollster, "fixture");
  using Kind = plugin::Precondition::Kind;
  plugin::Precondition either{Kind::any, {}, {{Kind::path, "/nowhere/x"}, {Kind::socket, "/nowhere/y"}}};
  entry->role.preconditions = {either};
  catalog.apply({}, {});
  EXPECT_EQ(entry->state, plugin::State::absent);
  EXPECT_THAT(entry->reason, HasSubstr("/nowhere/x"));
  EXPECT_THAT(entry->reason, HasSubstr(", or needs the socket /nowhere/y"));
  either.any.push_back({Kind::path, "/proc/self"});
  entry->role.preconditions = {either};
  catalog.apply({}, {});
  EXPECT_EQ(entry->state, plugin::State::on) << entry->reason;
}

TEST(Catalog, APollsterWithoutItsDiscoveryIsAbsent) {
  const ScratchFolder folder;
  put(folder.path(), "good", "one");
  put(folder.path(), "three_roles", "two");
  plugin::Catalog catalog = scan({folder.path()});
  plugin::Entry* pollster = catalog.find(plugin::Role::pollster, "fixture");
  ASSERT_EQ(catalog.of(plugin::Role::discovery).size(), 1U);
  plugin::Entry* discovery = catalog.of(plugin::Role::discovery).front();
  pollster->role.discovery = discovery->role.name;
  discovery->role.preconditions = {{plugin::Precondition::Kind::path, "/nowhere/x"}};
  catalog.apply({}, {});
  EXPECT_EQ(pollster->state, plugin::State::absent);
  EXPECT_THAT(pollster->reason, HasSubstr(discovery->key() + " is absent: needs /nowhere/x"));
  discovery->role.preconditions.clear();
  const std::vector<config::DisableEntry> off = {{discovery->key(), "tally.yaml", 7, 3}};
  catalog.apply(off, {});
  EXPECT_THAT(pollster->reason, HasSubstr(discovery->key() + " is disabled: tally.yaml:7"));
  catalog.apply({}, {});
  EXPECT_EQ(pollster->state, plugin::State::on);
}

TEST(Catalog, UntrustedFilesAreRefused) {
  const ScratchFolder folder;
  const auto open = put(folder.path() / "a", "good", "open");
  std::filesystem::permissions(open, std::filesystem::perms(0664));
  const auto target = put(folder.path() / "elsewhere", "good", "target");
  std::filesystem::create_symlink(target, folder.path() / "a" / "link.so");
  std::filesystem::create_directory(folder.path() / "a" / "folder.so");
  std::ofstream(folder.path() / "a" / "text.so") << "not a plugin";
  std::ofstream(folder.path() / "a" / "readme.txt") << "not looked at";
  plugin::Catalog catalog = scan({folder.path() / "a"});
  ASSERT_EQ(catalog.entries().size(), 4U);
  const char* reasons[] = {"not a regular file", "a symbolic link out of its folder", "writable by its group",
                           "ELF file"};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(catalog.entries()[i].state, plugin::State::refused);
    EXPECT_THAT(catalog.entries()[i].reason, HasSubstr(reasons[i]));
    EXPECT_THAT(catalog.entries()[i].reason, HasSubstr(catalog.entries()[i].file.string()));
  }
  EXPECT_TRUE(catalog.names().empty());
}

TEST(Catalog, LinkWithinTheFolderIsFollowed) {
  const ScratchFolder folder;
  std::filesystem::rename(put(folder.path(), "good", "real"), folder.path() / "real.so.1");
  std::filesystem::create_symlink("real.so.1", folder.path() / "real.so");
  plugin::Catalog catalog = scan({folder.path()});
  ASSERT_EQ(catalog.entries().size(), 1U);
  EXPECT_TRUE(catalog.entries()[0].usable()) << catalog.entries()[0].reason;
}

}  // namespace
}  // namespace tally::test
