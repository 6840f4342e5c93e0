// Reads files of definitions; what is wrong in one costs that one alone.
// Not for finding out which files: the plugin does.
#ifndef TALLY_METERS_DEFINITIONS_LOAD_H
#define TALLY_METERS_DEFINITIONS_LOAD_H

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "definitions/program.h"
#include "definitions/yaml_map.h"

namespace meters {

// Collects definitions. Of those with the same name the first file's counts, and within a file the last; within a file
// they make samples from the last to the first. One that is disabled ("file.yaml:meter", globs) hides no other.
class Definitions {
 public:
  explicit Definitions(PathOptions options = {}, std::vector<std::string> disabled = {})
      : program_(options), disabled_(std::move(disabled)) {}

  // Takes up the text of one file; `file` is its name in faults and places.
  void load(std::string_view text, const std::string& file);
  // Each path is a file, or a folder whose *.yaml are read in order of name.
  void load(const std::vector<std::filesystem::path>& paths);

  const Program& program() const { return program_; }
  Program take() && { return std::move(program_); }
  // "compute.yaml:12:5: …": what was skipped and why.
  const std::vector<std::string>& faults() const { return faults_; }
  // The same for what was loaded and may not mean what was meant.
  const std::vector<std::string>& notices() const { return notices_; }

 private:
  void load_file(const std::filesystem::path& file);
  void load_list(const YAML::Node& list, const std::string& file);
  Definition definition(const YAML::Node& node, const std::string& file);
  std::vector<EventPattern> patterns(const YAML::Node& node);
  void lookup(const YAML::Node& node, Definition& definition, const std::string& file);
  std::uint32_t metadata(const std::vector<YamlMember>& all);
  void notice_arithmetic(const Definition& definition);

  bool disabled(const Definition& definition) const;

  Program program_;
  const std::vector<std::string> disabled_;
  std::map<std::string, std::string> names_;  // of those that count, and where each is
  std::unordered_map<std::string, EventPattern> patterns_;
  std::unordered_map<std::string, std::uint32_t> metadata_;
  std::vector<std::string> faults_;
  std::vector<std::string> notices_;
};

}  // namespace meters

#endif
