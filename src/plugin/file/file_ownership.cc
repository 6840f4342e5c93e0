#include "plugin/file/file_ownership.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace tally::plugin {
namespace {

namespace fs = std::filesystem;

std::string wrong_owner(const struct stat& info, const std::string& path) {
  if (info.st_uid == 0 || info.st_uid == ::geteuid()) return {};
  return absl::StrCat("owned by user ", info.st_uid, ", must be owned by root or by user ", ::geteuid(),
                      "; `chown root ", path, "` makes it acceptable");
}

std::string writable(const struct stat& info, const std::string& path) {
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) == 0) return {};
  return absl::StrCat("writable by its group or by others; `chmod go-w ", path, "` makes it acceptable");
}

// `folder` and all above it; `folder` is canonical.
std::string untrusted_chain(const fs::path& folder) {
  for (fs::path at = folder;; at = at.parent_path()) {
    struct stat info {};
    if (::stat(at.c_str(), &info) != 0) {
      return absl::StrCat("the folder ", at.string(), " cannot be looked at: ", std::strerror(errno));
    }
    const bool sticky = at != folder && (info.st_mode & S_ISVTX) != 0;
    std::string why = wrong_owner(info, at.string());
    if (why.empty() && !sticky) why = writable(info, at.string());
    if (!why.empty()) return absl::StrCat("the folder ", at.string(), " is ", why);
    if (at == at.root_path()) return {};
  }
}

}  // namespace

std::string untrusted_folder(const fs::path& folder) {
  std::error_code error;
  const fs::path real = fs::canonical(folder, error);
  if (error) return absl::StrCat("the folder ", folder.string(), " cannot be looked at: ", error.message());
  std::string why = untrusted_chain(real);
  // A link to the folder is as good as the place where it stands.
  const fs::path named = fs::absolute(folder, error).lexically_normal();
  if (why.empty() && !error && fs::is_symlink(fs::symlink_status(named, error))) {
    const fs::path stands_in = fs::canonical(named.parent_path(), error);
    if (!error) why = untrusted_chain(stands_in);
  }
  return why;
}

std::string untrusted_file(const fs::path& file) {
  struct stat info {};
  if (::lstat(file.c_str(), &info) != 0) return absl::StrCat("cannot be looked at: ", std::strerror(errno));
  if (S_ISLNK(info.st_mode)) {
    std::error_code error;
    const fs::path target = fs::canonical(file, error);
    if (error) return absl::StrCat("a symbolic link that leads nowhere: ", error.message());
    const fs::path folder = fs::canonical(file.parent_path(), error);
    if (error || target.parent_path() != folder) {
      return absl::StrCat("a symbolic link out of its folder, to ", target.string(),
                          "; put the file itself here, or name its folder in TALLY_PLUGIN_PATH");
    }
    if (::stat(file.c_str(), &info) != 0) return absl::StrCat("cannot be looked at: ", std::strerror(errno));
  }
  if (!S_ISREG(info.st_mode)) return "not a regular file";
  if (std::string why = wrong_owner(info, file.string()); !why.empty()) return why;
  return writable(info, file.string());
}

}  // namespace tally::plugin
