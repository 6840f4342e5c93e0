// Tables of meters: which number of libvirt's is which sample.
// What libvirt does not offer (a guest without balloon driver, a domain that does not run) is not a sample, never a
// zero.
#include "measures.h"

#include <libvirt/libvirt.h>
#include <tally/kit/json.h>

#include <string>

namespace tally::libvirt {
namespace {

// Multiplied by this, KiB are MiB: exactly 1/1024.
const Decimal kMebi = *Decimal::parse("0.0009765625");

template <class Stats>
struct Meter {
  const char* name;
  const char* unit;
  SampleType type;
  Count Stats::*value;
};

constexpr Meter<DiskStats> kDiskCounters[] = {
    {"disk.device.read.requests", "request", SampleType::cumulative, &DiskStats::read_requests},
    {"disk.device.read.bytes", "B", SampleType::cumulative, &DiskStats::read_bytes},
    {"disk.device.read.latency", "ns", SampleType::cumulative, &DiskStats::read_ns},
    {"disk.device.write.requests", "request", SampleType::cumulative, &DiskStats::write_requests},
    {"disk.device.write.bytes", "B", SampleType::cumulative, &DiskStats::write_bytes},
    {"disk.device.write.latency", "ns", SampleType::cumulative, &DiskStats::write_ns},
};

constexpr Meter<DiskStats> kDiskSizes[] = {
    {"disk.device.capacity", "B", SampleType::gauge, &DiskStats::capacity},
    {"disk.device.allocation", "B", SampleType::gauge, &DiskStats::allocation},
    {"disk.device.usage", "B", SampleType::gauge, &DiskStats::physical},
};

constexpr Meter<InterfaceStats> kInterfaceMeters[] = {
    {"network.incoming.bytes", "B", SampleType::cumulative, &InterfaceStats::rx_bytes},
    {"network.incoming.packets", "packet", SampleType::cumulative, &InterfaceStats::rx_packets},
    {"network.incoming.packets.drop", "packet", SampleType::cumulative, &InterfaceStats::rx_drop},
    {"network.incoming.packets.error", "packet", SampleType::cumulative, &InterfaceStats::rx_errors},
    {"network.outgoing.bytes", "B", SampleType::cumulative, &InterfaceStats::tx_bytes},
    {"network.outgoing.packets", "packet", SampleType::cumulative, &InterfaceStats::tx_packets},
    {"network.outgoing.packets.drop", "packet", SampleType::cumulative, &InterfaceStats::tx_drop},
    {"network.outgoing.packets.error", "packet", SampleType::cumulative, &InterfaceStats::tx_errors},
};

constexpr Meter<DomainStats> kPerfMeters[] = {
    {"perf.cpu.cycles", "", SampleType::gauge, &DomainStats::cpu_cycles},
    {"perf.instructions", "", SampleType::gauge, &DomainStats::instructions},
    {"perf.cache.references", "", SampleType::gauge, &DomainStats::cache_references},
    {"perf.cache.misses", "", SampleType::gauge, &DomainStats::cache_misses},
};

// In KiB from libvirt, in MiB as samples.
constexpr Meter<DomainStats> kMemoryMeters[] = {
    {"memory", "MiB", SampleType::gauge, &DomainStats::balloon},
    {"memory.available", "MiB", SampleType::gauge, &DomainStats::available},
    {"memory.resident", "MiB", SampleType::gauge, &DomainStats::resident},
    {"memory.swap.in", "MiB", SampleType::cumulative, &DomainStats::swap_in},
    {"memory.swap.out", "MiB", SampleType::cumulative, &DomainStats::swap_out},
};

// The words that nova and Ceilometer have for libvirt's states.
struct Words {
  const char* state;
  const char* status;
};

Words words_of(int state) {
  switch (state) {
    case VIR_DOMAIN_NOSTATE:
      return {"pending", "building"};
    case VIR_DOMAIN_PAUSED:
      return {"paused", "paused"};
    case VIR_DOMAIN_SHUTDOWN:
    case VIR_DOMAIN_SHUTOFF:
      return {"shutdown", "stopped"};
    case VIR_DOMAIN_CRASHED:
      return {"crashed", "error"};
    case VIR_DOMAIN_PMSUSPENDED:
      return {"suspended", "suspended"};
    default:
      return {"running", "active"};
  }
}

// `object` with more members at its end.
std::string with(const std::string& object, const JsonObject& more) {
  return object.substr(0, object.size() - 1) + (object.size() > 2 ? "," : "") + more.str().substr(1);
}

// Emits one domain's samples, group by group.
class Domain {
 public:
  Domain(const DomainFacts& facts, const DomainStats& stats, double monotonic_s,
         const std::function<void(const SampleView&)>& emit)
      : facts_(facts), stats_(stats), emit_(emit) {
    const Words words = words_of(stats.state);
    metadata_ = with(facts.metadata, JsonObject().set("status", words.status).set("state", words.state));
    sample_.project_id = facts.project_id;
    sample_.project_name = facts.project_name;
    sample_.user_id = facts.user_id;
    sample_.user_name = facts.user_name;
    sample_.monotonic_time = monotonic_s;
  }

