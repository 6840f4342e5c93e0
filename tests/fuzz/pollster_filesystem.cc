// A list of mounts of any machine.
// Not for asking how large what is mounted is.
#include "filesystem/mounts.h"

#include <set>
#include <string>
#include <vector>

#include "filesystem/sizes.h"
#include "measured.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tally::fuzz;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::vector<mounts::Mount> all = mounts::read(text);
  std::set<std::string> paths, types, devices;
  for (const mounts::Mount& mount : all) {
    require_name(mount.path);
    require_name(mount.device);
    require(paths.insert(mount.path).second, "one mount of a path can be seen");
    const std::string below = mounts::below(mount.path, "/host/");
    require(below.empty() || below == "/" || "/host" + below == mount.path, "a path below the root keeps its end");
    if (types.size() < 3) types.insert(mount.type);
  }
  for (const mounts::Mount& mount : mounts::choose(all, types)) {
    require(types.count(mount.type) == 1, "only the types that are wanted are chosen");
    require(devices.insert(mount.device).second, "a device counts once");
  }
  Input numbers(data, size);
  struct statvfs space {};
  space.f_frsize = numbers.number(8);
  space.f_blocks = numbers.number(8);
  space.f_bfree = numbers.number(8);
  space.f_bavail = numbers.number(8);
  const auto all_sizes = sizes::of(space);
  const auto& whole = all_sizes[0].kilobytes;
  for (const sizes::Size& one : all_sizes) {
    require(!one.kilobytes || !one.kilobytes->negative(), "a size is not negative");
    require(!one.kilobytes || !whole || *one.kilobytes <= *whole, "nothing is larger than the whole");
  }
  return 0;
}
