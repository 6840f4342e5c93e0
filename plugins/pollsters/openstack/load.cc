// See load.h. One definition is read in load_definition.cc.
#include "load.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "load_definition.h"

namespace tally::openstack {
namespace {

constexpr std::size_t kLongestFile = std::size_t{4} << 20;

std::string at(const std::string& file, int line, int column) {
  return file + ":" + std::to_string(line) + ":" + std::to_string(column) + ": ";
}

}  // namespace

void Definitions::add(const YamlMap& map, const std::string& file) {
  Loaded loaded = load_definition(map, file);
  for (const auto& [node, text] : loaded.notices)
    notices_.push_back(at(file, node.Mark().line + 1, node.Mark().column + 1) + text);
  if (!loaded.ours) return;
  const YAML::Mark mark = map.node().Mark();
  if (!names_.insert(loaded.definition.name).second) {
    notices_.push_back(at(file, mark.line + 1, mark.column + 1) + "skipped: \"" + loaded.definition.name +
                       "\" is defined already");
    return;
  }
  const auto [known, fresh] = by_request_.try_emplace(loaded.request.key(), groups_.size());
  if (fresh) groups_.push_back({std::move(loaded.request), {}});
  groups_[known->second].definitions.push_back(std::move(loaded.definition));
}

void Definitions::load_one(const YAML::Node& node, const std::string& file) {
  std::string whose;
  try {
    const YamlMap map(node);
    if (const YAML::Node* name = map.find("name"); name != nullptr && name->IsScalar())
      whose = " \"" + name->Scalar() + "\"";
    add(map, file);
  } catch (const Fault& fault) {
    faults_.push_back(at(file, fault.line, fault.column) + "skipped" + whose + ": " + fault.what());
  } catch (const std::exception& error) {  // yaml-cpp's, of a node that is not what it seemed
    faults_.push_back(at(file, node.Mark().line + 1, node.Mark().column + 1) + "skipped" + whose + ": " + error.what());
  }
}

void Definitions::load(std::string_view text, const std::string& file) {
  try {
    const YAML::Node root = YAML::Load(std::string(text));
    if (root.IsNull()) return;
    if (!root.IsSequence()) {
      faults_.push_back(at(file, 1, 1) + "skipped, the whole file: not a list of definitions");
      return;
    }
    for (const auto& node : root) load_one(node, file);
  } catch (const YAML::Exception& error) {
    faults_.push_back(at(file, error.mark.line + 1, error.mark.column + 1) +
                      "skipped, the whole file: not YAML: " + error.msg);
  }
}

void Definitions::load_file(const std::filesystem::path& file) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(file, error);
  std::ifstream in(file, std::ios::binary);
  if (error || !in) {
    faults_.push_back(file.string() + ": cannot be read" + (error ? ": " + error.message() : ""));
  } else if (size > kLongestFile) {
    faults_.push_back(file.string() + ": skipped, longer than 4 MiB");
  } else {
    std::ostringstream text;
    text << in.rdbuf();
    load(text.str(), file.string());
  }
}

void Definitions::load(const std::vector<std::filesystem::path>& paths) {
  for (const std::filesystem::path& path : paths) {
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) {
      load_file(path);
      continue;
    }
    std::vector<std::filesystem::path> files;
    for (std::filesystem::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error))
      if (entry->path().extension() == ".yaml" && !entry->path().filename().string().starts_with('.'))
        files.push_back(entry->path());
    if (error) faults_.push_back(path.string() + ": " + error.message());
    std::sort(files.begin(), files.end());
    for (const auto& file : files) load_file(file);
  }
}

}  // namespace tally::openstack
