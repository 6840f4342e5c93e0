// Where a definition that asks for each project asks for one: the endpoint with that project in it.
// Not for asking: cycle.h.
#ifndef TALLY_OPENSTACK_PROJECTS_H
#define TALLY_OPENSTACK_PROJECTS_H

#include <map>
#include <optional>
#include <string>

#include "definition.h"

namespace tally::openstack {

// The token's own project is what the catalog's endpoints name. `prefix` stands before the project in the name of an
// object store's account; none: what the endpoint has there, else AUTH_.
struct ProjectPlaces {
  std::string own;
  std::optional<std::string> prefix;

  // The endpoint as it is for `project`. Where `url_path` does not say itself where the project goes, the endpoint of
  // an object store always ends in the project's account: "http://rgw/swift/v1" is "http://rgw/swift/v1/AUTH_p".
  std::string endpoint(const Request& request, const std::string& endpoint, const std::string& project) const;
  // Where the first page is.
  std::string url(const Request& request, const std::string& endpoint, const std::string& project) const;
};

// Whether the request's endpoint gets an account, and had none in the catalog.
bool account_is_guessed(const Request& request, const std::string& endpoint, const std::string& own);

// Which project each URL was asked for, so that none is asked for two: its answer could be one project's alone.
class AskedUrls {
 public:
  // Throws tally::Error, naming both projects, where the URL was another's.
  void add(const std::string& url, const std::string& project);

 private:
  std::map<std::string, std::string> projects_;
};

}  // namespace tally::openstack

#endif
