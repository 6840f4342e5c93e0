// See keystone.h.
#include "keystone.h"

#include <tally/kit/json.h>
#include <tally/model/time.h>

namespace tally::openstack {
namespace {

// {"id": …}, or {"name": …}.
JsonObject named(const std::string& id, const std::string& name) {
  JsonObject object;
  return id.empty() ? object.set("name", name) : object.set("id", id);
}

std::string text_at(const Json& json, std::string_view path) {
  return std::string(json.find_text(path).value_or(std::string_view()));
}

std::vector<Endpoint> catalog_of(const Json& token) {
  std::vector<Endpoint> all;
  const Json* catalog = token.find("catalog");
  if (catalog == nullptr) return all;
  for (const Json& service : catalog->items()) {
    const Json* endpoints = service.find("endpoints");
    if (endpoints == nullptr) continue;
    for (const Json& endpoint : endpoints->items()) {
      std::string region = text_at(endpoint, "region_id");
      if (region.empty()) region = text_at(endpoint, "region");
      Endpoint found{text_at(service, "type"), text_at(endpoint, "interface"), region, text_at(endpoint, "url")};
      if (!found.service.empty() && !origin(found.url).empty()) all.push_back(std::move(found));
    }
  }
  return all;
}

}  // namespace

std::string version_3(std::string_view auth_url) {
  std::string url(auth_url);
  while (!url.empty() && url.back() == '/') url.pop_back();
  return url.ends_with("/v3") ? url : url + "/v3";
}

std::string login(const Credentials& of) {
  JsonObject identity;
  if (!of.application_credential_id.empty()) {
    JsonObject credential;
    credential.set("id", of.application_credential_id).set("secret", of.application_credential_secret);
    identity.raw("methods", R"(["application_credential"])").set("application_credential", credential);
    return JsonObject().set("auth", JsonObject().set("identity", identity)).str();
  }
  const bool whole = !of.username.empty() && !of.password.empty() && !(of.project_name + of.project_id).empty();
  if (!whole) {
    throw Error::transient(
        "to log in needs username, password and project_name, or application_credential_id and "
        "application_credential_secret: set them under plugins: \"discovery:openstack\"");
  }
  JsonObject user;
  user.set("name", of.username).set("domain", named(of.user_domain_id, of.user_domain_name));
  user.set("password", of.password);
  identity.raw("methods", R"(["password"])").set("password", JsonObject().set("user", user));
  JsonObject project = named(of.project_id, of.project_name);
  if (of.project_id.empty()) project.set("domain", named(of.project_domain_id, of.project_domain_name));
  JsonObject auth;
  auth.set("identity", identity).set("scope", JsonObject().set("project", project));
  return JsonObject().set("auth", auth).str();
}

Token read_token(const HttpAnswer& answer, const std::string& url) {
  const std::string place = "POST " + shown(url);
  if (answer.status == 401) throw Error::transient(place + ": HTTP 401: Keystone refuses the credentials");
  if (answer.status != 200 && answer.status != 201)
    throw Error::transient(place + ": HTTP " + std::to_string(answer.status) + " where a token was asked for");
  std::string why;
  const std::optional<Json> json = Json::parse(answer.body, &why);
  if (!json) throw Error::transient(place + ": not JSON: " + why);
  const Json* body = json->find("token");
  Token token;
  token.id = answer.header("x-subject-token");
  if (body == nullptr || token.id.empty()) throw Error::transient(place + ": an answer without a token");
  token.project_id = text_at(*body, "project.id");
  const std::optional<Time> from = Time::parse(text_at(*body, "issued_at"));
  const std::optional<Time> until = Time::parse(text_at(*body, "expires_at"));
  if (!from || !until) throw Error::transient(place + ": a token without its times");
  token.life = std::chrono::microseconds(until->us - from->us);
  token.catalog = catalog_of(*body);
  return token;
}

Token log_in(HttpClient& http, const Credentials& credentials, std::chrono::milliseconds timeout) {
  HttpRequest request;
  request.method = "POST";
  request.url = version_3(credentials.auth_url) + "/auth/tokens";
  request.headers = {"Content-Type: application/json", "Accept: application/json"};
  request.body = login(credentials);
  request.timeout = timeout;
  return read_token(http.send(request), request.url);
}

}  // namespace tally::openstack
