// The calls to libvirt, and what is kept between them.
// Not for opening the connection: connection.h.
#include "hypervisor.h"

#include <libvirt/virterror.h>
#include <sys/stat.h>
#include <tally/model/time.h>
#include <tally/sdk/error.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <utility>

namespace tally::libvirt {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kFactsAge = std::chrono::hours(1);
constexpr unsigned kGroups = VIR_DOMAIN_STATS_STATE | VIR_DOMAIN_STATS_CPU_TOTAL | VIR_DOMAIN_STATS_BALLOON |
                             VIR_DOMAIN_STATS_VCPU | VIR_DOMAIN_STATS_INTERFACE | VIR_DOMAIN_STATS_BLOCK |
                             VIR_DOMAIN_STATS_PERF;

constexpr unsigned kNoWait = VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT;

struct FreeText {
  void operator()(char* text) const { std::free(text); }
};
struct FreeDomains {
  void operator()(virDomainPtr* domains) const {
    for (virDomainPtr* at = domains; *at != nullptr; ++at) virDomainFree(*at);
    std::free(domains);
  }
};
struct FreeRecords {
  void operator()(virDomainStatsRecordPtr* records) const { virDomainStatsRecordListFree(records); }
};

std::string uuid_of(virDomain* domain) {
  char text[VIR_UUID_STRING_BUFLEN] = "";
  return virDomainGetUUIDString(domain, text) == 0 ? text : "";
}

// libvirt's number of this run; it is in the handle, no call is made.
std::int64_t id_of(virDomain* domain) {
  const unsigned id = virDomainGetID(domain);
  return id == static_cast<unsigned>(-1) ? -1 : static_cast<std::int64_t>(id);
}

// A driver writes a domain's pid file when it starts it, and never again in that run.
std::optional<std::string> started_at(const HypervisorOptions& options, const std::string& name) {
  const std::string driver = options.uri.substr(0, options.uri.find_first_of(":+"));
  if (options.run_folder.empty() || name.find('/') != std::string::npos) return std::nullopt;
  struct stat info {};
  if (::stat((options.run_folder + "/" + driver + "/" + name + ".pid").c_str(), &info) != 0) return std::nullopt;
  return Time{static_cast<std::int64_t>(info.st_mtim.tv_sec) * 1'000'000 + info.st_mtim.tv_nsec / 1000}.to_string();
}

// Whether the XML that was read has all that is counted now.
bool has_devices(const DomainFacts& facts, const DomainStats& stats) {
  return std::all_of(stats.interfaces.begin(), stats.interfaces.end(),
                     [&](const InterfaceStats& one) { return facts.interface(one.name) != nullptr; }) &&
         std::all_of(stats.disks.begin(), stats.disks.end(),
                     [&](const DiskStats& one) { return facts.disk(one.name) != nullptr; });
}

struct Registry {
  std::mutex mutex;
  std::map<std::string, std::weak_ptr<Hypervisor>> by_uri;
};

Registry& registry() {
  static Registry all;
  return all;
}

}  // namespace

Hypervisor::Hypervisor(HypervisorOptions options)
    : options_(std::move(options)), connection_(options_.uri, options_.timeout) {}

std::shared_ptr<Hypervisor> Hypervisor::open(const HypervisorOptions& options) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  std::shared_ptr<Hypervisor> found = all.by_uri[options.uri].lock();
  if (!found) all.by_uri[options.uri] = found = std::make_shared<Hypervisor>(options);
  return found;
}

std::shared_ptr<Hypervisor> Hypervisor::find(const std::string& uri) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  const auto found = all.by_uri.find(uri);
  return found == all.by_uri.end() ? nullptr : found->second.lock();
}

// Makes the call; once more where the connection was lost in it, as it is when libvirt was restarted since the last.
int Hypervisor::ask(const char* what, const std::function<int(virConnect*)>& call) {
  for (int attempt = 0;; ++attempt) {
    virConnect* connection = connection_.get();
    if (std::exchange(generation_, connection_.generation()) != connection_.generation()) known_.clear();
    const int answer = call(connection);
    if (answer >= 0) return answer;
    const int code = virGetLastError() == nullptr ? VIR_ERR_OK : virGetLastError()->code;
    const std::string text = std::string(what) + " at " + options_.uri + ": " + last_error();
    if (connection_.lost()) {
      if (attempt == 0) continue;
      throw Error::absent(text);
    }
    if (code == VIR_ERR_NO_SUPPORT) throw Error::absent(text);
    throw Error::transient(text);
  }
}

