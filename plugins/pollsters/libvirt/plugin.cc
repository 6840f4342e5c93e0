// The roles: a discovery that names every domain with its owner, and one pollster that measures them all in one call.
// Not for libvirt itself: hypervisor.h; nor for which number is which meter: measures.h.
#include <tally/plugin.h>

#include <unordered_map>

#include "hypervisor.h"
#include "measures.h"

namespace tally::libvirt {
namespace {

class Finder : public Discovery {
 public:
  explicit Finder(const Config& config)
      : uri_(config.has("uri") ? config.text("uri") : "qemu:///system"),
        hypervisor_(Hypervisor::open({uri_, config.host(), config.text("run_folder"), config.duration("timeout")})) {}

  // A domain's attributes are the metadata of its samples, and the URI of its libvirt.
  void discover(Found& found) override {
    for (const Hypervisor::Facts& facts : hypervisor_->domains()) {
      Resource resource{facts->uuid, facts->project_id, facts->project_name, facts->user_id, facts->user_name};
      resource.attributes = JsonObject().set("uri", uri_).str();
      resource.attributes.back() = ',';
      resource.attributes += std::string_view(facts->metadata).substr(1);
      found(resource);
    }
  }

 private:
  const std::string uri_;
  const std::shared_ptr<Hypervisor> hypervisor_;
};

class Instances : public Pollster {
 public:
  void poll(const Poll& poll, Emitter& emit) override {
    if (poll.resources.empty()) return;
    const std::shared_ptr<Hypervisor> hypervisor = hypervisor_of(poll.resources.front());
    std::unordered_map<std::string_view, bool> seen;
    for (const Resource& resource : poll.resources) seen.emplace(resource.id, false);
    hypervisor->measure([&](const Hypervisor::Facts& facts, const DomainStats& stats) {
      const auto wanted = seen.find(facts->uuid);
      if (wanted == seen.end()) return;
      wanted->second = true;
      if (!elsewhere(stats)) measure(*facts, stats, emit);
    });
    for (const auto& [id, there] : seen) {
      if (!there) poll.fault(id, Error::absent("the domain is gone"));
    }
  }

 private:
  static void measure(const DomainFacts& facts, const DomainStats& stats, Emitter& emit) {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    measure_domain(facts, stats, std::chrono::duration<double>(now).count(),
                   [&emit](const SampleView& sample) { emit(sample); });
  }

  static std::shared_ptr<Hypervisor> hypervisor_of(const Resource& resource) {
    const std::optional<Json> attributes = Json::parse(resource.attributes);
    const auto uri = attributes ? attributes->find_text("uri") : std::nullopt;
    std::shared_ptr<Hypervisor> hypervisor = uri ? Hypervisor::find(std::string(*uri)) : nullptr;
    if (!hypervisor) throw Error::transient("the domains were found by another discovery than discovery:libvirt");
    return hypervisor;
  }
};

using Both = Roles<Finder, Instances>;

}  // namespace
}  // namespace tally::libvirt

