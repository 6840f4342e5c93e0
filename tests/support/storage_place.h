// Opens storage drivers in tests as a collector does: found in the built plugins' folder, loaded, made for a URL.
// Not for the tests themselves: see storage_conformance.h.
#ifndef TALLY_TESTS_SUPPORT_STORAGE_PLACE_H
#define TALLY_TESTS_SUPPORT_STORAGE_PLACE_H

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "plugin/call/adapters.h"
#include "plugin/catalog/catalog.h"
#include "plugin/managers/driver.h"
#include "support/scratch_folder.h"

namespace tally::test {

// The driver for `url` with these keys, out of $TALLY_TEST_PLUGINS; null with a failure where it cannot
// be made.
inline std::unique_ptr<plugin::StorageDriver> open_built_storage(const std::string& url,
                                                                 config::PluginOptions options = {}) {
  const char* folder = std::getenv("TALLY_TEST_PLUGINS");
  if (folder == nullptr) {
    ADD_FAILURE() << "TALLY_TEST_PLUGINS names the folder of the built plugins; run this by `meson test`";
    return nullptr;
  }
  const std::array<std::filesystem::path, 1> folders = {folder};
  plugin::Catalog catalog = plugin::Catalog::scan(folders);
  const absl::StatusOr<plugin::Entry*> entry = plugin::find_driver(catalog, plugin::Role::storage, url);
  if (!entry.ok()) {
    ADD_FAILURE() << entry.status();
    return nullptr;
  }
  plugin::PluginSettings settings;
  settings.options = std::move(options);
  settings.url = url;
  settings.host = "host.test";
  absl::StatusOr<std::unique_ptr<plugin::StorageDriver>> storage = plugin::make_storage(**entry, settings);
  if (!storage.ok()) {
    ADD_FAILURE() << storage.status();
    return nullptr;
  }
  return *std::move(storage);
}

}  // namespace tally::test

#endif
