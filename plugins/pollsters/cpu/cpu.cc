// Meters the processor time that the host has spent in each state, from the first line of /proc/stat.
// Not for the time of guests: user and nice contain it, as the kernel counts it.
#include <tally/plugin.h>
#include <unistd.h>

#include "proc_stat.h"

namespace {

class Cpu : public tally::Pollster {
 public:
  explicit Cpu(const tally::Config& config)
      : host_(config.host()), file_(tally::join(config.text("root"), "proc/stat")) {
    const long ticks = sysconf(_SC_CLK_TCK);
    const std::uint64_t per_second = ticks > 0 ? static_cast<std::uint64_t>(ticks) : 100;
    tick_ns_ = tally::Decimal(1'000'000'000'000'000'000 / per_second) * *tally::Decimal::from_parts(false, 1, -9);
  }

  void poll(const tally::Poll& poll, tally::Emitter& emit) override {
    const std::string text = tally::read_file(file_, std::size_t{16} << 20);
    const proc_stat::Times times = proc_stat::read(text, tick_ns_);
    if (times.states.empty()) throw tally::Error::transient(file_ + ": no line with numbers begins with the word cpu");
    const std::string metadata = R"({"cpu_number": )" + std::to_string(times.processors) + "}";
    for (const proc_stat::State& state : times.states) {
      if (!state.ns) {
        poll.fault(host_, tally::Error::transient(std::string(state.meter) + ": " + file_ + ": \"" +
                                                  std::string(state.written) + "\" is not a count"));
        continue;
      }
      auto sample = tally::cumulative(state.meter, "ns", *state.ns, host_);
      sample.monotonic_time = std::chrono::duration<double>(poll.monotonic).count();
      sample.resource_metadata = metadata;
      emit(sample);
    }
  }

 private:
  std::string host_;
  std::string file_;
  tally::Decimal tick_ns_;
};

}  // namespace

// clang-format off
TALLY_PLUGIN(Cpu, {
  "name": "cpu", "version": "1.0.0",
  "roles": [{
    "role": "pollster", "name": "cpu", "namespace": "host", "summary": "Processor time of the host by state",
    "meters": [
      {"name": "hardware.cpu.user", "type": "cumulative", "unit": "ns", "description": "programs, guests included"},
      {"name": "hardware.cpu.nice", "type": "cumulative", "unit": "ns", "description": "programs of low priority"},
      {"name": "hardware.cpu.system", "type": "cumulative", "unit": "ns", "description": "the kernel"},
      {"name": "hardware.cpu.idle", "type": "cumulative", "unit": "ns", "description": "nothing to do"},
      {"name": "hardware.cpu.wait", "type": "cumulative", "unit": "ns", "description": "idle while disks work"},
      {"name": "hardware.cpu.interrupt", "type": "cumulative", "unit": "ns", "description": "hardware interrupts"},
      {"name": "hardware.cpu.softirq", "type": "cumulative", "unit": "ns", "description": "what interrupts put off"},
      {"name": "hardware.cpu.steal", "type": "cumulative", "unit": "ns", "description": "taken by the hypervisor"}],
    "config": [
      {"key": "root", "type": "path", "default": "/", "help": "where the file system with /proc starts"}]
  }]
})
