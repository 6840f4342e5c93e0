// Reads a list of mounts (/proc/PID/mounts) as text.
// Not for how large anything is.
#ifndef TALLY_PLUGINS_FILESYSTEM_MOUNTS_H
#define TALLY_PLUGINS_FILESYSTEM_MOUNTS_H

#include <tally/kit/files.h>

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace mounts {

struct Mount {
  std::string device;
  std::string path;  // any bytes, as the file system has them
  std::string type;
};

// Turns the kernel's \040 and the like back into bytes.
inline std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool octal = text[i] == '\\' && i + 3 < text.size() && text[i + 1] <= '3' &&
                       text.substr(i + 1, 3).find_first_not_of("01234567") == std::string_view::npos;
    if (!octal) {
      out += text[i];
      continue;
    }
    out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
    i += 3;
  }
  return out;
}

// What can be seen: of several mounts on one path the last, which hides the others.
inline std::vector<Mount> read(std::string_view text) {
  std::vector<Mount> found;
  std::map<std::string, std::size_t> last;
  for (const std::string_view line : tally::lines(text)) {
    const auto words = tally::words(line);
    if (words.size() < 3) continue;
    found.push_back({unescaped(words[0]), unescaped(words[1]), std::string(words[2])});
    last[found.back().path] = found.size() - 1;
  }
  std::vector<Mount> seen;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (last[found[i].path] == i) seen.push_back(std::move(found[i]));
  }
  return seen;
}

// Those of these types; a device that is mounted in several places once, where it was mounted first.
inline std::vector<Mount> choose(std::vector<Mount> all, const std::set<std::string>& types) {
  std::set<std::string> devices;
  std::erase_if(
      all, [&](const Mount& mount) { return types.count(mount.type) == 0 || !devices.insert(mount.device).second; });
  return all;
}

// `path` without `root` before it, if it lies there: "/boot" of "/host/boot"; else empty.
inline std::string below(std::string_view path, std::string_view root) {
  while (root.ends_with('/')) root.remove_suffix(1);
  if (root.empty() || !path.starts_with(root)) return {};
  path.remove_prefix(root.size());
  if (path.empty()) return "/";
  return path.front() == '/' ? std::string(path) : std::string();
}

}  // namespace mounts

#endif
