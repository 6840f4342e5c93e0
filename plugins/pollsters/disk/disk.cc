// Meters what each disk of the host has read and written, from /proc/diskstats.
// Not for space: that is the pollster "filesystem". Not for partitions, whose I/O is in their disk's already.
#include <tally/plugin.h>

#include "proc_diskstats.h"

namespace {

class Disk : public tally::Pollster {
 public:
  explicit Disk(const tally::Config& config)
      : host_(config.host()),
        block_(tally::join(config.text("root"), "sys/block")),
        file_(tally::join(config.text("root"), "proc/diskstats")) {}

  void poll(const tally::Poll& poll, tally::Emitter& emit) override {
    const std::string text = tally::read_file(file_, std::size_t{16} << 20);
    bool any = false;
    for (const proc_diskstats::Device& device : proc_diskstats::read(text)) {
      if (!whole(device.name)) continue;
      any = true;
      measure(device, poll, emit);
    }
    if (!any) throw tally::Error::absent("no disk of " + file_ + " is in " + block_.string());
  }

 private:
  // A disk of its own that can hold data, and no partition.
  bool whole(std::string_view device) const {
    std::error_code ignored;
    return proc_diskstats::holds_data(device) &&
           std::filesystem::exists(block_ / proc_diskstats::folder_of(device), ignored);
  }

  void measure(const proc_diskstats::Device& device, const tally::Poll& poll, tally::Emitter& emit) const {
    const std::string resource = host_ + "." + tally::escape_identity(device.name);
    if (device.columns < proc_diskstats::kFewest) {
      return poll.fault(resource, tally::Error::transient(file_ + ": the line has " + std::to_string(device.columns) +
                                                          " columns, of " + std::to_string(proc_diskstats::kFewest) +
                                                          " that are needed"));
    }
    const std::string metadata = tally::JsonObject().set("device", device.name).str();
    for (std::size_t i = 0; i < device.values.size(); ++i) {
      const proc_diskstats::Column& column = proc_diskstats::kColumns[i];
      if (!device.values[i]) {
        poll.fault(resource, tally::Error::transient(std::string(column.meter) + ": " + file_ + ": column " +
                                                     std::to_string(column.index + 1) + " is not a count"));
        continue;
      }
      auto sample = tally::cumulative(column.meter, column.unit, *device.values[i], resource);
      sample.monotonic_time = std::chrono::duration<double>(poll.monotonic).count();
      sample.resource_metadata = metadata;
      emit(sample);
    }
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
