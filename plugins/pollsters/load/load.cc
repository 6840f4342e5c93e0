// Meters the host's load averages, from /proc/loadavg.
// Not for processor time: that is the pollster "cpu".
#include <tally/plugin.h>

namespace {

class Load : public tally::Pollster {
 public:
  explicit Load(const tally::Config& config)
      : host_(config.host()), file_(tally::join(config.text("root"), "proc/loadavg")) {}

  void poll(const tally::Poll&, tally::Emitter& emit) override {
    const std::string text = tally::read_file(file_);
    const auto words = tally::words(text);
    if (words.size() < 3) throw tally::Error::passing(file_ + ": fewer than three numbers");
    static constexpr const char* kMeters[] = {"hardware.cpu.load.1min", "hardware.cpu.load.5min",
                                              "hardware.cpu.load.15min"};
    for (std::size_t i = 0; i < 3; ++i) {
      const auto load = tally::Decimal::parse(words[i]);
      if (!load) throw tally::Error::passing(file_ + ": \"" + std::string(words[i]) + "\" is not a number");
      emit(tally::gauge(kMeters[i], "process", *load, host_));
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
