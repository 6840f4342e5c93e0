// Meters the space of the host's mounted file systems, from /proc/self/mounts and statvfs.
// Not for pseudo and network file systems: a server that does not answer would hold the call.
#include <sys/statvfs.h>
#include <tally/plugin.h>

#include <set>

namespace {

// Turns the kernel's \040 and the like back into characters.
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool octal = text[i] == '\\' && i + 3 < text.size() &&
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

class Filesystem : public tally::Pollster {
 public:
  explicit Filesystem(const tally::Config& config) : host_(config.host()), root_(config.text("root")) {
    for (std::string& type : config.list("types")) types_.insert(std::move(type));
  }

  void poll(const tally::Poll&, tally::Emitter& emit) override {
    const std::string file = tally::join(root_, "proc/self/mounts");
    const std::string text = tally::read_file(file, std::size_t{16} << 20);
    std::set<std::string> seen;  // a device mounted in several places is measured once, where it was mounted first
    for (const std::string_view line : tally::lines(text)) {
      const auto words = tally::words(line);
      if (words.size() < 3 || types_.count(std::string(words[2])) == 0) continue;
      const std::string device = unescaped(words[0]);
      if (seen.insert(device).second) measure(device, unescaped(words[1]), std::string(words[2]), emit);
    }
  }

 private:
  void measure(const std::string& device, const std::string& mount, const std::string& type, tally::Emitter& emit) {
    struct statvfs space {};
    if (statvfs(tally::join(root_, mount).c_str(), &space) != 0 || space.f_blocks == 0)
      return;  // unmounted since, or not ours
    const std::uint64_t block = space.f_frsize;
    const auto kilobytes = [&](std::uint64_t blocks) { return blocks * block / 1024; };
    const std::pair<const char*, std::uint64_t> meters[] = {
        {"hardware.disk.size.total", kilobytes(space.f_blocks)},
        {"hardware.disk.size.used", kilobytes(space.f_blocks - space.f_bfree)},
        {"hardware.disk.size.available", kilobytes(space.f_bavail)}};
    for (const auto& [meter, value] : meters) {
      auto sample = tally::gauge(meter, "KB", value, host_ + "." + mount);
      sample.resource_metadata = tally::JsonObject().set("device", device).set("path", mount).set("type", type).str();
      emit(sample);
    }
  }

  std::string host_;
  std::string root_;
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
