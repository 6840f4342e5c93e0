// The roles: a discovery that finds a cloud's endpoints by its Keystone, and a pollster that asks them by definitions.
// Not for requests: cycle.h; nor for reading definitions: load.h.
#include <tally/plugin.h>

#include <curl/curl.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <set>

#include "cloud.h"
#include "cycle.h"
#include "load.h"

#ifndef TALLY_POLLSTERS_FOLDER
#define TALLY_POLLSTERS_FOLDER "/usr/local/share/tally/pollsters.d"
#endif

namespace tally::openstack {
namespace {

using std::chrono::milliseconds;

void start_libcurl() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

milliseconds in_milliseconds(std::chrono::microseconds time) { return std::chrono::duration_cast<milliseconds>(time); }

CloudOptions cloud_options(const Config& config) {
  const auto text = [&](const char* key) { return config.has(key) ? config.text(key) : std::string(); };
  CloudOptions options;
  Credentials& who = options.credentials;
  who.auth_url = text("auth_url");
  who.username = text("username");
  who.password = text("password");
  who.user_domain_name = text("user_domain_name");
  who.user_domain_id = text("user_domain_id");
  who.project_name = text("project_name");
  who.project_id = text("project_id");
  who.project_domain_name = text("project_domain_name");
  who.project_domain_id = text("project_domain_id");
  who.application_credential_id = text("application_credential_id");
  who.application_credential_secret = text("application_credential_secret");
  options.region = text("region_name");
  options.interface = text("interface");
  options.http.cacert = text("cacert");
  options.http.verify = config.boolean("verify");
  options.http.longest = config.bytes("max_response");
  options.timeout = in_milliseconds(config.duration("timeout"));
  return options;
}

// Each service of the catalog is a resource; its attributes are its URL, and the number of the cloud that was logged
// in to.
class Finder : public Discovery {
 public:
  explicit Finder(const Config& config) {
    start_libcurl();
    cloud_ = Cloud::open(cloud_options(config));
  }

  void discover(Found& found) override {
    for (const Service& service : cloud_->services()) {
      Resource resource{service.type};
      resource.attributes =
          JsonObject().set("cloud", cloud_->number()).set("service", service.type).set("url", service.url).str();
      found(resource);
    }
  }

 private:
  std::shared_ptr<Cloud> cloud_;
};

struct Catalog {
  std::shared_ptr<Cloud> cloud;
  std::vector<Service> services;
};

Catalog catalog_of(const std::vector<Resource>& resources) {
  Catalog catalog;
  for (const Resource& resource : resources) {
    const std::optional<Json> attributes = Json::parse(resource.attributes);
    const Json* number = attributes ? attributes->at("cloud") : nullptr;
    const auto service = attributes ? attributes->find_text("service") : std::nullopt;
    const auto url = attributes ? attributes->find_text("url") : std::nullopt;
    if (number != nullptr && !catalog.cloud) catalog.cloud = Cloud::find(number->integer().value_or(0));
    if (service && url) catalog.services.push_back({std::string(*service), std::string(*url)});
  }
  if (!catalog.cloud) throw Error::transient("the services were found by another discovery than discovery:openstack");
  return catalog;
}

class Definers : public Pollster {
 public:
  explicit Definers(const Config& config) : groups_(load(config)) {
    options_.partition = {static_cast<std::uint64_t>(config.integer("partition_index")),
                          static_cast<std::uint64_t>(config.integer("partition_total"))};
    if (options_.partition.index >= options_.partition.total) {
      throw Error::permanent("partition_index " + std::to_string(options_.partition.index) +
                             " is not below partition_total " + std::to_string(options_.partition.total) +
                             ": of three agents one has 0, one 1, one 2");
    }
    options_.most_pages = static_cast<std::size_t>(config.integer("pages"));
    options_.time = in_milliseconds(config.duration("cycle_time"));
    if (config.has("reseller_prefix")) options_.reseller_prefix = config.text("reseller_prefix");
  }

