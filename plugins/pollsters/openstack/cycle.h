// One cycle: every definition's request is made, page by page, and every entry made into samples.
// Not for definitions (load.h), nor for tokens (cloud.h).
#ifndef TALLY_OPENSTACK_CYCLE_H
#define TALLY_OPENSTACK_CYCLE_H

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cloud.h"
#include "definition.h"
#include "partition.h"
#include "projects.h"
#include "samples.h"

namespace tally::openstack {

struct CycleOptions {
  Partition partition;
  std::size_t most_pages = 1000;     // of one request
  std::chrono::milliseconds time{};  // for all of it
  std::optional<std::string> reseller_prefix;
};

// Lives for one poll, on its thread.
class Cycle {
 public:
  // Told once for each request and each definition that had any: the meters that it costs, and what happened.
  using FaultSink = std::function<void(const std::string& meters, const std::string& text)>;

  Cycle(Cloud& cloud, const std::vector<Service>& services, const CycleOptions& options, SampleSink samples,
        FaultSink faults);

  // Nothing that goes wrong in one group keeps the others from running. A service that is away is asked once.
  void run(const std::vector<Group>& groups);

 private:
  struct Trouble {
    std::size_t count = 0;
    std::string first;
  };

  const Service* find(const std::string& type) const;
  // What a request for one project of several needs beside its group.
  struct ForProject {
    const Project& project;
    AskedUrls& asked;
    bool none = false;  // it has nothing there
  };

  void run(const Group& group, const Service& service);
  void run_for_each(const Group& group, const Service& service);
  void run_pages(const Group& group, const std::string& endpoint, std::string url, ForProject* of);
  std::optional<HttpAnswer> fetch(const Group& group, const std::string& url, ForProject* of);
  HttpAnswer ask(const Group& group, const std::string& url);
  void take(const Group& group, const Json& entry, const std::string& url, const Project* project);
  std::string take_page(const Group& group, const HttpAnswer& answer, const std::string& url, const Project* project);
  const std::vector<Project>& projects();
  void check_time() const;
  void note(const Definition& definition, const char* what, const std::string& url, const std::string& text);
  void tell_troubles();

  Cloud& cloud_;
  const std::vector<Service>& services_;
  const CycleOptions options_;
  const SampleSink samples_;
  const FaultSink faults_;
  const std::chrono::steady_clock::time_point end_;
  std::set<std::string> away_;  // services
  std::optional<std::vector<Project>> projects_;
  std::map<const Group*, std::string> versions_;  // of services that are older than a group's version of their API
  // What was left out ("entry", "metadata"), of the group that runs.
  std::map<std::pair<const Definition*, std::string>, Trouble> troubles_;
};

// The catalog's names for one service: definitions may say "volumev3" where a cloud has "block-storage".
std::vector<std::string> aliases(const std::string& type);

}  // namespace tally::openstack

#endif
