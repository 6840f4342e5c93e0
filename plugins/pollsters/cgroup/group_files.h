// Reads the files of one control group as text.
// Not for which groups there are.
#ifndef TALLY_PLUGINS_CGROUP_GROUP_FILES_H
#define TALLY_PLUGINS_CGROUP_GROUP_FILES_H

#include <tally/kit/files.h>
#include <tally/model/sample.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace group_files {

inline constexpr int kNano = 1'000;  // the kernel counts microseconds

// One number for a meter.
struct Value {
  std::string meter;
  const char* unit;
  tally::SampleType type;
  std::optional<tally::Decimal> volume;  // none: what is written is not a count, or too large for a volume
  std::string_view device = {};          // its numbers ("8:0"), of I/O
};
using Values = std::vector<Value>;

inline std::optional<tally::Decimal> count(std::string_view text, int factor) {
  const auto value = tally::to_count(text);
  return value ? tally::Decimal::mul(*value, factor) : std::nullopt;
}

// A file that holds one number alone, or "max" for no limit, which is not a value.
struct Single {
  const char* file;
  const char* meter;
  const char* unit;
};
inline constexpr Single kSingles[] = {
    {"memory.current", "cgroup.memory.usage", "B"},
    {"memory.swap.current", "cgroup.memory.swap.usage", "B"},
    {"memory.max", "cgroup.memory.limit", "B"},
    {"pids.current", "cgroup.tasks", "task"},
};

inline Values single(const Single& meter, std::string_view text) {
  const auto words = tally::words(text);
  if (words.empty() || words.front() == "max") return {};
  return {{meter.meter, meter.unit, tally::SampleType::gauge, count(words.front(), 1)}};
}

// One number of a file of lines "key value".
struct Keyed {
  const char* file;
  const char* key;
  const char* meter;
  const char* unit;
  tally::SampleType type;
  int factor;
};
inline constexpr Keyed kKeyed[] = {
    {"cpu.stat", "usage_usec", "cgroup.cpu.time", "ns", tally::SampleType::cumulative, kNano},
    {"cpu.stat", "user_usec", "cgroup.cpu.user", "ns", tally::SampleType::cumulative, kNano},
    {"cpu.stat", "system_usec", "cgroup.cpu.system", "ns", tally::SampleType::cumulative, kNano},
    {"cpu.stat", "throttled_usec", "cgroup.cpu.throttled", "ns", tally::SampleType::cumulative, kNano},
    {"memory.stat", "anon", "cgroup.memory.anonymous", "B", tally::SampleType::gauge, 1},
    {"memory.stat", "file", "cgroup.memory.file", "B", tally::SampleType::gauge, 1},
    {"memory.events", "oom_kill", "cgroup.memory.oom_kills", "task", tally::SampleType::cumulative, 1},
};
inline constexpr const char* kKeyedFiles[] = {"cpu.stat", "memory.stat", "memory.events"};

inline Values keyed(std::string_view file, std::string_view text) {
  Values values;
  for (const Keyed& meter : kKeyed) {
    if (file != meter.file) continue;
    for (const std::string_view line : tally::lines(text)) {
      const auto words = tally::words(line);
      if (words.empty() || words[0] != meter.key) continue;
      const std::string_view written = words.size() == 2 ? words[1] : std::string_view();
      values.push_back({meter.meter, meter.unit, meter.type, count(written, meter.factor)});
      break;
    }
  }
  return values;
}

inline constexpr const char* kPressures[] = {"cpu", "memory", "io"};

// `what`.pressure, "some avg10=0.00 avg60=0.00 avg300=0.00 total=12": time in which some, or all, tasks waited.
inline Values pressure(const std::string& what, std::string_view text) {
  Values values;
  for (const std::string_view kind : {"some", "full"}) {
    for (const std::string_view line : tally::lines(text)) {
      const auto words = tally::words(line);
      if (words.empty() || words.front() != kind || !words.back().starts_with("total=")) continue;
      values.push_back({"cgroup." + what + ".pressure." + std::string(kind), "ns", tally::SampleType::cumulative,
                        count(words.back().substr(6), kNano)});
      break;
    }
  }
  return values;
}

// Whether these are a device's numbers, "MAJOR:MINOR".
inline bool is_device(std::string_view word) {
  const std::size_t colon = word.find(':');
  return colon != std::string_view::npos && tally::to_count(word.substr(0, colon)) &&
         tally::to_count(word.substr(colon + 1));
}

struct Io {
  const char* key;
  const char* meter;
  const char* unit;
};
inline constexpr Io kIo[] = {
    {"rbytes", "cgroup.io.read.bytes", "B"},
    {"wbytes", "cgroup.io.write.bytes", "B"},
    {"rios", "cgroup.io.read.requests", "request"},
    {"wios", "cgroup.io.write.requests", "request"},
};

// io.stat, "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0". Some kernels put the devices that have done nothing
// before it on the same line, "7:7 7:6 8:0 rbytes=1 …": numbers are those of the last device before them.
inline Values io_stat(std::string_view text) {
  Values values;
  for (const std::string_view line : tally::lines(text)) {
    std::string_view device;
    for (const std::string_view word : tally::words(line)) {
      const std::size_t equals = word.find('=');
      if (equals == std::string_view::npos) device = is_device(word) ? word : std::string_view();
      if (equals == std::string_view::npos || device.empty()) continue;
      for (const Io& meter : kIo) {
        if (word.substr(0, equals) != meter.key) continue;
        values.push_back(
            {meter.meter, meter.unit, tally::SampleType::cumulative, count(word.substr(equals + 1), 1), device});
      }
    }
  }
  return values;
}

}  // namespace group_files

#endif
