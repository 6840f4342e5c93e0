// Meters for how long the host has been up, from /proc/uptime.
// Not for the uptime of guests: their hypervisor knows that.
#include <tally/plugin.h>

#include "proc_uptime.h"

namespace {

class Uptime : public tally::Pollster {
 public:
  explicit Uptime(const tally::Config& config)
      : host_(config.host()), file_(tally::join(config.text("root"), "proc/uptime")) {}

  void poll(const tally::Poll&, tally::Emitter& emit) override {
    const std::string text = tally::read_file(file_);
    const auto seconds = proc_uptime::read(text);
    if (!seconds) throw tally::Error::transient(file_ + ": does not begin with a number");
    emit(tally::gauge("hardware.system_stats.uptime", "s", *seconds, host_));
  }

 private:
  std::string host_;
  std::string file_;
};

}  // namespace

// clang-format off
TALLY_PLUGIN(Uptime, {
  "name": "uptime", "version": "1.0.0",
  "roles": [{
    "role": "pollster", "name": "uptime", "namespace": "host", "summary": "How long the host has been up",
    "meters": [
      {"name": "hardware.system_stats.uptime", "type": "gauge", "unit": "s", "description": "seconds since the host started"}],
    "config": [
      {"key": "root", "type": "path", "default": "/", "help": "where the file system with /proc starts"}]
  }]
})
