// What hardly changes while a domain runs: its names, its nova metadata, its devices; read from its XML.
// Not for counters: domain_stats.h.
#ifndef TALLY_LIBVIRT_DOMAIN_FACTS_H
#define TALLY_LIBVIRT_DOMAIN_FACTS_H

#include <tally/model/decimal.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tally::libvirt {

// Names with their values, each name once; a value is none where the XML has an empty one.
using Pairs = std::vector<std::pair<std::string, std::optional<std::string>>>;

// One network interface of a domain.
struct Interface {
  std::string device;  // on the host: "tap0", "vnet3"
  std::string mac;
  std::string filter;  // the network filter that it refers to, if any
  std::string port;    // the virtual port's id, where it has one
  Pairs parameters;    // of the filter, and "interfaceid" and "bridge"
};

// One disk, or drive, of a domain.
struct Disk {
  std::string device;       // as the guest's XML has it: "vda"
  bool has_medium = false;  // false: a drive with nothing in it
  bool grows = false;       // in a format that may be larger on the host than in the guest, as qcow2 with its snapshots
};

// What nova wrote about its flavor; sizes in MiB and GiB.
struct Flavor {
  std::string name;
  std::optional<std::string> id;
  std::optional<Decimal> vcpus, memory, disk, ephemeral, swap;
  std::optional<Pairs> extra_specs;
};

// A plain value.
struct DomainFacts {
  std::string uuid;
  std::string name;
  std::int64_t id = -1;                   // libvirt's number of this run; -1 while it does not run
  std::optional<std::string> started_at;  // when this run began, where libvirt leaves a trace of it

  std::optional<std::string> project_id, project_name, user_id, user_name;
  std::optional<std::string> display_name, image;
  std::optional<Flavor> flavor;
  Pairs image_meta;
  std::string os_type, architecture;
  std::vector<Interface> interfaces;
  std::vector<Disk> disks;

  std::string metadata;                             // what is the same in all samples' metadata, as a JSON object
  std::chrono::steady_clock::time_point read_at{};  // of the XML

  // Null where the XML has none of that name.
  const Interface* interface(std::string_view device) const;
  const Disk* disk(std::string_view device) const;

  // The resource that an interface is, the same in no other: its filter, where that is its own; else
  // "NAME-UUID-DEVICE", or with a filter that others may have too "NAME-UUID-MAC", which outlives restarts and
  // migrations.
  std::string resource_of(std::string_view device) const;
};

// Reads a domain's XML into `facts`: all but uuid, name, id, started_at, metadata and read_at. False where it is no
// domain's XML; `facts` is then as before. Unknown elements, and metadata of others than nova, are passed over.
bool read_domain_xml(std::string_view xml, DomainFacts& facts);

// The members that all samples' metadata share, with Ceilometer's keys. `host` is the hypervisor's name.
std::string common_metadata(const DomainFacts& facts, std::string_view host);

}  // namespace tally::libvirt

#endif