  void instance() {
    use(facts_.uuid, metadata_);
    emit("power.state", "", SampleType::gauge, stats_.state);
    if (facts_.flavor && facts_.flavor->disk) emit("disk.root.size", "GiB", SampleType::gauge, *facts_.flavor->disk);
    if (facts_.flavor && facts_.flavor->ephemeral) {
      emit("disk.ephemeral.size", "GiB", SampleType::gauge, *facts_.flavor->ephemeral);
    }
  }

  void processor() {
    if (stats_.cpu_ns) {
      JsonObject number;
      if (stats_.vcpus) number.set("cpu_number", *stats_.vcpus);
      const std::string metadata = number.empty() ? metadata_ : with(metadata_, number);
      use(facts_.uuid, metadata);
      emit("cpu", "ns", SampleType::cumulative, *stats_.cpu_ns);
    }
    use(facts_.uuid, metadata_);
    if (stats_.vcpus) emit("vcpus", "vcpu", SampleType::gauge, *stats_.vcpus);
    all(stats_, kPerfMeters);
  }

  void memory() {
    use(facts_.uuid, metadata_);
    for (const Meter<DomainStats>& meter : kMemoryMeters) emit_mebi(meter, stats_.*meter.value);
    const Count free = stats_.usable ? stats_.usable : stats_.unused;
    if (!stats_.available || !free || *free > *stats_.available) return;
    emit_mebi({"memory.usage", "MiB", SampleType::gauge, nullptr}, *stats_.available - *free);
  }

  void disks(bool running) {
    for (DiskStats disk : stats_.disks) {
      const Disk* known = facts_.disk(disk.name);
      if (known != nullptr && !known->has_medium && disk.capacity.value_or(0) == 0) continue;
      // libvirt rounds what a raw image takes on the host up to whole blocks, and not what the guest sees of it.
      if (known != nullptr && !known->grows && disk.capacity && disk.physical > disk.capacity) {
        disk.capacity = disk.physical;
      }
      const std::string resource = facts_.uuid + "-" + disk.name;
      const std::string metadata = with(metadata_, JsonObject().set("disk_name", disk.name));
      use(resource, metadata);
      if (running) all(disk, kDiskCounters);
      all(disk, kDiskSizes);
    }
  }

  void interfaces() {
    for (const InterfaceStats& interface : stats_.interfaces) {
      const Interface* known = facts_.interface(interface.name);
      const std::string resource = facts_.resource_of(interface.name);
      JsonObject more;
      more.set("vnic_name", interface.name);
      if (known != nullptr && !known->mac.empty()) more.set("mac", known->mac);
      if (known != nullptr && !known->filter.empty()) more.set("fref", known->filter);
      JsonObject parameters;
      if (known != nullptr) {
        for (const auto& [name, value] : known->parameters) parameters.set(name, value);
      }
      if (!parameters.empty()) more.set("parameters", parameters);
      const std::string metadata = with(metadata_, more);
      use(resource, metadata);
      all(interface, kInterfaceMeters);
    }
  }

 private:
  // Both must live until the next use().
  void use(const std::string& resource, const std::string& metadata) {
    sample_.resource_id = resource;
    sample_.resource_metadata = metadata;
  }

  void emit(const char* name, const char* unit, SampleType type, Decimal volume) {
    sample_.name = name;
    sample_.unit = unit;
    sample_.type = type;
    sample_.volume = volume;
    emit_(sample_);
  }

  void emit_mebi(const Meter<DomainStats>& meter, Count kibi) {
    if (!kibi) return;
    if (const auto volume = Decimal::mul(*kibi, kMebi)) emit(meter.name, meter.unit, meter.type, *volume);
  }

  template <class Stats, std::size_t count>
  void all(const Stats& stats, const Meter<Stats> (&meters)[count]) {
    for (const Meter<Stats>& meter : meters) {
      if (const Count value = stats.*meter.value) emit(meter.name, meter.unit, meter.type, *value);
    }
  }

  const DomainFacts& facts_;
  const DomainStats& stats_;
  const std::function<void(const SampleView&)>& emit_;
  std::string metadata_;
  SampleView sample_;
};

}  // namespace

bool elsewhere(const DomainStats& stats) {
  if (stats.state == VIR_DOMAIN_PAUSED) {
    return stats.reason == VIR_DOMAIN_PAUSED_MIGRATION || stats.reason == VIR_DOMAIN_PAUSED_POSTCOPY ||
           stats.reason == VIR_DOMAIN_PAUSED_STARTING_UP;
  }
  return stats.state == VIR_DOMAIN_SHUTOFF && stats.reason == VIR_DOMAIN_SHUTOFF_MIGRATED;
}

void measure_domain(const DomainFacts& facts, const DomainStats& stats, double monotonic_s,
                    const std::function<void(const SampleView&)>& emit) {
  const bool running = stats.state != VIR_DOMAIN_SHUTOFF && stats.state != VIR_DOMAIN_CRASHED;
  Domain domain(facts, stats, monotonic_s, emit);
  domain.instance();
  if (running) domain.processor();
  if (running) domain.memory();
  domain.disks(running);
  if (running) domain.interfaces();
}

}  // namespace tally::libvirt
