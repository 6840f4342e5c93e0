// Reads libvirt's typed parameters by tables of their names.
// Not for asking libvirt: hypervisor.h.
#include "domain_stats.h"

#include <tally/kit/files.h>

#include <algorithm>
#include <span>
#include <string_view>

namespace tally::libvirt {
namespace {

template <class Stats>
struct Field {
  std::string_view name;
  Count Stats::*place;
};

constexpr Field<DomainStats> kDomainFields[] = {
    {"cpu.time", &DomainStats::cpu_ns},
    {"vcpu.current", &DomainStats::vcpus},
    {"balloon.current", &DomainStats::balloon},
    {"balloon.available", &DomainStats::available},
    {"balloon.unused", &DomainStats::unused},
    {"balloon.usable", &DomainStats::usable},
    {"balloon.rss", &DomainStats::resident},
    {"balloon.swap_in", &DomainStats::swap_in},
    {"balloon.swap_out", &DomainStats::swap_out},
    {"perf.cpu_cycles", &DomainStats::cpu_cycles},
    {"perf.instructions", &DomainStats::instructions},
    {"perf.cache_references", &DomainStats::cache_references},
    {"perf.cache_misses", &DomainStats::cache_misses},
};

constexpr Field<DiskStats> kDiskFields[] = {
    {"rd.reqs", &DiskStats::read_requests},  {"rd.bytes", &DiskStats::read_bytes},   {"rd.times", &DiskStats::read_ns},
    {"wr.reqs", &DiskStats::write_requests}, {"wr.bytes", &DiskStats::write_bytes},  {"wr.times", &DiskStats::write_ns},
    {"capacity", &DiskStats::capacity},      {"allocation", &DiskStats::allocation}, {"physical", &DiskStats::physical},
};

constexpr Field<InterfaceStats> kInterfaceFields[] = {
    {"rx.bytes", &InterfaceStats::rx_bytes}, {"rx.pkts", &InterfaceStats::rx_packets},
    {"rx.errs", &InterfaceStats::rx_errors}, {"rx.drop", &InterfaceStats::rx_drop},
    {"tx.bytes", &InterfaceStats::tx_bytes}, {"tx.pkts", &InterfaceStats::tx_packets},
    {"tx.errs", &InterfaceStats::tx_errors}, {"tx.drop", &InterfaceStats::tx_drop},
};

constexpr std::size_t kMostDevices = 4096;  // of one domain; an index beyond is not believed

Count count_of(const virTypedParameter& parameter) {
  const auto not_negative = [](std::int64_t value) {
    return value < 0 ? Count() : Count(static_cast<std::uint64_t>(value));
  };
  switch (parameter.type) {
    case VIR_TYPED_PARAM_INT:
      return not_negative(parameter.value.i);
    case VIR_TYPED_PARAM_UINT:
      return parameter.value.ui;
    case VIR_TYPED_PARAM_LLONG:
      return not_negative(parameter.value.l);
    case VIR_TYPED_PARAM_ULLONG:
      return parameter.value.ul;
    default:
      return std::nullopt;
  }
}

template <class Stats>
void place(Stats& stats, std::span<const Field<Stats>> fields, std::string_view name,
           const virTypedParameter& parameter) {
  for (const Field<Stats>& field : fields) {
    if (field.name == name) {
      stats.*field.place = count_of(parameter);
      return;
    }
  }
}

// "3.rd.bytes": the device of that index, which is made where it is new, and the rest of the name.
template <class Stats>
void place_device(std::vector<Stats>& devices, std::span<const Field<Stats>> fields, std::string_view name,
                  const virTypedParameter& parameter) {
  const std::size_t dot = name.find('.');
  const auto index = to_number<std::size_t>(name.substr(0, dot));
  if (dot == std::string_view::npos || !index || *index >= kMostDevices) return;
  if (devices.size() <= *index) devices.resize(*index + 1);
  const std::string_view rest = name.substr(dot + 1);
  if (rest == "name" && parameter.type == VIR_TYPED_PARAM_STRING && parameter.value.s != nullptr) {
    devices[*index].name = parameter.value.s;
  } else {
    place(devices[*index], fields, rest, parameter);
  }
}

template <class Stats>
void drop_nameless(std::vector<Stats>& devices) {
  std::erase_if(devices, [](const Stats& device) { return device.name.empty(); });
}

}  // namespace

DomainStats read_domain_stats(const virTypedParameter* parameters, int count) {
  DomainStats stats;
  for (int i = 0; i < count; ++i) {
    const virTypedParameter& parameter = parameters[i];
    const std::string_view name = parameter.field;
    if (name.starts_with("block.")) {
      place_device<DiskStats>(stats.disks, kDiskFields, name.substr(6), parameter);
    } else if (name.starts_with("net.")) {
      place_device<InterfaceStats>(stats.interfaces, kInterfaceFields, name.substr(4), parameter);
    } else if (name == "state.state") {
      stats.state = parameter.value.i;
    } else if (name == "state.reason") {
      stats.reason = parameter.value.i;
    } else {
      place<DomainStats>(stats, kDomainFields, name, parameter);
    }
  }
  drop_nameless(stats.disks);
  drop_nameless(stats.interfaces);
  // A process that has just ended: libvirt calls what it cannot read zero, though it says that the domain runs.
  if (stats.cpu_ns == 0U) stats.cpu_ns.reset();
  if (stats.resident == 0U) stats.resident.reset();
  return stats;
}

}  // namespace tally::libvirt
