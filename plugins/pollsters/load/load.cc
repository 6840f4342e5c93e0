// Meters the host's load averages, from /proc/loadavg.
// Not for processor time: that is the pollster "cpu".
#include <tally/plugin.h>

#include "proc_loadavg.h"

namespace {

class Load : public tally::Pollster {
 public:
  explicit Load(const tally::Config& config)
      : host_(config.host()), file_(tally::join(config.text("root"), "proc/loadavg")) {}

  void poll(const tally::Poll& poll, tally::Emitter& emit) override {
    const std::string text = tally::read_file(file_);
    const auto averages = proc_loadavg::read(text);
    if (std::none_of(averages.begin(), averages.end(), [](const auto& average) { return average.load.has_value(); })) {
      throw tally::Error::transient(file_ + ": does not begin with three numbers");
    }
    for (std::size_t i = 0; i < averages.size(); ++i) {
      const proc_loadavg::Average& average = averages[i];
      if (average.load) {
        emit(tally::gauge(proc_loadavg::kMeters[i], "process", *average.load, host_));
      } else {
        poll.fault(host_, tally::Error::transient(std::string(proc_loadavg::kMeters[i]) + ": " + file_ + ": \"" +
                                                  std::string(average.written) + "\" is not a number"));
      }
    }
  }

 private:
  std::string host_;
  std::string file_;
};

}  // namespace

// clang-format off
TALLY_PLUGIN(Load, {
  "name": "load", "version": "1.0.0",
  "roles": [{
    "role": "pollster", "name": "load", "namespace": "host", "summary": "Load averages of the host",
    "meters": [
      {"name": "hardware.cpu.load.1min", "type": "gauge", "unit": "process", "description": "load average over 1 minute"},
      {"name": "hardware.cpu.load.5min", "type": "gauge", "unit": "process", "description": "load average over 5 minutes"},
      {"name": "hardware.cpu.load.15min", "type": "gauge", "unit": "process", "description": "load average over 15 minutes"}],
    "config": [
      {"key": "root", "type": "path", "default": "/", "help": "where the file system with /proc starts"}]
  }]
})
