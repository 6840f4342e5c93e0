// Where tests of the plugin floor find the fixtures, and how they make a folder of them.
// Not for shipped plugins: their tests have fixtures of their own.
#ifndef TALLY_TESTS_PLUGIN_PLACES_H
#define TALLY_TESTS_PLUGIN_PLACES_H

#include <cstdlib>
#include <filesystem>
#include <string>

#include "plugin/catalog/catalog.h"
#include "support/scratch_folder.h"

namespace tally::test {

// The built fixtures lie beside the built plugins.
inline std::filesystem::path fixture(const std::string& name) {
  const char* plugins = std::getenv("TALLY_TEST_PLUGINS");
  EXPECT_NE(plugins, nullptr) << "run this by meson";
  return std::filesystem::path(plugins == nullptr ? "" : plugins).parent_path() / "tests" / "fixtures" / (name + ".so");
}

inline std::filesystem::path put(const std::filesystem::path& folder, const std::string& name, const std::string& as) {
  std::filesystem::create_directories(folder);
  const std::filesystem::path file = folder / (as + ".so");
  std::filesystem::copy_file(fixture(name), file);
  std::filesystem::permissions(file, std::filesystem::perms(0644));
  return file;
}

inline plugin::Catalog scan(std::vector<std::filesystem::path> folders,
                            std::vector<config::DisableEntry> disable = {}) {
  return plugin::Catalog::scan(folders, disable);
}

}  // namespace tally::test

#endif
