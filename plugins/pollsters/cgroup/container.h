// Tells by a group's path below /sys/fs/cgroup whether it is a container, whatever engine and driver made it.
// Not for what belongs to one: a pod, an engine's own service, a monitor, a group inside a container.
#ifndef TALLY_PLUGINS_CGROUP_CONTAINER_H
#define TALLY_PLUGINS_CGROUP_CONTAINER_H

#include <algorithm>
#include <string_view>

namespace container {

inline bool is_id(std::string_view name) {
  return !name.empty() && name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// What follows `start`; nothing where `name` begins otherwise.
inline std::string_view after(std::string_view name, std::string_view start) {
  return name.starts_with(start) ? name.substr(start.size()) : std::string_view();
}

// systemd's driver: docker-ID.scope, libpod-ID.scope, cri-containerd-ID.scope, crio-ID.scope, nerdctl-ID.scope. A
// monitor's is libpod-conmon-ID.scope, a service docker.service.
inline bool is_scope(std::string_view name) {
  constexpr std::string_view kEnd = ".scope";
  if (!name.ends_with(kEnd)) return false;
  name.remove_suffix(kEnd.size());
  for (const std::string_view engine : {"docker-", "libpod-", "cri-containerd-", "crio-", "nerdctl-"}) {
    if (is_id(after(name, engine))) return true;
  }
  return false;
}

// A name that is a container's wherever it stands: those of the cgroupfs driver that say whose they are, a whole id (64
// digits), and "SLICE:ENGINE:ID", which the one driver makes of the other's path.
inline bool is_telling(std::string_view name) {
  constexpr std::size_t kWholeId = 64;
  if (is_id(name) && name.size() == kWholeId) return true;
  for (const std::string_view start : {"libpod-", "libpod-payload-", "crio-"}) {
    if (is_id(after(name, start))) return true;
  }
  const std::size_t last = name.rfind(':');
  if (last != std::string_view::npos && last > 0 && is_id(name.substr(last + 1))) {
    const std::size_t first = name.rfind(':', last - 1);
    const std::string_view engine = first == std::string_view::npos ? "" : name.substr(first + 1, last - first - 1);
    for (const std::string_view known : {"docker", "libpod", "cri-containerd", "crio", "nerdctl"}) {
      if (engine == known) return true;
    }
  }
  return after(name, "lxc.payload.").size() > 0;
}

// The path of a container's group, outermost: what is inside one is counted in it already, another container too.
inline bool is_path(std::string_view path) {
  std::string_view parent;
  bool kubernetes = false;
  while (true) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view name = path.substr(0, end);
    const bool in_pod = kubernetes && parent.starts_with("pod");
    const bool in_lxc = (parent == "lxc" || parent == "lxc.payload") && !name.empty();
    if (is_scope(name) || is_telling(name) || in_lxc || ((in_pod || parent == "docker") && is_id(name))) {
      return end == path.size();
    }
    if (end == path.size()) return false;
    kubernetes = kubernetes || name == "kubepods";
    parent = name;
    path.remove_prefix(end + 1);
  }
}

}  // namespace container

#endif
