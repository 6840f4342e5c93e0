// See cloud.h.
#include "cloud.h"

#include <tally/kit/json.h>
#include <tally/sdk/log.h>

#include <algorithm>
#include <map>

namespace tally::openstack {
namespace {

constexpr std::chrono::seconds kRenewBefore{60};
constexpr std::size_t kMostProjects = 1'000'000;

struct Registry {
  std::mutex mutex;
  std::int64_t last = 0;
  std::map<std::int64_t, std::weak_ptr<Cloud>> by_number;
};

Registry& registry() {
  static Registry all;
  return all;
}

std::vector<Project> projects_in(const std::string& body, const std::string& url) {
  std::string why;
  const std::optional<Json> json = Json::parse(body, &why);
  const Json* list = json ? json->find("projects") : nullptr;
  if (list == nullptr) throw Error::transient("GET " + shown(url) + ": no list of projects" + (json ? "" : ": " + why));
  std::vector<Project> all;
  for (const Json& one : list->items()) {
    const auto id = one.find_text("id"), name = one.find_text("name");
    const Json* enabled = one.find("enabled");
    if (!id || id->empty() || (enabled != nullptr && enabled->boolean() == false)) continue;
    if (all.size() < kMostProjects) all.push_back({std::string(*id), std::string(name.value_or(""))});
  }
  return all;
}

}  // namespace

std::shared_ptr<Cloud> Cloud::open(CloudOptions options) {
  auto made = std::make_shared<Cloud>(std::move(options));
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  std::erase_if(all.by_number, [](const auto& one) { return one.second.expired(); });
  made->number_ = ++all.last;
  all.by_number.emplace(made->number_, made);
  return made;
}

std::shared_ptr<Cloud> Cloud::find(std::int64_t number) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  const auto found = all.by_number.find(number);
  return found == all.by_number.end() ? nullptr : found->second.lock();
}

// A token is renewed a minute before its end, or where it lives shortly, when a tenth of its life is left.
const Token& Cloud::token() {
  if (!token_ || Clock::now() >= renew_at_) {
    token_.reset();
    const Clock::time_point before = Clock::now();
    try {
      token_ = log_in(http_, options_.credentials, options_.timeout);
    } catch (const Error& error) {
      throw NoToken(error.what());
    }
    const std::chrono::microseconds early = std::min<std::chrono::microseconds>(kRenewBefore, token_->life / 10);
    renew_at_ = before + (token_->life - early);
  }
  return *token_;
}

std::vector<Service> Cloud::services() {
  const std::lock_guard lock(mutex_);
  std::vector<Service> all;
  for (const Endpoint& endpoint : token().catalog) {
    if (endpoint.interface != options_.interface) continue;
    if (!options_.region.empty() && endpoint.region != options_.region) continue;
    const bool known =
        std::any_of(all.begin(), all.end(), [&](const Service& one) { return one.type == endpoint.service; });
    if (!known) all.push_back({endpoint.service, endpoint.url});
  }
  return all;
}

std::string Cloud::own_project() {
  const std::lock_guard lock(mutex_);
  return token().project_id;
}

HttpAnswer Cloud::ask(HttpRequest request) {
  const std::lock_guard lock(mutex_);
  return ask_locked(std::move(request));
}

HttpAnswer Cloud::ask_locked(HttpRequest request) {
  if (request.timeout.count() <= 0) request.timeout = options_.timeout;
  request.headers.push_back("X-Auth-Token: " + token().id);
  HttpAnswer answer = http_.send(request);
  if (answer.status != 401) return answer;
  token_.reset();
  request.headers.back() = "X-Auth-Token: " + token().id;
  return http_.send(request);
}

std::vector<Project> Cloud::projects() {
  const std::lock_guard lock(mutex_);
  HttpRequest request;
  request.url = version_3(options_.credentials.auth_url) + "/projects";
  request.headers = {"Accept: application/json"};
  request.timeout = options_.timeout;
  const HttpAnswer answer = ask_locked(request);
  if (answer.status == 200) return projects_in(answer.body, request.url);
  if (answer.status == 403) return {{token().project_id, ""}};
  throw Error::transient("GET " + shown(request.url) + ": HTTP " + std::to_string(answer.status));
}

}  // namespace tally::openstack
