// Meters the processor time that the host has spent in each state, from the first line of /proc/stat.
// Not for the time of guests: user and nice contain it, as the kernel counts it.
#include <tally/plugin.h>
#include <unistd.h>

namespace {

// The columns of /proc/stat after the word "cpu", in the kernel's order.
constexpr const char* kMeters[] = {"hardware.cpu.user",    "hardware.cpu.nice", "hardware.cpu.system",
                                   "hardware.cpu.idle",    "hardware.cpu.wait", "hardware.cpu.interrupt",
                                   "hardware.cpu.softirq", "hardware.cpu.steal"};

class Cpu : public tally::Pollster {
 public:
  explicit Cpu(const tally::Config& config)
      : host_(config.host()), file_(tally::join(config.text("root"), "proc/stat")) {
    const long ticks = sysconf(_SC_CLK_TCK);
    tick_ns_ = 1'000'000'000ULL / static_cast<std::uint64_t>(ticks > 0 ? ticks : 100);
  }

  void poll(const tally::Poll& poll, tally::Emitter& emit) override {
    const std::string text = tally::read_file(file_, std::size_t{16} << 20);
    const std::string metadata = R"({"cpu_number": )" + std::to_string(processors(text)) + "}";
    for (const std::string_view line : tally::lines(text)) {
      const auto words = tally::words(line);
      if (words.empty() || words[0] != "cpu") continue;
      for (std::size_t i = 0; i < std::size(kMeters) && i + 1 < words.size(); ++i) {
        const auto ticks = tally::to_number(words[i + 1]);
        if (!ticks) throw tally::Error::passing(file_ + ": \"" + std::string(words[i + 1]) + "\" is not a count");
        auto sample = tally::cumulative(kMeters[i], "ns", *ticks * tick_ns_, host_);
        sample.monotonic_time = std::chrono::duration<double>(poll.monotonic).count();
        sample.resource_metadata = metadata;
        emit(sample);
      }
      return;
    }
    throw tally::Error::passing(file_ + ": no line begins with the word cpu");
  }

 private:
  static std::size_t processors(std::string_view text) {
    std::size_t count = 0;
    for (const std::string_view line : tally::lines(text)) {
      if (line.starts_with("cpu") && line.size() > 3 && line[3] >= '0' && line[3] <= '9') ++count;
    }
    return count;
  }

  std::string host_;
  std::string file_;
  std::uint64_t tick_ns_;
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
