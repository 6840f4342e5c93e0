// Which files make up a program's configuration, and reading them.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>

#include "config/reader.h"

namespace tally::config {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostRead = (std::size_t{1} << 20) + 1;  // one more than is accepted, so that it is seen

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

fs::path drop_in_folder(const fs::path& path) { return path.parent_path() / (path.stem().string() + ".d"); }

std::vector<fs::path> drop_ins(const fs::path& path, Faults& faults) {
  std::vector<fs::path> found;
  const fs::path folder = drop_in_folder(path);
  if (!is_there(folder)) return found;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (at->path().extension() == ".yaml" && at->path().filename().string()[0] != '.') found.push_back(at->path());
  }
  if (error) faults.fault({folder.string(), 0, 0}, "the folder cannot be read: " + error.message());
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

std::string_view program_name(Program program) {
  switch (program) {
    case Program::collector:
      return "collector";
    case Program::agent:
      return "agent";
    case Program::run:
      break;
  }
  return "run";
}

std::optional<fs::path> default_config_path(Program program) {
  std::vector<fs::path> places;
  if (program == Program::run) {
    places = {"/etc/tally/tally.yaml", "tally.yaml"};
  } else {
    places = {fs::path("/etc/tally") / (std::string(program_name(program)) + ".yaml")};
  }
  for (const fs::path& place : places) {
    if (is_there(place) || is_there(drop_in_folder(place))) return place;
  }
  return std::nullopt;
}

std::optional<std::string> read_small_file(const fs::path& path, std::size_t limit, std::string& why) {
  std::error_code error;
  if (fs::is_directory(path, error)) {
    why = "it is a folder";
    return std::nullopt;
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text(limit, '\0');
  if (file) file.read(text.data(), static_cast<std::streamsize>(limit));
  if (!file.is_open() || file.bad()) {
    why = errno != 0 ? std::strerror(errno) : "it cannot be read";
    return std::nullopt;
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

YamlNode read_config_files(const fs::path& path, std::vector<fs::path>& files, Faults& faults) {
  YamlNode root;
  std::vector<fs::path> all;
  const std::vector<fs::path> more = drop_ins(path, faults);
  if (is_there(path)) {
    all.push_back(path);
  } else if (more.empty()) {
    faults.warn({path.string(), 0, 0}, "there is no such file: the defaults count");
  }
  all.insert(all.end(), more.begin(), more.end());
  for (const fs::path& file : all) {
    files.push_back(file);
    std::string why;
    const std::optional<std::string> text = read_small_file(file, kMostRead, why);
    if (!text) {
      faults.fault({file.string(), 0, 0}, "the file cannot be read: " + why);
      continue;
    }
    YamlNode node = read_yaml(file.string(), *text, faults);
    if (node.kind != YamlNode::Kind::null && node.kind != YamlNode::Kind::map) {
      faults.fault(node.place, "a configuration is a mapping, one `key: value` a line");
      continue;
    }
    merge_yaml(root, std::move(node));
  }
  return root;
}

}  // namespace tally::config
