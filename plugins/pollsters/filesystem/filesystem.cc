// Meters the space of the host's mounted file systems, from the list of mounts in /proc and statvfs.
// Not for pseudo and network file systems: a server that does not answer would hold the call.
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <tally/plugin.h>

#include <cerrno>
#include <cstring>
#include <set>

#include "mounts.h"
#include "sizes.h"

namespace {

namespace fs = std::filesystem;

class Filesystem : public tally::Pollster {
 public:
  explicit Filesystem(const tally::Config& config) : host_(config.host()), root_(config.text("root")) {
    for (std::string& type : config.list("types")) types_.insert(std::move(type));
  }

  void poll(const tally::Poll& poll, tally::Emitter& emit) override {
    const std::string file = tally::host_file(root_, "mounts", "proc/self/mounts");
    const std::string text = tally::read_file(file, std::size_t{16} << 20);
    const auto mounts = mounts::choose(inside(mounts::read(text)), types_);
    for (const mounts::Mount& mount : mounts) measure(mount, poll, emit);
    if (mounts.empty()) throw tally::Error::absent("no file system of a kind in `types` is in " + file);
  }

 private:
  // In the tree at root_. Where the list was written by a process that sees this tree from outside (it has /host/boot,
  // and there is no /host/host/boot), the mounts below root_ are the tree's, the others not.
  std::vector<mounts::Mount> inside(std::vector<mounts::Mount> all) const {
    std::vector<mounts::Mount> ours;
    for (const mounts::Mount& mount : all) {
      std::string path = mounts::below(mount.path, root_.lexically_normal().string());
      std::error_code ignored;
      if (path.empty() || fs::exists(tally::join(root_, mount.path), ignored)) continue;
      ours.push_back({mount.device, std::move(path), mount.type});
    }
    return ours.empty() ? std::move(all) : ours;
  }

  // A mount of the host's that did not come along into the container is an empty folder there, of another file system.
  bool came_along(const std::string& mount, const fs::path& path) const {
    if (mount == "/" || root_.lexically_normal() == "/" || !tally::is_procfs(root_ / "proc")) return true;
    struct stat here {};
    struct stat above {};
    const fs::path plain = path.has_filename() ? path : path.parent_path();
    return ::stat(plain.c_str(), &here) != 0 || ::stat(plain.parent_path().c_str(), &above) != 0 ||
           here.st_dev != above.st_dev;
  }

  void measure(const mounts::Mount& mount, const tally::Poll& poll, tally::Emitter& emit) const {
    const std::string resource = host_ + "." + tally::escape_identity(mount.path);
    const std::string path = tally::join(root_, mount.path);
    struct statvfs space {};
    if (::statvfs(path.c_str(), &space) != 0) {
      const int error = errno;
      const std::string why = path + ": " + std::strerror(error);
      return poll.fault(resource, error == ENOENT ? tally::Error::absent(why) : tally::Error::transient(why));
    }
    if (!came_along(mount.path, path)) {
      const std::string way_out = ": not mounted here: bind the host's tree with its mounts, as in `-v /:";
      return poll.fault(resource, tally::Error::transient(path + way_out + root_.string() + ":ro,rslave`"));
    }
    if (space.f_blocks == 0) return;  // nothing that holds data
    auto sample = tally::gauge("", "KB", 0, resource);
    sample.resource_metadata =
        tally::JsonObject().set("device", mount.device).set("path", mount.path).set("type", mount.type).str();
    for (const auto& [meter, volume] : sizes::of(space)) {
      if (!volume) {
        poll.fault(resource,
                   tally::Error::transient(std::string(meter) + ": " + path + ": more blocks are free than there are"));
        continue;
      }
      sample.name = meter;
      sample.volume = *volume;
      emit(sample);
    }
  }

  std::string host_;
  fs::path root_;
  std::set<std::string> types_;
};

}  // namespace

// clang-format off
TALLY_PLUGIN(Filesystem, {
  "name": "filesystem", "version": "1.0.0",
  "roles": [{
    "role": "pollster", "name": "filesystem", "namespace": "host", "summary": "Space of the host's file systems",
    "meters": [
      {"name": "hardware.disk.size.total", "type": "gauge", "unit": "KB", "description": "size"},
      {"name": "hardware.disk.size.used", "type": "gauge", "unit": "KB", "description": "in use"},
      {"name": "hardware.disk.size.available", "type": "gauge", "unit": "KB", "description": "free for programs without privileges"}],
    "config": [
      {"key": "types", "type": "list", "help": "kinds of file systems that are measured", "default": ["ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "jfs", "vfat", "exfat", "overlay"]},
      {"key": "root", "type": "path", "default": "/", "help": "where the file system with /proc starts"}]
  }]
})
