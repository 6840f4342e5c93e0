// Meters containers and slices: processor, memory, I/O and pressure of control groups, from the v2 hierarchy.
// Not for what runs in them by process, nor for hosts that still mount v1 alone: there it is off.
#include <fnmatch.h>
#include <sys/stat.h>
#include <tally/plugin.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;

constexpr int kDeepest = 32;             // levels below the root
constexpr std::size_t kMost = 20'000;    // groups looked at in one cycle
constexpr std::size_t kLongest = 1'000;  // bytes of a resource's id
constexpr std::uint64_t kNano = 1'000;   // the kernel counts microseconds

// One number of a file, which holds it alone.
struct Single {
  const char* file;
  const char* meter;
  const char* unit;
};
constexpr Single kSingles[] = {
    {"memory.current", "cgroup.memory.usage", "B"},
    {"memory.swap.current", "cgroup.memory.swap.usage", "B"},
    {"memory.max", "cgroup.memory.limit", "B"},
    {"pids.current", "cgroup.tasks", "task"},
};

// One number of a file of lines "key value".
struct Keyed {
  const char* file;
  const char* key;
  const char* meter;
  const char* unit;
  tally::SampleType type;
  std::uint64_t factor;
};
constexpr Keyed kKeyed[] = {
    {"cpu.stat", "usage_usec", "cgroup.cpu.time", "ns", tally::SampleType::cumulative, kNano},
    {"cpu.stat", "user_usec", "cgroup.cpu.user", "ns", tally::SampleType::cumulative, kNano},
    {"cpu.stat", "system_usec", "cgroup.cpu.system", "ns", tally::SampleType::cumulative, kNano},
    {"cpu.stat", "throttled_usec", "cgroup.cpu.throttled", "ns", tally::SampleType::cumulative, kNano},
    {"memory.stat", "anon", "cgroup.memory.anonymous", "B", tally::SampleType::gauge, 1},
    {"memory.stat", "file", "cgroup.memory.file", "B", tally::SampleType::gauge, 1},
    {"memory.events", "oom_kill", "cgroup.memory.oom_kills", "task", tally::SampleType::cumulative, 1},
};

// One number of a device's line in io.stat.
struct Io {
  const char* key;
  const char* meter;
  const char* unit;
};
constexpr Io kIo[] = {
    {"rbytes", "cgroup.io.read.bytes", "B"},
    {"wbytes", "cgroup.io.write.bytes", "B"},
    {"rios", "cgroup.io.read.requests", "request"},
    {"wios", "cgroup.io.write.requests", "request"},
};

constexpr const char* kPressure[] = {"cpu", "memory", "io"};

// "key=value" to value, where the key is this one.
std::optional<std::uint64_t> value_of(std::string_view word, std::string_view key) {
  if (!word.starts_with(key) || word.size() <= key.size() || word[key.size()] != '=') return std::nullopt;
  return tally::to_number(word.substr(key.size() + 1));
}

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
    walk(top_, "", kDeepest, left, [&](const fs::path& folder, const std::string& name) {
      try {
        Group(*this, folder, name, std::chrono::duration<double>(poll.monotonic).count(), emit).measure();
      } catch (const tally::Error& refused) {
        poll.fault(name, refused);
      }
    });
    if (left == 0 && !std::exchange(told_, true)) {
      tally::log(tally::Level::warning, "cgroup: more than " + std::to_string(kMost) + " groups below " +
                                            top_.string() + "; the rest is not metered");
    }
  }

 private:
  using Visit = std::function<void(const fs::path& folder, const std::string& name)>;

  // One group's samples. A file that is not there, or goes while it is read, is no sample: the controller is off for
  // this group, or the group is gone.
  class Group {
   public:
    Group(const Cgroup& of, const fs::path& folder, const std::string& name, double monotonic_s, tally::Emitter& emit)
        : of_(of), folder_(folder), emit_(emit), resource_(of.host_ + "." + name) {
      struct stat info {};
      if (::stat(folder.c_str(), &info) == 0) metadata_.set("cgroup_id", static_cast<std::uint64_t>(info.st_ino));
      metadata_.set("cgroup", name);
      sample_.monotonic_time = monotonic_s;
    }

    void measure() {
      if (resource_.size() > kLongest) return;
      const std::string metadata = metadata_.str();
      use(resource_, metadata);
      for (const Single& single : kSingles) {
        const std::string text = read(single.file);
        const auto words = tally::words(text);
        const auto value = words.empty() ? std::nullopt : tally::to_number(words.front());
        if (value) emit(single.meter, single.unit, tally::SampleType::gauge, *value);  // "max" is no limit
      }
      keyed();
      for (const char* what : kPressure) pressure(what);
      io();
    }

   private:
    std::string read(const char* file) const {
      try {
        return tally::read_file(folder_ / file);
      } catch (const tally::Error&) {
        return {};
      }
    }

    void use(const std::string& resource, const std::string& metadata) {
      sample_.resource_id = resource;
      sample_.resource_metadata = metadata;
    }

    void emit(std::string_view meter, std::string_view unit, tally::SampleType type, std::uint64_t volume) {
      sample_.name = meter;
      sample_.unit = unit;
      sample_.type = type;
      sample_.volume = volume;
      emit_(sample_);
    }

    void keyed() {
      const char* file = "";
      std::string text;
      for (const Keyed& meter : kKeyed) {
        if (std::string_view(file) != meter.file) text = read(file = meter.file);
        for (const std::string_view line : tally::lines(text)) {
          const auto words = tally::words(line);
          if (words.size() != 2 || words[0] != meter.key) continue;
          if (const auto value = tally::to_number(words[1])) {
            emit(meter.meter, meter.unit, meter.type, *value * meter.factor);
          }
        }
      }
    }

    // "some avg10=0.00 avg60=0.00 avg300=0.00 total=12": time in which some, or all, tasks waited.
    void pressure(const std::string& what) {
      const std::string text = read((what + ".pressure").c_str());
      for (const std::string_view line : tally::lines(text)) {
        const auto words = tally::words(line);
        if (words.empty() || (words[0] != "some" && words[0] != "full")) continue;
        const std::string meter = "cgroup." + what + ".pressure." + std::string(words[0]);
        if (const auto total = value_of(words.back(), "total")) {
          emit(meter, "ns", tally::SampleType::cumulative, *total * kNano);
        }
      }
    }

    void io() {
      const std::string text = read("io.stat");
      for (const std::string_view line : tally::lines(text)) {
        const auto words = tally::words(line);
        if (words.size() < 2) continue;
        const std::string device = of_.device(words[0]);
        const std::string resource = resource_ + "." + device;
        const std::string metadata = tally::JsonObject(metadata_).set("device", device).str();
        use(resource, metadata);
        for (const std::string_view word : words) {
          for (const Io& meter : kIo) {
            const auto value = value_of(word, meter.key);
            if (value) emit(meter.meter, meter.unit, tally::SampleType::cumulative, *value);
          }
        }
      }
    }

    const Cgroup& of_;
    const fs::path& folder_;
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
  bool told_ = false;  // that there are too many
};

}  // namespace

// clang-format off
TALLY_PLUGIN(Cgroup, {
  "name": "cgroup", "version": "1.0.0",
  "roles": [{
    "role": "pollster", "name": "cgroup", "namespace": "host", "summary": "Containers and slices, by control groups",
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
       "default": ["*.slice", "*docker*", "*libpod-*.scope", "*cri-containerd-*", "*crio-*.scope", "*lxc.payload.*"],
       "help": "patterns over a group's path below /sys/fs/cgroup; * is any run of characters, / included"}]
  }]
})
