// Meters the traffic of each of the host's network interfaces, from /proc/net/dev.
// Not for the loopback interface, nor for guests' traffic by guest.
#include <tally/plugin.h>

namespace {

// Column of /proc/net/dev after the interface's name.
struct Column {
  std::size_t index;
  const char* meter;
  const char* unit;
};
constexpr Column kColumns[] = {
    {0, "hardware.network.incoming.bytes", "B"},        {1, "hardware.network.incoming.packets", "packet"},
    {2, "hardware.network.incoming.errors", "packet"},  {3, "hardware.network.incoming.drop", "packet"},
    {8, "hardware.network.outgoing.bytes", "B"},        {9, "hardware.network.outgoing.packets", "packet"},
    {10, "hardware.network.outgoing.errors", "packet"}, {11, "hardware.network.outgoing.drop", "packet"},
};

class Network : public tally::Pollster {
 public:
  explicit Network(const tally::Config& config)
      : host_(config.host()), file_(tally::join(config.text("root"), "proc/net/dev")) {}

  void poll(const tally::Poll& poll, tally::Emitter& emit) override {
    const std::string text = tally::read_file(file_);
    for (const std::string_view line : tally::lines(text)) {
      // The two lines of headings have no colon; the first number may follow the name's colon without a space.
      const std::size_t colon = line.rfind(':');
      if (colon == std::string_view::npos) continue;
      const auto names = tally::words(line.substr(0, colon));
      const auto values = tally::words(line.substr(colon + 1));
      if (names.size() != 1 || names[0] == "lo") continue;
      const std::string interface(names[0]);
      for (const Column& column : kColumns) {
        const auto value = column.index < values.size() ? tally::to_number(values[column.index]) : std::nullopt;
        if (!value) throw tally::Error::passing(file_ + ": " + interface + ": a column is not a count");
        auto sample = tally::cumulative(column.meter, column.unit, *value, host_ + "." + interface);
        sample.monotonic_time = std::chrono::duration<double>(poll.monotonic).count();
        sample.resource_metadata = tally::JsonObject().set("interface", interface).str();
        emit(sample);
      }
    }
  }

 private:
  std::string host_;
  std::string file_;
};

}  // namespace

// clang-format off
TALLY_PLUGIN(Network, {
  "name": "network", "version": "1.0.0",
  "roles": [{
    "role": "pollster", "name": "network", "namespace": "host", "summary": "Traffic of the host's network interfaces",
    "meters": [
      {"name": "hardware.network.incoming.bytes", "type": "cumulative", "unit": "B", "description": "bytes received"},
      {"name": "hardware.network.incoming.packets", "type": "cumulative", "unit": "packet", "description": "packets received"},
      {"name": "hardware.network.incoming.errors", "type": "cumulative", "unit": "packet", "description": "packets received damaged"},
      {"name": "hardware.network.incoming.drop", "type": "cumulative", "unit": "packet", "description": "packets received and dropped"},
      {"name": "hardware.network.outgoing.bytes", "type": "cumulative", "unit": "B", "description": "bytes sent"},
      {"name": "hardware.network.outgoing.packets", "type": "cumulative", "unit": "packet", "description": "packets sent"},
      {"name": "hardware.network.outgoing.errors", "type": "cumulative", "unit": "packet", "description": "packets that could not be sent"},
      {"name": "hardware.network.outgoing.drop", "type": "cumulative", "unit": "packet", "description": "packets dropped before sending"}],
    "config": [
      {"key": "root", "type": "path", "default": "/", "help": "where the file system with /proc starts"}]
  }]
})
