// Meters the host's memory and swap space, from /proc/meminfo.
// Not for the memory of single programs or guests.
#include <tally/plugin.h>

#include "proc_meminfo.h"

namespace {

// Of a field each; "hardware.memory.used" is what is left of the total.
constexpr std::pair<std::string_view, const char*> kMeters[] = {
    {"MemTotal", "hardware.memory.total"},      {"MemAvailable", "hardware.memory.available"},
    {"MemFree", "hardware.memory.free"},        {"Buffers", "hardware.memory.buffer"},
    {"Cached", "hardware.memory.cached"},       {"SwapTotal", "hardware.memory.swap.total"},
    {"SwapFree", "hardware.memory.swap.avail"},
};

class Memory : public tally::Pollster {
 public:
  explicit Memory(const tally::Config& config)
      : host_(config.host()), file_(tally::join(config.text("root"), "proc/meminfo")) {}

  void poll(const tally::Poll& poll, tally::Emitter& emit) override {
    const std::string text = tally::read_file(file_);
    const proc_meminfo::Fields fields = proc_meminfo::read(text);
    const auto total = fields.find("MemTotal"), available = fields.find("MemAvailable");
    if (total == fields.end()) throw tally::Error::transient(file_ + ": no line MemTotal");
    if (available != fields.end() && available->second && total->second) {
      if (*available->second <= *total->second) {
        emit(tally::gauge("hardware.memory.used", "KB", *total->second - *available->second, host_));
      } else {
        fault(poll, "hardware.memory.used", "MemAvailable is more than MemTotal");
      }
    }
    for (const auto& [field, meter] : kMeters) {
      const auto found = fields.find(field);
      if (found == fields.end()) continue;
      if (found->second) {
        emit(tally::gauge(meter, "KB", *found->second, host_));
      } else {
        fault(poll, meter, std::string(field) + " is not a count");
      }
    }
  }

 private:
  void fault(const tally::Poll& poll, const char* meter, const std::string& why) const {
    poll.fault(host_, tally::Error::transient(std::string(meter) + ": " + file_ + ": " + why));
  }

  std::string host_;
  std::string file_;
};

}  // namespace

// clang-format off
TALLY_PLUGIN(Memory, {
  "name": "memory", "version": "1.0.0",
  "roles": [{
    "role": "pollster", "name": "memory", "namespace": "host", "summary": "Memory and swap space of the host",
    "meters": [
      {"name": "hardware.memory.total", "type": "gauge", "unit": "KB", "description": "what the kernel manages"},
      {"name": "hardware.memory.used", "type": "gauge", "unit": "KB", "description": "total less available"},
      {"name": "hardware.memory.available", "type": "gauge", "unit": "KB", "description": "for new programs without swapping"},
      {"name": "hardware.memory.free", "type": "gauge", "unit": "KB", "description": "used for nothing at all"},
      {"name": "hardware.memory.buffer", "type": "gauge", "unit": "KB", "description": "buffers of block devices"},
      {"name": "hardware.memory.cached", "type": "gauge", "unit": "KB", "description": "cache of files"},
      {"name": "hardware.memory.swap.total", "type": "gauge", "unit": "KB", "description": "swap space"},
      {"name": "hardware.memory.swap.avail", "type": "gauge", "unit": "KB", "description": "swap space not in use"}],
    "config": [
      {"key": "root", "type": "path", "default": "/", "help": "where the file system with /proc starts"}]
  }]
})