std::vector<Hypervisor::Facts> Hypervisor::domains() {
  const std::lock_guard lock(mutex_);
  virDomainPtr* listed = nullptr;
  const int count = ask("listing the domains",
                        [&](virConnect* connection) { return virConnectListAllDomains(connection, &listed, 0); });
  const std::unique_ptr<virDomainPtr, FreeDomains> owner(listed);
  std::vector<Facts> all;
  for (int i = 0; i < count; ++i) {
    if (Facts facts = facts_of(listed[i], nullptr)) all.push_back(std::move(facts));
  }
  if (connection_.lost()) throw Error::transient("libvirt at " + options_.uri + " went away while domains were listed");
  known_.clear();
  for (const Facts& facts : all) known_.emplace(facts->uuid, facts);
  return all;
}

// Does not wait for a domain that is busy (a migration, a snapshot): libvirt then leaves out what it would have to ask
// the guest's process for.
int Hypervisor::fetch(virDomainStatsRecordPtr** records) {
  return ask("reading the domains' statistics", [&](virConnect* connection) {
    const unsigned flags = may_skip_busy_ ? kNoWait : 0;
    const int count = virConnectGetAllDomainStats(connection, kGroups, records, flags);
    if (count >= 0 || flags == 0 || virGetLastError() == nullptr || virGetLastError()->code != VIR_ERR_INVALID_ARG) {
      return count;
    }
    may_skip_busy_ = false;  // this driver has no such flag
    return virConnectGetAllDomainStats(connection, kGroups, records, 0);
  });
}

void Hypervisor::measure(const Sink& sink) {
  const std::lock_guard lock(mutex_);
  virDomainStatsRecordPtr* records = nullptr;
  const int count = fetch(&records);
  const std::unique_ptr<virDomainStatsRecordPtr, FreeRecords> owner(records);
  for (int i = 0; i < count; ++i) {
    const virDomainStatsRecord& record = *records[i];
    if (known_.find(uuid_of(record.dom)) == known_.end()) continue;
    const DomainStats stats = read_domain_stats(record.params, record.nparams);
    if (const Facts facts = facts_of(record.dom, &stats)) sink(facts, stats);
  }
}

// What is known of the domain, if it is of this run; else what its XML says now. Null: the domain is gone.
Hypervisor::Facts Hypervisor::facts_of(virDomain* domain, const DomainStats* stats) {
  const std::string uuid = uuid_of(domain);
  const auto known = known_.find(uuid);
  if (known != known_.end() && known->second->id == id_of(domain)) {
    const DomainFacts& facts = *known->second;
    const bool old = stats == nullptr && Clock::now() - facts.read_at > kFactsAge;
    if (!old && (stats == nullptr || has_devices(facts, *stats))) return known->second;
  }
  Facts fresh = read(domain, uuid, stats);
  if (fresh && known != known_.end()) known->second = fresh;
  return fresh;
}

Hypervisor::Facts Hypervisor::read(virDomain* domain, const std::string& uuid, const DomainStats* stats) const {
  const std::unique_ptr<char, FreeText> xml(virDomainGetXMLDesc(domain, 0));
  if (!xml) return nullptr;  // it vanished; or the connection did, which the next call finds out
  auto facts = std::make_shared<DomainFacts>();
  const char* name = virDomainGetName(domain);
  facts->uuid = uuid;
  facts->name = name == nullptr ? uuid : name;
  facts->id = id_of(domain);
  if (facts->id >= 0) facts->started_at = started_at(options_, facts->name);
  read_domain_xml(xml.get(), *facts);  // where it cannot be read the domain is metered with what libvirt says of it
  facts->read_at = Clock::now();
  if (stats != nullptr) {  // unplugged in between: not looked for again and again
    for (const InterfaceStats& interface : stats->interfaces) {
      if (facts->interface(interface.name) == nullptr) facts->interfaces.push_back({interface.name, "", "", "", {}});
    }
    for (const DiskStats& disk : stats->disks) {
      if (facts->disk(disk.name) == nullptr) facts->disks.push_back({disk.name, true, true});
    }
  }
  facts->metadata = common_metadata(*facts, options_.host);
  return facts;
}

}  // namespace tally::libvirt
