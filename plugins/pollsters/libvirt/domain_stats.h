// One domain's numbers out of libvirt's bulk call: typed parameters by name become fields.
// Not for what they mean: measures.h.
#ifndef TALLY_LIBVIRT_DOMAIN_STATS_H
#define TALLY_LIBVIRT_DOMAIN_STATS_H

#include <libvirt/libvirt.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tally::libvirt {

using Count = std::optional<std::uint64_t>;  // none: libvirt did not offer it this time

struct DiskStats {
  std::string name;  // as the guest's XML has it: "vda"
  Count read_requests, read_bytes, read_ns, write_requests, write_bytes, write_ns;
  Count capacity, allocation, physical;  // bytes
};

struct InterfaceStats {
  std::string name;  // on the host: "tap0"
  Count rx_bytes, rx_packets, rx_errors, rx_drop, tx_bytes, tx_packets, tx_errors, tx_drop;
};

// A plain value.
struct DomainStats {
  int state = 0;   // virDomainState
  int reason = 0;  // of that state, its own enumeration for each
  Count cpu_ns, vcpus;
  Count balloon, available, unused, usable, resident, swap_in, swap_out;  // KiB
  Count cpu_cycles, instructions, cache_references, cache_misses;
  std::vector<DiskStats> disks;
  std::vector<InterfaceStats> interfaces;
};

// What is not known, negative or without a name is left out; so are processor time and resident memory of zero, which
// no process has.
DomainStats read_domain_stats(const virTypedParameter* parameters, int count);

}  // namespace tally::libvirt

#endif
