#include "plugin/file/preconditions.h"

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/strings.h"

namespace tally::plugin {
namespace {

// The folders of the dynamic linker: LD_LIBRARY_PATH, then what /etc/ld.so.conf and its parts name, then its own.
std::vector<std::string> library_folders() {
  std::vector<std::string> folders;
  if (const char* path = std::getenv("LD_LIBRARY_PATH")) {
    for (absl::string_view folder : absl::StrSplit(path, absl::ByAnyChar(":;"), absl::SkipEmpty())) {
      folders.emplace_back(folder);
    }
  }
  std::error_code ignored;
  for (const auto& part : std::filesystem::directory_iterator("/etc/ld.so.conf.d", ignored)) {
    std::ifstream lines(part.path());
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with('/')) folders.push_back(line.substr(0, line.find_last_not_of(" \t\r") + 1));
    }
  }
  for (const char* folder : {"/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib"})
    folders.emplace_back(folder);
  return folders;
}

bool exists(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0;
}

bool library_exists(const std::string& name) {
  if (name.find('/') != std::string::npos) return exists(name);
  for (const std::string& folder : library_folders()) {
    if (exists(absl::StrCat(folder, "/", name))) return true;
  }
  return false;
}

std::optional<std::string> unmet(const RoleManifest& role, const Precondition& need, const IsConfigured& configured) {
  struct stat info {};
  switch (need.kind) {
    case Precondition::Kind::path:
      if (::stat(need.value.c_str(), &info) == 0) return std::nullopt;
      return absl::StrCat("needs ", need.value, ": ", std::strerror(errno));
    case Precondition::Kind::socket:
      if (::stat(need.value.c_str(), &info) != 0) {
        return absl::StrCat("needs the socket ", need.value, ": ", std::strerror(errno));
      }
      if (S_ISSOCK(info.st_mode)) return std::nullopt;
      return absl::StrCat("needs the socket ", need.value, ", which is not a socket");
    case Precondition::Kind::library:
      if (library_exists(need.value)) return std::nullopt;
      return absl::StrCat("needs the library ", need.value, ", which is not installed");
    case Precondition::Kind::config:
      if (configured && configured(role.key(), need.value)) return std::nullopt;
      return absl::StrCat("needs the configuration key plugins: \"", role.key(), "\": ", need.value,
                          ", which is not set");
    case Precondition::Kind::any: {
      std::string reasons;
      for (const Precondition& one : need.any) {
        const std::optional<std::string> reason = unmet(role, one, configured);
        if (!reason) return std::nullopt;
        absl::StrAppend(&reasons, reasons.empty() ? "" : ", or ", *reason);
      }
      return reasons;
    }
  }
  return "has a precondition of an unknown kind";
}

}  // namespace

std::optional<std::string> unmet_precondition(const RoleManifest& role, const IsConfigured& configured) {
  for (const Precondition& need : role.preconditions) {
    if (std::optional<std::string> reason = unmet(role, need, configured)) return reason;
  }
  return std::nullopt;
}

}  // namespace tally::plugin
