// Meters containers, and other groups by pattern: processor, memory, I/O and pressure of control groups, from the v2
// hierarchy. Not for what runs in them by process, nor for hosts that still mount v1 alone: there it is off.
#include <fnmatch.h>
#include <sys/stat.h>
#include <tally/plugin.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "container.h"
#include "group_files.h"

namespace {

namespace fs = std::filesystem;

constexpr int kDeepest = 32;                            // levels below the root
constexpr std::size_t kMost = 20'000;                   // groups looked at in one cycle
constexpr std::size_t kLongest = 1'000;                 // bytes of a resource's id
constexpr std::string_view kContainers = "containers";  // in place of a pattern

class Cgroup : public tally::Pollster {
 public:
  explicit Cgroup(const tally::Config& config)
      : host_(config.host()),
        top_(tally::join(config.has("root") ? config.text("root") : "/", "sys/fs/cgroup")),
        devices_(tally::join(config.has("root") ? config.text("root") : "/", "sys/dev/block")),
        patterns_(config.list("groups")) {}

  void poll(const tally::Poll& poll, tally::Emitter& emit) override {
    std::error_code error;
    if (!fs::exists(top_ / "cgroup.controllers", error)) {
      throw tally::Error::absent((top_ / "cgroup.controllers").string() + ": there is no cgroup v2 hierarchy");
    }
    std::size_t left = kMost;
    bool any = false;
    walk(top_, "", kDeepest, left, [&](const fs::path& folder, const std::string& name) {
      any = true;
      Group(*this, folder, name, poll, emit).measure();
    });
    if (left == 0 && !std::exchange(told_, true)) {
      tally::log(tally::Level::warning, "cgroup: more than " + std::to_string(kMost) + " groups below " +
                                            top_.string() + "; the rest is not metered");
    }
    if (!any && !std::exchange(told_none_, true)) {
      tally::log(tally::Level::info, "cgroup: nothing below " + top_.string() + " is named by `groups` at the moment");
    }
    if (any) told_none_ = false;
  }

 private:
  using Visit = std::function<void(const fs::path& folder, const std::string& name)>;

  // One group's samples. A file that is not there, or goes while it is read, is not a sample: the controller is off for
  // this group, or the group is gone.
  class Group {
   public:
    Group(const Cgroup& of, const fs::path& folder, const std::string& name, const tally::Poll& poll,
          tally::Emitter& emit)
        : of_(of), folder_(folder), poll_(poll), emit_(emit), resource_(of.host_ + "." + tally::escape_identity(name)) {
      struct stat info {};
      if (::stat(folder.c_str(), &info) == 0) metadata_.set("cgroup_id", static_cast<std::uint64_t>(info.st_ino));
      metadata_.set("cgroup", name);
      sample_.monotonic_time = std::chrono::duration<double>(poll.monotonic).count();
    }

    void measure() {
      if (resource_.size() > kLongest) {
        return poll_.fault(resource_, tally::Error::transient("a path of more than " + std::to_string(kLongest) +
                                                              " bytes is left out"));
      }
      for (const group_files::Single& one : group_files::kSingles)
        take(one.file, group_files::single(one, read(one.file)));
      for (const char* file : group_files::kKeyedFiles) take(file, group_files::keyed(file, read(file)));
      for (const char* what : group_files::kPressures) {
        const std::string file = std::string(what) + ".pressure";
        take(file, group_files::pressure(what, read(file)));
      }
      const std::string io = read("io.stat");
      take("io.stat", group_files::io_stat(io));
    }

   private:
    std::string read(const std::string& file) const {
      try {
        return tally::read_file(folder_ / file);
      } catch (const tally::Error&) {
        return {};
      }
    }

    void take(std::string_view file, const group_files::Values& values) {
      for (const group_files::Value& value : values) {
        const std::string device = value.device.empty() ? "" : of_.device(value.device);
        const std::string resource = device.empty() ? resource_ : resource_ + "." + tally::escape_identity(device);
        if (!value.volume) {
          poll_.fault(resource,
                      tally::Error::transient(value.meter + ": " + (folder_ / file).string() + ": not a count"));
          continue;
        }
        const std::string metadata =
            device.empty() ? metadata_.str() : tally::JsonObject(metadata_).set("device", device).str();
        sample_.resource_id = resource;
        sample_.resource_metadata = metadata;
        sample_.name = value.meter;
        sample_.unit = value.unit;
        sample_.type = value.type;
        sample_.volume = *value.volume;
        emit_(sample_);
      }
    }

    const Cgroup& of_;
    const fs::path& folder_;
    const tally::Poll& poll_;
    tally::Emitter& emit_;
    const std::string resource_;
    tally::JsonObject metadata_;
    tally::SampleView sample_;
  };

