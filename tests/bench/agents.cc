// What a cloud's compute agents and its services put on the bus, a message a line, in the order of time:
// `bench-agents INSTANCES HOURS INTERVAL_S`. The volumes, ids and texts differ as real ones do, and follow from the
// arguments. Not for sending it: bench-kafka does; run by scale.py.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include "rows.h"
#include "wire/envelope.h"
#include "wire/ids.h"
#include "work.h"

namespace {

using tally::Sample;
using tally::SampleType;
namespace bench = tally::bench;

constexpr std::int64_t kBegin_us = bench::kFirstCycle_us;
constexpr std::int64_t kSecond_us = 1'000'000;
constexpr int kInstancesOfHost = 40;
constexpr std::size_t kSamplesOfMessage = 100;  // an agent's default
constexpr int kChangesOfDay = 6;  // notifications of an instance's life a day, beside one `exists` an hour

// One disk and one interface each, as Ceilometer's compute agent names it.
constexpr std::array<bench::MeterKind, 20> kMeters = {{
    {"cpu", SampleType::cumulative, "ns"},
    {"vcpus", SampleType::gauge, "vcpu"},
    {"memory", SampleType::gauge, "MB"},
    {"memory.usage", SampleType::gauge, "MB"},
    {"memory.resident", SampleType::gauge, "MB"},
    {"disk.root.size", SampleType::gauge, "GB"},
    {"disk.ephemeral.size", SampleType::gauge, "GB"},
    {"disk.device.read.requests", SampleType::cumulative, "request"},
    {"disk.device.read.bytes", SampleType::cumulative, "B"},
    {"disk.device.write.requests", SampleType::cumulative, "request"},
    {"disk.device.write.bytes", SampleType::cumulative, "B"},
    {"disk.device.capacity", SampleType::gauge, "B"},
    {"disk.device.allocation", SampleType::gauge, "B"},
    {"disk.device.usage", SampleType::gauge, "B"},
    {"network.incoming.bytes", SampleType::cumulative, "B"},
    {"network.incoming.packets", SampleType::cumulative, "packet"},
    {"network.incoming.packets.drop", SampleType::cumulative, "packet"},
    {"network.outgoing.bytes", SampleType::cumulative, "B"},
    {"network.outgoing.packets", SampleType::cumulative, "packet"},
    {"network.outgoing.packets.drop", SampleType::cumulative, "packet"},
}};

class Cloud {
 public:
  explicit Cloud(int instances) : made_(instances), instances_(instances) {}

  // What the agents of all hosts measure at a time, each a little after the one before, as their clocks are.
  void cycle(std::int64_t at_us, std::int64_t number, std::int64_t spread_us) {
    std::vector<Sample> samples;
    for (int first = 0; first < instances_; first += kInstancesOfHost) {
      const int last = std::min(first + kInstancesOfHost, instances_);
      const std::int64_t when = at_us + spread_us * first / instances_;
      samples.clear();
      for (int instance = first; instance < last; ++instance) measure(instance, when, number, samples);
      for (std::size_t from = 0; from < samples.size(); from += kSamplesOfMessage)
        send(std::span(samples).subspan(from, std::min(kSamplesOfMessage, samples.size() - from)), first, when);
    }
  }

  // What nova tells of every instance each hour, and of some that change.
  void hour(std::int64_t at_us, std::int64_t number) {
    for (int instance = 0; instance < instances_; ++instance) {
      notify("exists", instance, at_us, number);
      if ((instance + number) % 24 < kChangesOfDay) notify("resize.end", instance, at_us + kSecond_us, number);
    }
  }

 private:
  void measure(int instance, std::int64_t when, std::int64_t number, std::vector<Sample>& samples) const {
    for (std::size_t at = 0; at < kMeters.size(); ++at) {
      Sample sample;
      sample.name = kMeters[at].name;
      sample.type = kMeters[at].type;
      sample.unit = kMeters[at].unit;
      const std::int64_t base = instance * 104'729 + static_cast<std::int64_t>(at);
      sample.volume = tally::Decimal(sample.type == SampleType::gauge ? 512 + (base + number * 7919) % 3584
                                                                      : number * 11'287'340'123 + base);
      sample.resource_id = made_.server_id(instance);
      if (sample.name.starts_with("disk.device")) sample.resource_id += "-vda";
      if (sample.name.starts_with("network")) sample.resource_id += "-tap0";
      sample.project_id = made_.project_id(instance);
      sample.user_id = made_.user_id(instance);
      sample.timestamp = tally::Time{when};
      sample.resource_metadata = made_.metadata(instance);
      sample.source = "openstack";
      sample.id = tally::wire::poll_sample_id(sample, sample.source);
      samples.push_back(std::move(sample));
    }
  }

  void send(std::span<const Sample> samples, int first, std::int64_t when) {
    const std::string id = tally::wire::digest(samples.front().id + samples.back().id);
    std::cout << tally::wire::encode_samples(samples, "tally-agent:node-" + std::to_string(first / kInstancesOfHost),
                                             id, tally::Time{when})
              << '\n';
  }

  void notify(const std::string& what, int instance, std::int64_t when, std::int64_t number) {
    std::string message = bench::server_message(what);
    replace(message, "b1946ac9-2c5d-4f4e-9f3a-7d2c1b0a9e8d", made_.server_id(instance));
    replace(message, "6a2f5f3e-7c1b-4c55-9d0e-0a9b7d1c2e3f",
            tally::wire::digest(what + std::to_string(instance) + "/" + std::to_string(number)));
    replace(message, "2026-01-02 03:04:05.678901", tally::Time{when}.to_string());
    std::cout << message << '\n';
  }

  static void replace(std::string& text, std::string_view what, std::string_view by) {
    if (const std::size_t at = text.find(what); at != std::string::npos) text.replace(at, what.size(), by);
  }

  bench::Rows made_;
  int instances_;
};

}  // namespace

int main(int argc, char** argv) {
  const int instances = argc == 4 ? std::atoi(argv[1]) : 0;
  const std::int64_t hours = argc == 4 ? std::atoll(argv[2]) : 0;
  const std::int64_t interval_us = argc == 4 ? std::atoll(argv[3]) * kSecond_us : 0;
  if (instances <= 0 || hours <= 0 || interval_us <= 0) {
    std::cerr << "usage: bench-agents INSTANCES HOURS INTERVAL_S\n";
    return 64;
  }
  std::ios::sync_with_stdio(false);
  Cloud cloud(instances);
  std::int64_t next_hour = 0;
  for (std::int64_t number = 0; number * interval_us < hours * 3600 * kSecond_us; ++number) {
    const std::int64_t at_us = kBegin_us + number * interval_us;
    if (number * interval_us >= next_hour * 3600 * kSecond_us) cloud.hour(at_us, next_hour++);
    cloud.cycle(at_us, number, interval_us);
  }
  return 0;
}