// clang-format off
TALLY_PLUGIN(tally::libvirt::Both, {
  "name": "libvirt", "version": "1.0.0", "summary": "Instances of a hypervisor, by libvirt",
  "roles": [{
    "role": "discovery", "name": "libvirt", "aliases": ["local_instances"], "summary": "Every domain of this host's libvirt, with its owner from nova's metadata",
    "single": true, "limit": "2m",
    "preconditions": [
      {"library": "libvirt.so.0"},
      {"any": [{"socket": "/run/libvirt/libvirt-sock-ro"}, {"socket": "/run/libvirt/virtqemud-sock-ro"}, {"config": "uri"}]}],
    "config": [
      {"key": "uri", "type": "string",
       "help": "which libvirt, as libvirt writes it; a read-only connection is made. Unset: qemu:///system, where its socket is"},
      {"key": "timeout", "type": "duration", "default": "30s", "min": "6s", "max": "100s",
       "help": "a libvirt that is silent for so long is away"},
      {"key": "run_folder", "type": "path", "default": "/run/libvirt",
       "help": "where libvirt keeps the pid files of running domains, which tell when each was started"}]
  }, {
    "role": "pollster", "name": "libvirt", "namespace": "compute", "discovery": "libvirt", "summary": "What every instance uses, in one call for all",
    "single": true, "limit": "2m",
    "meters": [
      {"name": "power.state", "type": "gauge", "unit": "", "description": "libvirt's number of the state: 1 running, 3 paused, 5 shut off"},
      {"name": "cpu", "type": "cumulative", "unit": "ns", "description": "processor time used, the hypervisor's own for this domain included"},
      {"name": "vcpus", "type": "gauge", "unit": "vcpu", "description": "virtual processors plugged in"},
      {"name": "memory", "type": "gauge", "unit": "MiB", "description": "memory given to the guest"},
      {"name": "memory.available", "type": "gauge", "unit": "MiB", "description": "memory as the guest sees it"},
      {"name": "memory.usage", "type": "gauge", "unit": "MiB", "description": "of that, in use"},
      {"name": "memory.resident", "type": "gauge", "unit": "MiB", "description": "memory of the host that the domain occupies"},
      {"name": "memory.swap.in", "type": "cumulative", "unit": "MiB", "description": "read by the guest from its swap"},
      {"name": "memory.swap.out", "type": "cumulative", "unit": "MiB", "description": "written by the guest to its swap"},
      {"name": "disk.root.size", "type": "gauge", "unit": "GiB", "description": "the flavor's root disk"},
      {"name": "disk.ephemeral.size", "type": "gauge", "unit": "GiB", "description": "the flavor's ephemeral disk"},
      {"name": "disk.device.read.requests", "type": "cumulative", "unit": "request", "description": "reads of a disk"},
      {"name": "disk.device.read.bytes", "type": "cumulative", "unit": "B", "description": "bytes read from a disk"},
      {"name": "disk.device.read.latency", "type": "cumulative", "unit": "ns", "description": "time spent reading"},
      {"name": "disk.device.write.requests", "type": "cumulative", "unit": "request", "description": "writes of a disk"},
      {"name": "disk.device.write.bytes", "type": "cumulative", "unit": "B", "description": "bytes written to a disk"},
      {"name": "disk.device.write.latency", "type": "cumulative", "unit": "ns", "description": "time spent writing"},
      {"name": "disk.device.capacity", "type": "gauge", "unit": "B", "description": "a disk's size as the guest sees it"},
      {"name": "disk.device.allocation", "type": "gauge", "unit": "B", "description": "highest place on the host's storage that a disk has used"},
      {"name": "disk.device.usage", "type": "gauge", "unit": "B", "description": "a disk's size on the host's storage"},
      {"name": "network.incoming.bytes", "type": "cumulative", "unit": "B", "description": "bytes to the guest"},
      {"name": "network.incoming.packets", "type": "cumulative", "unit": "packet", "description": "packets to the guest"},
      {"name": "network.incoming.packets.drop", "type": "cumulative", "unit": "packet", "description": "of those, dropped"},
      {"name": "network.incoming.packets.error", "type": "cumulative", "unit": "packet", "description": "of those, damaged"},
      {"name": "network.outgoing.bytes", "type": "cumulative", "unit": "B", "description": "bytes from the guest"},
      {"name": "network.outgoing.packets", "type": "cumulative", "unit": "packet", "description": "packets from the guest"},
      {"name": "network.outgoing.packets.drop", "type": "cumulative", "unit": "packet", "description": "of those, dropped"},
      {"name": "network.outgoing.packets.error", "type": "cumulative", "unit": "packet", "description": "of those, damaged"},
      {"name": "perf.cpu.cycles", "type": "gauge", "unit": "", "description": "processor cycles, where the domain's perf events are on"},
      {"name": "perf.instructions", "type": "gauge", "unit": "", "description": "instructions executed"},
      {"name": "perf.cache.references", "type": "gauge", "unit": "", "description": "cache accesses"},
      {"name": "perf.cache.misses", "type": "gauge", "unit": "", "description": "cache misses"}]
  }]
})
