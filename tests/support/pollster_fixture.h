// Runs a built pollster module against a made-up file system, by the road that the host takes: catalog, adapter, poll.
// Not for fakes: what is tested is the shared object itself, from the folder $TALLY_TEST_PLUGINS.
#ifndef TALLY_TESTS_SUPPORT_POLLSTER_FIXTURE_H
#define TALLY_TESTS_SUPPORT_POLLSTER_FIXTURE_H

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "plugin/call/adapters.h"
#include "plugin/catalog/catalog.h"
#include "plugin/roles.h"

namespace tally::test {

// A scratch folder with the files that a test writes into it; removed at the end.
class Tree {
 public:
  Tree() {
    std::string name = (std::filesystem::temp_directory_path() / "tally-test-XXXXXX").string();
    root_ = mkdtemp(name.data());
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
  ~Tree() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  void write(const std::string& file, const std::string& text) const {
    std::filesystem::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }
  std::string path() const { return root_.string(); }

 private:
  std::filesystem::path root_;
};

struct Polled {
  absl::Status status;
  plugin::PollResult result;

  // The one sample of this meter and resource; a test fails where there is none or more.
  Sample of(const std::string& meter, const std::string& resource) const {
    std::vector<Sample> found;
    for (const Sample& sample : result.samples) {
      if (sample.name == meter && sample.resource_id == resource) found.push_back(sample);
    }
    EXPECT_EQ(found.size(), 1U) << meter << " of " << resource;
    return found.empty() ? Sample() : found.front();
  }
  std::string volume(const std::string& meter, const std::string& resource) const {
    return of(meter, resource).volume.to_string();
  }
  // The faults, a line each: "RESOURCE: TEXT".
  std::string faults() const {
    std::string text;
    for (const plugin::ResourceFault& fault : result.faults) {
      text += fault.resource_id + ": " + std::string(fault.status.message()) + "\n";
    }
    return text;
  }
};

// Makes one instance of the pollster on host "node1", and polls it once.
inline Polled poll_once(const std::string& name, const config::PluginOptions& options) {
  const char* folder = std::getenv("TALLY_TEST_PLUGINS");
  if (folder == nullptr) return {permanent("TALLY_TEST_PLUGINS is not set: run this test by meson"), {}};
  const std::vector<std::filesystem::path> folders = {folder};
  plugin::Catalog catalog = plugin::Catalog::scan(folders);
  plugin::Entry* entry = catalog.find(plugin::Role::pollster, name);
  if (entry == nullptr) return {permanent("no pollster " + name + " in " + folder), {}};
  plugin::PluginSettings settings;
  settings.options = options;
  settings.host = "node1";
  auto pollster = plugin::make_pollster(*entry, settings);
  if (!pollster.ok()) return {pollster.status(), {}};
  plugin::PollRequest request;
  request.time = Time{1'700'000'000'000'000};
  request.monotonic_ns = 5'500'000'000;
  Polled polled;
  polled.status = (*pollster)->poll(request, polled.result);
  return polled;
}

}  // namespace tally::test

#endif
