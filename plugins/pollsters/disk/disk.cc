// Meters what each disk of the host has read and written, from /proc/diskstats.
// Not for space: that is the pollster "filesystem". Not for partitions, whose I/O is in their disk's already.
#include <tally/plugin.h>

namespace {

// Column of /proc/diskstats, and what one unit of it is worth. The kernel's sectors are of 512 bytes on every disk.
struct Column {
  std::size_t index;
  std::uint64_t factor;
  const char* meter;
  const char* unit;
};
constexpr Column kColumns[] = {
    {3, 1, "hardware.disk.read.requests", "request"},
    {5, 512, "hardware.disk.read.bytes", "B"},
    {7, 1, "hardware.disk.write.requests", "request"},
    {9, 512, "hardware.disk.write.bytes", "B"},
};

class Disk : public tally::Pollster {
 public:
  explicit Disk(const tally::Config& config)
      : host_(config.host()),
        block_(tally::join(config.text("root"), "sys/block")),
        file_(tally::join(config.text("root"), "proc/diskstats")) {}

  void poll(const tally::Poll& poll, tally::Emitter& emit) override {
    const std::string text = tally::read_file(file_);
    for (const std::string_view line : tally::lines(text)) {
      const auto words = tally::words(line);
      if (words.size() < 10 || !whole(words[2])) continue;
      const std::string device(words[2]);
      for (const Column& column : kColumns) {
        const auto value = tally::to_number(words[column.index]);
        if (!value) throw tally::Error::passing(file_ + ": " + device + ": a column is not a count");
        auto sample = tally::cumulative(column.meter, column.unit, *value * column.factor, host_ + "." + device);
        sample.monotonic_time = std::chrono::duration<double>(poll.monotonic).count();
        sample.resource_metadata = tally::JsonObject().set("device", device).str();
        emit(sample);
      }
    }
  }

 private:
  // A disk of its own that can hold data: no partition, no loop or memory device.
  bool whole(std::string_view device) const {
    if (device.starts_with("loop") || device.starts_with("ram") || device.starts_with("zram")) return false;
    std::error_code ignored;
    return std::filesystem::exists(block_ / device, ignored);
  }

  std::string host_;
  std::filesystem::path block_;
  std::string file_;
};

}  // namespace

// clang-format off
TALLY_PLUGIN(Disk, {
  "name": "disk", "version": "1.0.0",
  "roles": [{
    "role": "pollster", "name": "disk", "namespace": "host", "summary": "What the host's disks have read and written",
    "meters": [
      {"name": "hardware.disk.read.requests", "type": "cumulative", "unit": "request", "description": "reads completed"},
      {"name": "hardware.disk.read.bytes", "type": "cumulative", "unit": "B", "description": "bytes read"},
      {"name": "hardware.disk.write.requests", "type": "cumulative", "unit": "request", "description": "writes completed"},
      {"name": "hardware.disk.write.bytes", "type": "cumulative", "unit": "B", "description": "bytes written"}],
    "config": [
      {"key": "root", "type": "path", "default": "/", "help": "where the file system with /proc and /sys starts"}]
  }]
})
