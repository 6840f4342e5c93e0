// Which folders and files code may be loaded from, and which of several versions counts.
// Not for what the files say: elf_note_test.cc, manifest_test.cc.
#include "plugin/file/file_ownership.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "plugin/file/version.h"
#include "plugin/plugin_places.h"

namespace tally::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

TEST(Trust, FolderThatOthersMayWriteRefusesEveryFileInIt) {
  const ScratchFolder folder;
  const fs::path plugins = folder.path() / "plugins";
  put(plugins, "good", "one");
  for (const int mode : {0775, 0757, 01777}) {
    fs::permissions(plugins, fs::perms(mode));
    plugin::Catalog catalog = scan({plugins});
    ASSERT_EQ(catalog.entries().size(), 1U);
    EXPECT_EQ(catalog.entries()[0].state, plugin::State::refused) << std::oct << mode;
    EXPECT_THAT(catalog.entries()[0].reason, AllOf(HasSubstr("chmod go-w " + plugins.string()), HasSubstr("writable")));
    EXPECT_TRUE(catalog.names().empty());
  }
  fs::permissions(plugins, fs::perms(0755));
  EXPECT_TRUE(scan({plugins}).entries()[0].usable());
}

TEST(Trust, FolderAboveCountsUnlessItIsSticky) {
  const ScratchFolder folder;
  const fs::path above = folder.path() / "above";
  put(above / "plugins", "good", "one");
  fs::permissions(above, fs::perms(0777));
  EXPECT_THAT(plugin::untrusted_folder(above / "plugins"), HasSubstr("chmod go-w " + above.string()));
  fs::permissions(above, fs::perms(01777));
  EXPECT_EQ(plugin::untrusted_folder(above / "plugins"), "");
  fs::permissions(above, fs::perms(0755));
}

TEST(Trust, LinkToAFolderIsAsGoodAsItsPlace) {
  const ScratchFolder folder;
  put(folder.path() / "real", "good", "one");
  fs::create_directory(folder.path() / "open");
  fs::create_directory_symlink(folder.path() / "real", folder.path() / "open" / "plugins");
  EXPECT_EQ(plugin::untrusted_folder(folder.path() / "open" / "plugins"), "");
  fs::permissions(folder.path() / "open", fs::perms(0777));
  EXPECT_THAT(plugin::untrusted_folder(folder.path() / "open" / "plugins"), HasSubstr("chmod go-w"));
}

TEST(Trust, OwnerIsRootOrOneself) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may give a file away";
  const ScratchFolder folder;
  const fs::path file = put(folder.path() / "plugins", "good", "one");
  ASSERT_EQ(::chown(file.c_str(), 12345, 12345), 0);
  EXPECT_THAT(plugin::untrusted_file(file), AllOf(HasSubstr("owned by user 12345"), HasSubstr("chown root")));
  ASSERT_EQ(::chown(file.parent_path().c_str(), 12345, 12345), 0);
  EXPECT_THAT(plugin::untrusted_folder(file.parent_path()), HasSubstr("owned by user 12345"));
}

TEST(Trust, NewerVersionInOneFolderCounts) {
  const ScratchFolder folder;
  const fs::path old = put(folder.path(), "good", "a");
  const fs::path fresh = put(folder.path(), "good_2", "b");
  plugin::Catalog catalog = scan({folder.path()});
  ASSERT_EQ(catalog.entries().size(), 2U);
  plugin::Entry* counts = catalog.find(plugin::Role::pollster, "fixture");
  ASSERT_NE(counts, nullptr);
  EXPECT_EQ(counts->file, fresh);
  EXPECT_TRUE(counts->usable()) << counts->reason;
  const plugin::Entry& other = catalog.entries()[0];
  EXPECT_EQ(other.file, old);
  EXPECT_EQ(other.state, plugin::State::refused);
  EXPECT_THAT(other.reason, AllOf(HasSubstr("1.0 is older than 1.10"), HasSubstr(fresh.string())));
}

TEST(Trust, EarlierFolderWinsWhateverTheVersion) {
  const ScratchFolder folder;
  const fs::path first = put(folder.path() / "a", "good", "x");
  put(folder.path() / "b", "good_2", "x");
  plugin::Catalog catalog = scan({folder.path() / "a", folder.path() / "b"});
  EXPECT_EQ(catalog.find(plugin::Role::pollster, "fixture")->file, first);
  EXPECT_THAT(catalog.entries()[1].reason, HasSubstr(first.string()));
}

TEST(Versions, AreComparedPartByPart) {
  const char* ascending[] = {"",    "0.9",   "1.0-alpha", "1.0-alpha.1", "1.0-rc.2", "1.0-rc.10",
                             "1.0", "1.0.1", "1.9.0",     "1.10",        "2"};
  for (std::size_t i = 0; i + 1 < std::size(ascending); ++i) {
    EXPECT_LT(plugin::compare_versions(ascending[i], ascending[i + 1]), 0) << ascending[i] << " " << ascending[i + 1];
    EXPECT_GT(plugin::compare_versions(ascending[i + 1], ascending[i]), 0) << ascending[i];
    EXPECT_EQ(plugin::compare_versions(ascending[i], ascending[i]), 0);
  }
  EXPECT_EQ(plugin::compare_versions("1", "1.0.0"), 0);
  EXPECT_EQ(plugin::compare_versions("1.0+build7", "1.0"), 0);
  EXPECT_EQ(plugin::compare_versions("1.007", "1.7"), 0);
}

}  // namespace
}  // namespace tally::test
