// Logs in at Keystone, version 3: a token, and the catalog of services that comes with it.
// Not for keeping the token: cloud.h.
#ifndef TALLY_OPENSTACK_KEYSTONE_H
#define TALLY_OPENSTACK_KEYSTONE_H

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "http.h"

namespace tally::openstack {

// Who logs in; an application credential goes before a password. Empty: not given.
struct Credentials {
  std::string auth_url;
  std::string username, password, user_domain_name, user_domain_id;
  std::string project_name, project_id, project_domain_name, project_domain_id;
  std::string application_credential_id, application_credential_secret;
};

struct Endpoint {
  std::string service, interface, region, url;
};

struct Token {
  std::string id;
  std::string project_id;            // that it is for
  std::chrono::microseconds life{};  // from its making to its end, by Keystone's clock
  std::vector<Endpoint> catalog;
};

// `auth_url` with "/v3" at its end.
std::string version_3(std::string_view auth_url);
// The body of the request for a token. Throws Error::transient where something needed is not given.
std::string login(const Credentials& credentials);
// Out of Keystone's answer. Throws Error::transient where it is none.
Token read_token(const HttpAnswer& answer, const std::string& url);
// All of it. Throws Error::transient; no text of an error has a secret.
Token log_in(HttpClient& http, const Credentials& credentials, std::chrono::milliseconds timeout);

}  // namespace tally::openstack

#endif