  void poll(const Poll& poll, Emitter& emit) override {
    if (poll.resources.empty()) return;
    const Catalog catalog = catalog_of(poll.resources);
    tell_missing(catalog.services);
    const auto take = [&emit](const Sample& sample) { emit(sample); };
    const auto fault = [&poll](const std::string& meters, const std::string& text) {
      poll.fault(meters, Error::transient(text));
    };
    Cycle(*catalog.cloud, catalog.services, options_, take, fault).run(groups_);
  }

 private:
  static std::vector<Group> load(const Config& config) {
    std::vector<std::filesystem::path> paths;
    for (const std::string& path : config.list("definitions")) paths.emplace_back(path);
    if (paths.empty()) paths.emplace_back(TALLY_POLLSTERS_FOLDER);
    Definitions definitions;
    definitions.load(paths);
    for (const std::string& fault : definitions.faults()) log(Level::warning, fault);
    for (const std::string& notice : definitions.notices()) log(Level::warning, notice);
    if (definitions.groups().empty()) throw Error::absent(why_none(paths, definitions.faults()));
    return std::move(definitions).take();
  }

  static std::string why_none(const std::vector<std::filesystem::path>& paths, const std::vector<std::string>& faults) {
    if (faults.empty()) {
      return "no definitions in " + paths.front().string() + (paths.size() > 1 ? " and the others" : "") +
             ": the key \"definitions\" names files, or folders with *.yaml";
    }
    const std::size_t more = faults.size() - 1;
    return "no definition can be used: " + faults.front() +
           (more == 0 ? "" : " (and " + std::to_string(more) + (more == 1 ? " more fault)" : " more faults)"));
  }

  // Once for each service: not every cloud has them all.
  void tell_missing(const std::vector<Service>& services) {
    for (const Group& group : groups_) {
      const std::vector<std::string> names = aliases(group.request.service);
      const bool there = std::any_of(services.begin(), services.end(), [&](const Service& service) {
        return std::find(names.begin(), names.end(), service.type) != names.end();
      });
      if (there || !told_.insert(group.request.service).second) continue;
      log(Level::info, "pollster:openstack: the catalog has no \"" + group.request.service +
                           "\" in this region and by this interface; its definitions rest");
    }
  }

  const std::vector<Group> groups_;
  CycleOptions options_;
  std::set<std::string> told_;
};

using Both = Roles<Finder, Definers>;

}  // namespace
}  // namespace tally::openstack

