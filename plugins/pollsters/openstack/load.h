// Reads files of definitions in the format of Ceilometer's dynamic pollsters; a faulty one costs that one alone.
// Not for finding out which files: plugin.cc.
#ifndef TALLY_OPENSTACK_LOAD_H
#define TALLY_OPENSTACK_LOAD_H

#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "definition.h"
#include "yaml.h"

namespace tally::openstack {

// Collects definitions; of those with the same name the first counts. One thread at a time.
class Definitions {
 public:
  // Takes up the text of one file; `file` is its name in faults and places.
  void load(std::string_view text, const std::string& file);
  // Each path is a file, or a folder whose *.yaml are read in order of name.
  void load(const std::vector<std::filesystem::path>& paths);

  std::vector<Group> take() && { return std::move(groups_); }
  const std::vector<Group>& groups() const { return groups_; }
  // "volume.yaml:12:5: …": what was skipped and why.
  const std::vector<std::string>& faults() const { return faults_; }
  // The same for what was loaded, or left out on purpose, and may not mean what was meant.
  const std::vector<std::string>& notices() const { return notices_; }

 private:
  void load_file(const std::filesystem::path& file);
  void load_one(const YAML::Node& node, const std::string& file);
  void add(const YamlMap& map, const std::string& file);

  std::vector<Group> groups_;
  std::unordered_map<std::string, std::size_t> by_request_;
  std::set<std::string> names_;
  std::vector<std::string> faults_;
  std::vector<std::string> notices_;
};

}  // namespace tally::openstack

#endif