  // Every group below `folder` that a pattern matches; at most `left` groups are looked at.
  void walk(const fs::path& folder, const std::string& prefix, int levels, std::size_t& left,
            const Visit& visit) const {
    std::error_code error;
    for (fs::directory_iterator at(folder, error), end; !error && at != end && left > 0; at.increment(error)) {
      std::error_code gone;
      if (!at->is_directory(gone) || at->is_symlink(gone)) continue;
      --left;
      const std::string name = prefix + at->path().filename().string();
      if (wanted(name)) visit(at->path(), name);
      if (levels > 1) walk(at->path(), name + "/", levels - 1, left, visit);
    }
  }

  bool wanted(const std::string& name) const {
    return std::any_of(patterns_.begin(), patterns_.end(), [&](const std::string& pattern) {
      if (pattern == kContainers) return container::is_path(name);
      return ::fnmatch(pattern.c_str(), name.c_str(), FNM_NOESCAPE) == 0;
    });
  }

  // The name of the device with these numbers ("8:0"); the numbers, where the system knows no name.
  std::string device(std::string_view numbers) const {
    std::error_code error;
    const fs::path link = fs::read_symlink(devices_ / numbers, error);
    return error || link.filename().empty() ? std::string(numbers) : link.filename().string();
  }

  const std::string host_;
  const fs::path top_;
  const fs::path devices_;
  const std::vector<std::string> patterns_;
  bool told_ = false;       // that there are too many
  bool told_none_ = false;  // that there are none now
};

}  // namespace

// clang-format off
TALLY_PLUGIN(Cgroup, {
  "name": "cgroup", "version": "1.0.0",
  "roles": [{
    "role": "pollster", "name": "cgroup", "namespace": "host", "summary": "Containers, and other control groups by pattern",
    "preconditions": [{"any": [{"path": "/sys/fs/cgroup/cgroup.controllers"}, {"config": "root"}]}],
    "meters": [
      {"name": "cgroup.cpu.time", "type": "cumulative", "unit": "ns", "description": "processor time used"},
      {"name": "cgroup.cpu.user", "type": "cumulative", "unit": "ns", "description": "of that, in programs"},
      {"name": "cgroup.cpu.system", "type": "cumulative", "unit": "ns", "description": "of that, in the kernel"},
      {"name": "cgroup.cpu.throttled", "type": "cumulative", "unit": "ns", "description": "time held back by the group's limit"},
      {"name": "cgroup.memory.usage", "type": "gauge", "unit": "B", "description": "memory held, page cache included"},
      {"name": "cgroup.memory.swap.usage", "type": "gauge", "unit": "B", "description": "swap held"},
      {"name": "cgroup.memory.limit", "type": "gauge", "unit": "B", "description": "most memory that it may hold, where there is a limit"},
      {"name": "cgroup.memory.anonymous", "type": "gauge", "unit": "B", "description": "of its memory, the programs' own"},
      {"name": "cgroup.memory.file", "type": "gauge", "unit": "B", "description": "of its memory, the page cache"},
      {"name": "cgroup.memory.oom_kills", "type": "cumulative", "unit": "task", "description": "killed for want of memory"},
      {"name": "cgroup.tasks", "type": "gauge", "unit": "task", "description": "processes and threads"},
      {"name": "cgroup.io.read.bytes", "type": "cumulative", "unit": "B", "description": "read from a device"},
      {"name": "cgroup.io.write.bytes", "type": "cumulative", "unit": "B", "description": "written to a device"},
      {"name": "cgroup.io.read.requests", "type": "cumulative", "unit": "request", "description": "reads of a device"},
      {"name": "cgroup.io.write.requests", "type": "cumulative", "unit": "request", "description": "writes of a device"},
      {"name": "cgroup.cpu.pressure.some", "type": "cumulative", "unit": "ns", "description": "time in which some task waited for a processor"},
      {"name": "cgroup.cpu.pressure.full", "type": "cumulative", "unit": "ns", "description": "time in which all tasks did"},
      {"name": "cgroup.memory.pressure.some", "type": "cumulative", "unit": "ns", "description": "time in which some task waited for memory"},
      {"name": "cgroup.memory.pressure.full", "type": "cumulative", "unit": "ns", "description": "time in which all tasks did"},
      {"name": "cgroup.io.pressure.some", "type": "cumulative", "unit": "ns", "description": "time in which some task waited for I/O"},
      {"name": "cgroup.io.pressure.full", "type": "cumulative", "unit": "ns", "description": "time in which all tasks did"}],
    "config": [
      {"key": "root", "type": "path", "help": "where the file system with /sys starts; unset: /, if it has a v2 hierarchy"},
      {"key": "groups", "type": "list",
       "default": ["containers"],
       "help": "the word containers, and patterns over a group's path below /sys/fs/cgroup; * is any run of characters, / included"}]
  }]
})
