// Meters how much entropy the kernel has, from a file in /proc.
#include <tally/plugin.h>

class Entropy : public tally::Pollster {
 public:
  explicit Entropy(const tally::Config& config) : host_(config.host()), file_(config.text("file")) {}

  void poll(const tally::Poll&, tally::Emitter& emit) override {
    const std::string text = tally::read_file(file_);  // throws Error::absent where there is no such file
    const auto words = tally::words(text);
    const auto bits = words.empty() ? std::nullopt : tally::Decimal::parse(words[0]);
    if (!bits) throw tally::Error::transient(file_ + ": does not begin with a number");
    emit(tally::gauge("host.entropy", "bit", *bits, host_));
  }

 private:
  std::string host_;
  std::string file_;
};

// clang-format off
TALLY_PLUGIN(Entropy, {
  "name": "entropy", "version": "1.0.0",
  "roles": [{
    "role": "pollster", "name": "entropy", "namespace": "host", "summary": "Entropy that the kernel has",
    "meters": [
      {"name": "host.entropy", "type": "gauge", "unit": "bit"}],
    "config": [
      {"key": "file", "type": "path", "default": "/proc/sys/kernel/random/entropy_avail"}]
  }]
})
