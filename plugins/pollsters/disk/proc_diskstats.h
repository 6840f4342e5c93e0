// Reads /proc/diskstats as text.
// Not for what is a disk: the caller asks /sys/block.
#ifndef TALLY_PLUGINS_DISK_PROC_DISKSTATS_H
#define TALLY_PLUGINS_DISK_PROC_DISKSTATS_H

#include <tally/kit/files.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <vector>

namespace proc_diskstats {

// Column of a line, and what one unit of it is worth. The kernel's sectors are of 512 bytes on every disk.
struct Column {
  std::size_t index;
  int factor;
  const char* meter;
  const char* unit;
};
inline constexpr std::array<Column, 4> kColumns = {{
    {3, 1, "hardware.disk.read.requests", "request"},
    {5, 512, "hardware.disk.read.bytes", "B"},
    {7, 1, "hardware.disk.write.requests", "request"},
    {9, 512, "hardware.disk.write.bytes", "B"},
}};

inline constexpr std::size_t kFewest = 10;  // columns of a line that has all of these

struct Device {
  std::string_view name;
  std::array<std::optional<tally::Decimal>, kColumns.size()> values;  // none: not a count, or too large for a volume
  std::size_t columns = kFewest;                                      // fewer: the line is cut, and has no values
};

// Lines with too few columns are partitions of ancient kernels, which count other things there, or broken off.
inline std::vector<Device> read(std::string_view text) {
  std::vector<Device> devices;
  for (const std::string_view line : tally::lines(text)) {
    const auto words = tally::words(line);
    if (words.size() < 3) continue;  // of no device
    Device device{words[2], {}, std::min(words.size(), kFewest)};
    for (std::size_t i = 0; device.columns == kFewest && i < kColumns.size(); ++i) {
      const auto count = tally::to_count(words[kColumns[i].index]);
      if (count) device.values[i] = tally::Decimal::mul(*count, kColumns[i].factor);
    }
    devices.push_back(device);
  }
  return devices;
}

// Whether the device can hold data of its own: no loop or memory device.
inline bool holds_data(std::string_view name) {
  return !name.starts_with("loop") && !name.starts_with("ram") && !name.starts_with("zram") && name != "." &&
         name != "..";
}

// Its folder in /sys/block: "cciss/c0d0" is "cciss!c0d0" there.
inline std::string folder_of(std::string_view name) {
  std::string folder(name);
  std::replace(folder.begin(), folder.end(), '/', '!');
  return folder;
}

}  // namespace proc_diskstats

#endif
