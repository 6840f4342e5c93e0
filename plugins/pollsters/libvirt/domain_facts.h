// What does not change while a domain runs: its names, its nova metadata, its interfaces; read from its XML.
// Not for counters: domain_stats.h.
#ifndef TALLY_LIBVIRT_DOMAIN_FACTS_H
#define TALLY_LIBVIRT_DOMAIN_FACTS_H

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tally::libvirt {

// One network interface of a domain.
struct Interface {
  std::string device;  // on the host: "tap0", "vnet3"
  std::string mac;
  std::string filter;                                           // the network filter that it refers to, if any
  std::vector<std::pair<std::string, std::string>> parameters;  // of that filter
};

// What nova wrote about its flavor; sizes in MiB and GiB.
struct Flavor {
  std::string name;
  std::optional<std::string> id;
  std::optional<std::int64_t> vcpus, memory, disk, ephemeral, swap;
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
  std::string os_type, architecture;
  std::vector<Interface> interfaces;

  std::string metadata;                             // what is the same in all samples' metadata, as a JSON object
  std::chrono::steady_clock::time_point read_at{};  // of the XML

  // Null where the XML has none of that name.
  const Interface* interface(std::string_view device) const;
};

// Reads a domain's XML into `facts`: all but uuid, name, id, started_at, metadata and read_at. False where it is no
// domain's XML; `facts` is then as before. Unknown elements, and metadata of others than nova, are passed over.
bool read_domain_xml(std::string_view xml, DomainFacts& facts);

// The members that all samples' metadata share, with Ceilometer's keys. `host` is the hypervisor's name.
std::string common_metadata(const DomainFacts& facts, std::string_view host);

}  // namespace tally::libvirt

#endif
