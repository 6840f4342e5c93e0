// Meters the traffic of each of the host's network interfaces, from /proc/net/dev.
// Not for the loopback interface, nor for guests' traffic by guest.
#include <tally/plugin.h>

#include "proc_net_dev.h"

namespace {

class Network : public tally::Pollster {
 public:
  explicit Network(const tally::Config& config) : host_(config.host()), root_(config.text("root")) {}

  void poll(const tally::Poll& poll, tally::Emitter& emit) override {
    const std::string file = tally::host_file(root_, "net/dev", "proc/net/dev");
    const std::string text = tally::read_file(file, std::size_t{16} << 20);
    const auto interfaces = proc_net_dev::read(text);
    std::size_t count = 0;
    for (const proc_net_dev::Interface& interface : interfaces) count += measure(interface, file, poll, emit);
    if (count > 0) return;
    if (interfaces.empty()) throw tally::Error::absent("no network interface but the loopback in " + file);
    throw tally::Error::transient(file + ": no counter can be read of " + std::string(interfaces[0].name) +
                                  (interfaces.size() > 1 ? " and the others" : ""));
  }

 private:
  // How many samples that made.
  std::size_t measure(const proc_net_dev::Interface& interface, const std::string& file, const tally::Poll& poll,
                      tally::Emitter& emit) const {
    const std::string resource = host_ + "." + tally::escape_identity(interface.name);
    if (interface.columns != proc_net_dev::kColumnsOfALine) {
      poll.fault(resource, tally::Error::transient(file + ": " + std::to_string(interface.columns) +
                                                   " columns where 16 are known: left out"));
      return 0;
    }
    const std::string metadata = tally::JsonObject().set("interface", interface.name).str();
    std::size_t count = 0;
    for (std::size_t i = 0; i < interface.values.size(); ++i) {
      const proc_net_dev::Column& column = proc_net_dev::kColumns[i];
      if (!interface.values[i]) {
        poll.fault(resource, tally::Error::transient(std::string(column.meter) + ": " + file + ": column " +
                                                     std::to_string(column.index + 1) + " is not a count"));
        continue;
      }
      auto sample = tally::cumulative(column.meter, column.unit, *interface.values[i], resource);
      sample.monotonic_time = std::chrono::duration<double>(poll.monotonic).count();
      sample.resource_metadata = metadata;
      count += emit(sample) ? 1 : 0;
    }
    return count;
  }

  std::string host_;
  std::filesystem::path root_;
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
