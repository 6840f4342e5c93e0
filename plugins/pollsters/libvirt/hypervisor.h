// Asks one libvirt for its domains and their numbers, and remembers of each what does not change while it runs.
// Not for samples: measures.h. Discovery and pollster share one, so that a domain's XML is read once.
#ifndef TALLY_LIBVIRT_HYPERVISOR_H
#define TALLY_LIBVIRT_HYPERVISOR_H

#include <libvirt/libvirt.h>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "connection.h"
#include "domain_facts.h"
#include "domain_stats.h"

namespace tally::libvirt {

struct HypervisorOptions {
  std::string uri;
  std::string host;        // the hypervisor's name in metadata
  std::string run_folder;  // where libvirt keeps the pid files of running domains
  std::chrono::microseconds timeout{};
};

// Any thread; one call at a time, others wait. All calls throw tally::Error: absent where libvirt is away.
class Hypervisor {
 public:
  using Facts = std::shared_ptr<const DomainFacts>;

  explicit Hypervisor(HypervisorOptions options);

  // The one that is in use for this URI, or a new one.
  static std::shared_ptr<Hypervisor> open(const HypervisorOptions& options);
  // The one that is in use; null where there is none.
  static std::shared_ptr<Hypervisor> find(const std::string& uri);

  // Every domain there is, running or not: one call, and one more for each that is new, was started again, or was last
  // read an hour ago. What vanishes meanwhile is left out.
  std::vector<Facts> domains();

  // The numbers of all domains in one call, in libvirt's order; `sink` is called for those that the last domains() knew
  // and that are still there. One that was started again in between comes with its new facts.
  using Sink = std::function<void(const Facts& facts, const DomainStats& stats)>;
  void measure(const Sink& sink);

 private:
  int ask(const char* what, const std::function<int(virConnect*)>& call);
  int fetch(virDomainStatsRecordPtr** records);
  Facts facts_of(virDomain* domain, const DomainStats* stats);
  Facts read(virDomain* domain, const std::string& uuid, const DomainStats* stats) const;

  const HypervisorOptions options_;
  std::mutex mutex_;
  Connection connection_;
  int generation_ = 0;  // of the connection that known_ is from
  bool may_skip_busy_ = true;
  std::unordered_map<std::string, Facts> known_;  // by uuid
};

}  // namespace tally::libvirt

#endif