// clang-format off
TALLY_PLUGIN(tally::openstack::Both, {
  "name": "openstack", "version": "1.0.0", "summary": "What a cloud's services say of themselves, asked by definitions",
  "roles": [{
    "role": "discovery", "name": "openstack", "summary": "Every service of a cloud's catalog, by its Keystone",
    "single": true, "limit": "5m",
    "preconditions": [{"config": "auth_url"}],
    "config": [
      {"key": "auth_url", "type": "string", "help": "Keystone, version 3: https://cloud.example.org:5000/v3. Unset: the plugin is off"},
      {"key": "username", "type": "string", "help": "who logs in"},
      {"key": "password", "type": "string", "secret": true, "help": "the password; write it as {file: PATH}"},
      {"key": "user_domain_name", "type": "string", "default": "Default", "help": "the user's domain"},
      {"key": "user_domain_id", "type": "string", "help": "the same by its id"},
      {"key": "project_name", "type": "string", "help": "the project that the token is for"},
      {"key": "project_id", "type": "string", "help": "the same by its id"},
      {"key": "project_domain_name", "type": "string", "default": "Default", "help": "the project's domain"},
      {"key": "project_domain_id", "type": "string", "help": "the same by its id"},
      {"key": "application_credential_id", "type": "string", "help": "an application credential, instead of user, password and project"},
      {"key": "application_credential_secret", "type": "string", "secret": true, "help": "its secret; write it as {file: PATH}"},
      {"key": "region_name", "type": "string", "help": "whose endpoints are asked; unset: any"},
      {"key": "interface", "type": "string", "default": "public", "choices": ["public", "internal", "admin"], "help": "which endpoint of a service is asked"},
      {"key": "cacert", "type": "path", "help": "certificates to trust, PEM; unset: the system's"},
      {"key": "verify", "type": "boolean", "default": true, "help": "whether certificates and names of servers are checked"},
      {"key": "timeout", "type": "duration", "default": "30s", "min": "100ms", "max": "60s", "help": "how long one request may take, where the definition names no time"},
      {"key": "max_response", "type": "bytes", "default": "16MiB", "min": "1KiB", "max": "256MiB", "help": "longest answer that is taken; a longer list needs a limit in its url_path"}]
  }, {
    "role": "pollster", "name": "openstack", "namespace": "central", "discovery": "openstack",
    "summary": "Samples by definitions in the format of dynamic pollsters",
    "single": true, "limit": "10m", "any_meter": true,
    "meters": [
      {"name": "volume.size", "type": "gauge", "unit": "GiB", "description": "a volume's size"},
      {"name": "volume.snapshot.size", "type": "gauge", "unit": "GiB", "description": "a snapshot's size"},
      {"name": "volume.backup.size", "type": "gauge", "unit": "GiB", "description": "a backup's size"},
      {"name": "volume.provider.pool.capacity.total", "type": "gauge", "unit": "GiB", "description": "what a pool of a storage back end has"},
      {"name": "volume.provider.pool.capacity.free", "type": "gauge", "unit": "GiB", "description": "of that, free"},
      {"name": "volume.provider.pool.capacity.provisioned", "type": "gauge", "unit": "GiB", "description": "promised to volumes"},
      {"name": "volume.provider.pool.capacity.allocated", "type": "gauge", "unit": "GiB", "description": "given to volumes by this service"},
      {"name": "volume.provider.pool.capacity.virtual_free", "type": "gauge", "unit": "GiB", "description": "what may still be promised, with over-subscription"},
      {"name": "image.size", "type": "gauge", "unit": "B", "description": "an image's size"},
      {"name": "ip.floating", "type": "gauge", "unit": "ip", "description": "a floating address, by the number of its status"},
      {"name": "router", "type": "gauge", "unit": "router", "description": "1 for each router"},
      {"name": "network", "type": "gauge", "unit": "network", "description": "1 for each network"},
      {"name": "port", "type": "gauge", "unit": "port", "description": "1 for each port"},
      {"name": "storage.objects", "type": "gauge", "unit": "object", "description": "objects of a project"},
      {"name": "storage.objects.size", "type": "gauge", "unit": "B", "description": "their bytes"},
      {"name": "storage.objects.containers", "type": "gauge", "unit": "container", "description": "containers of a project"},
      {"name": "storage.containers.objects", "type": "gauge", "unit": "object", "description": "objects of a container"},
      {"name": "storage.containers.objects.size", "type": "gauge", "unit": "B", "description": "their bytes"},
      {"name": "loadbalancer.operating", "type": "gauge", "unit": "status", "description": "the number of a load balancer's operating status"},
      {"name": "loadbalancer.provisioning", "type": "gauge", "unit": "status", "description": "the number of its provisioning status"}],
    "config": [
      {"key": "definitions", "type": "list", "default": [], "help": "files or folders of definitions, instead of the shipped ones"},
      {"key": "partition_index", "type": "integer", "default": 0, "min": 0, "max": 1023, "help": "which of several agents this is, from 0"},
      {"key": "partition_total", "type": "integer", "default": 1, "min": 1, "max": 1024, "help": "how many agents share the resources; each is polled by one of them"},
      {"key": "pages", "type": "integer", "default": 1000, "min": 1, "max": 1000000, "help": "most pages of one list"},
      {"key": "reseller_prefix", "type": "string", "help": "what stands before the project's id in the name of its account in the object store; unset: what the catalog's endpoint has there, else AUTH_"},
      {"key": "cycle_time", "type": "duration", "default": "4m", "min": "1s", "max": "4m", "help": "how long all requests of a cycle may take together"}]
  }]
})
