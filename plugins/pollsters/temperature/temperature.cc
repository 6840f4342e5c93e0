// Meters the host's temperature sensors, from /sys/class/hwmon and, without one there, /sys/class/thermal.
// Not for hosts without sensors, such as most guests: there it turns itself off.
#include <tally/plugin.h>

#include <algorithm>

#include "sensor.h"

namespace {

namespace fs = std::filesystem;

class Temperature : public tally::Pollster {
 public:
  explicit Temperature(const tally::Config& config)
      : host_(config.host()), class_(tally::join(config.text("root"), "sys/class")) {}

  void poll(const tally::Poll& poll, tally::Emitter& emit) override {
    std::size_t count = 0;
    for (const fs::path& chip : entries(class_ / "hwmon", "hwmon")) {
      for (const fs::path& input : entries(chip, "temp")) {
        const std::string file = input.filename(), sensor(sensor::name_of(file));
        if (sensor.empty()) continue;
        count += measure(input, chip.filename().string() + "." + sensor, label(chip, sensor), poll, emit);
      }
    }
    if (count == 0) {
      for (const fs::path& zone : entries(class_ / "thermal", "thermal_zone")) {
        count += measure(zone / "temp", zone.filename(), first_line(zone / "type"), poll, emit);
      }
    }
    if (count == 0) throw tally::Error::absent("no temperature sensor under " + class_.string() + "/{hwmon,thermal}");
  }

 private:
  // What is in the folder and begins with `prefix`, in order; nothing where there is no folder.
  static std::vector<fs::path> entries(const fs::path& folder, std::string_view prefix) {
    std::vector<fs::path> found;
    std::error_code ignored;
    for (fs::directory_iterator at(folder, ignored), end; at != end; at.increment(ignored)) {
      if (at->path().filename().string().starts_with(prefix)) found.push_back(at->path());
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  static std::string first_line(const fs::path& file) try {
    return std::string(sensor::first_line(tally::read_file(file, 4096)));
  } catch (const tally::Error&) {
    return {};
  }

  static std::string label(const fs::path& chip, const std::string& sensor) {
    const std::string name = first_line(chip / "name"), label = first_line(chip / (sensor + "_label"));
    return label.empty() ? name : name + " " + label;
  }

  // A sensor that cannot be read now (a sleeping disk, a driver that answers with an error) is left out.
  std::size_t measure(const fs::path& file, const std::string& sensor, const std::string& label,
                      const tally::Poll& poll, tally::Emitter& emit) {
    const auto celsius = sensor::celsius(first_line(file));
    if (!celsius) return 0;
    const std::string resource = host_ + "." + tally::escape_identity(sensor);
    if (sensor::below_absolute_zero(*celsius)) {
      poll.fault(resource, tally::Error::transient("hardware.temperature: " + file.string() + ": " +
                                                   celsius->to_string() + " C is below absolute zero"));
      return 1;
    }
    auto sample = tally::gauge("hardware.temperature", "C", *celsius, resource);
    sample.resource_metadata = tally::JsonObject().set("sensor", sensor).set("label", label).str();
    emit(sample);
    return 1;
  }

  std::string host_;
  fs::path class_;
};

}  // namespace

// clang-format off
TALLY_PLUGIN(Temperature, {
  "name": "temperature", "version": "1.0.0",
  "roles": [{
    "role": "pollster", "name": "temperature", "namespace": "host", "summary": "Temperature sensors of the host",
    "meters": [
      {"name": "hardware.temperature", "type": "gauge", "unit": "C", "description": "degrees Celsius"}],
    "config": [
      {"key": "root", "type": "path", "default": "/", "help": "where the file system with /sys starts"}]
  }]
})
