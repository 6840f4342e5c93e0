// See projects.h.
#include "projects.h"

#include <tally/sdk/error.h>

#include <algorithm>

#include "http.h"

namespace tally::openstack {
namespace {

constexpr std::string_view kProject = "{project_id}";

void replace_all(std::string& text, std::string_view from, const std::string& to, std::size_t begin = 0) {
  if (from.empty()) return;
  for (std::size_t at = begin; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

// Where the path of a URL begins.
std::size_t path_of(const std::string& url) {
  const std::size_t scheme = url.find("://");
  return std::min(url.find('/', scheme == std::string::npos ? 0 : scheme + 3), url.size());
}

bool is_account_store(const Request& request) {
  return request.service == "object-store" && request.path.find(kProject) == std::string::npos;
}

// One part of a path, between its slashes.
struct Part {
  std::size_t begin = 0, end = 0;
};

// The first part of `url`'s path that is wanted.
template <class Wanted>
std::optional<Part> find_part(const std::string& url, Wanted wanted) {
  for (std::size_t begin = path_of(url); begin < url.size();) {
    const std::size_t end = std::min(url.find('/', begin + 1), url.size());
    if (wanted(std::string_view(url).substr(begin + 1, end - begin - 1))) return Part{begin + 1, end};
    begin = end;
  }
  return std::nullopt;
}

std::optional<Part> find_account(const std::string& endpoint, const std::string& own) {
  return find_part(endpoint, [&](std::string_view part) { return !own.empty() && part.ends_with(own); });
}

}  // namespace

std::string ProjectPlaces::endpoint(const Request& request, const std::string& given,
                                    const std::string& project) const {
  std::string made = given;
  if (!is_account_store(request)) {
    replace_all(made, own, project, path_of(made));
    return made;
  }
  if (const std::optional<Part> account = find_account(given, own)) {
    const std::size_t length = account->end - account->begin;
    const std::string before = prefix ? *prefix : given.substr(account->begin, length - own.size());
    return made.replace(account->begin, length, before + project);
  }
  const auto version = find_part(given, [](std::string_view part) { return part == "v1" || part.starts_with("v1."); });
  if (version) {
    made.erase(version->end);
  } else {
    while (made.ends_with('/')) made.pop_back();
    made += "/v1";
  }
  return made + "/" + prefix.value_or("AUTH_") + project;
}

std::string ProjectPlaces::url(const Request& request, const std::string& given, const std::string& project) const {
  std::string path = request.path;
  replace_all(path, kProject, project);
  return join_path(endpoint(request, given, project), path);
}

bool account_is_guessed(const Request& request, const std::string& endpoint, const std::string& own) {
  return is_account_store(request) && !find_account(endpoint, own);
}

void AskedUrls::add(const std::string& url, const std::string& project) {
  const auto [known, fresh] = projects_.try_emplace(url, project);
  if (fresh || known->second == project) return;
  throw Error::transient(shown(url) + " would be asked for the projects " + known->second + " and " + project +
                         ", and the answer booked on both: refused");
}

}  // namespace tally::openstack
