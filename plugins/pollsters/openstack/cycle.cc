// See cycle.h.
#include "cycle.h"

#include <algorithm>
#include <array>
#include <utility>

namespace tally::openstack {
namespace {

// Each value of a page takes about a hundred bytes while it is looked at.
constexpr std::ptrdiff_t kMostValues = 2'000'000;

constexpr const char* kEntry = "entry";  // what is left out, where it is not a member of the metadata

Json parse_page(const std::string& body, const std::string& place) {
  if (std::count(body.begin(), body.end(), ',') > kMostValues)
    throw Error::transient(place + ": the answer has more than two million values");
  std::string why;
  std::optional<Json> json = Json::parse(body, &why);
  if (!json) throw Error::transient(place + ": not JSON: " + why);
  return *std::move(json);
}

// What Ceilometer takes as the entries: a list itself, what the key leads to, else the first key's value.
Value entries_of(const Request& request, const Json& page) {
  if (page.is_array()) return Value::of(page);
  if (request.entries) return request.entries->evaluate(Value::of(page));
  if (!page.is_object() || page.items().empty()) throw NoValue("neither a list nor an object with one");
  return Value::of(page.items().front());
}

// An entry's text with the project in it, where the definition is for each project.
std::string with_project(std::string_view entry, const Project& project) {
  const std::string member = json_detail::quote("project_id") + ":" + json_detail::quote(project.id);
  const std::string_view rest = entry.substr(1);
  const bool empty = rest.find_first_not_of(" \t\r\n") == rest.find('}');
  return "{" + member + (empty ? "" : ",") + std::string(rest);
}

// "OpenStack-API-Version: volume 3.63".
bool is_version(const std::string& header) {
  static constexpr std::string_view kName = "openstack-api-version:";
  return header.size() > kName.size() && std::equal(kName.begin(), kName.end(), header.begin(), [](char a, char b) {
           return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b);
         });
}

std::string with_version(const std::string& header, const std::string& version) {
  return header.substr(0, header.find_last_of(" :") + 1) + version;
}

// "3.59" of "Version 3.63 is not supported by the API. Minimum is 3.0 and maximum is 3.59."; else nothing.
std::string newest_version(const std::string& body) {
  static constexpr std::string_view kBefore = "maximum is ";
  const std::size_t found = body.find(kBefore);
  if (found == std::string::npos) return "";
  const std::size_t begin = found + kBefore.size();
  std::string version = body.substr(begin, std::min(body.find_first_not_of("0123456789.", begin), body.size()) - begin);
  while (version.ends_with('.')) version.pop_back();
  return version.size() > 16 ? "" : version;
}

}  // namespace

std::vector<std::string> aliases(const std::string& type) {
  static const std::array<std::vector<std::string>, 2> kSame = {
      {{"volumev3", "block-storage", "block-store"}, {"sharev2", "shared-file-system"}}};
  std::vector<std::string> all = {type};
  for (const std::vector<std::string>& same : kSame)
    if (std::find(same.begin(), same.end(), type) != same.end()) all.insert(all.end(), same.begin(), same.end());
  return all;
}

Cycle::Cycle(Cloud& cloud, const std::vector<Service>& services, const CycleOptions& options, SampleSink samples,
             FaultSink faults)
    : cloud_(cloud),
      services_(services),
      options_(options),
      samples_(std::move(samples)),
      faults_(std::move(faults)),
      end_(std::chrono::steady_clock::now() + options.time) {}

const Service* Cycle::find(const std::string& type) const {
  for (const std::string& alias : aliases(type))
    for (const Service& service : services_)
      if (service.type == alias) return &service;
  return nullptr;
}

void Cycle::run(const std::vector<Group>& groups) {
  for (const Group& group : groups) {
    const Service* service = find(group.request.service);
    if (service == nullptr || away_.count(service->type) != 0) continue;
    try {
      run(group, *service);
    } catch (const NoToken& none) {
      tell_troubles();
      return faults_("identity", none.what());
    } catch (const Away& away) {
      away_.insert(service->type);
      faults_(group.names(), std::string(away.what()) + "; no more is asked of " + service->type);
    } catch (const Error& error) {
      faults_(group.names(), error.what());
    }
    tell_troubles();
  }
}

void Cycle::run(const Group& group, const Service& service) {
  if (group.request.per_project) return run_for_each(group, service);
  run_pages(group, service.url, join_path(service.url, group.request.path), nullptr);
}

// Every project's first URL is looked at before one of them is asked: a URL without a project in it is answered with
// the token's own.
void Cycle::run_for_each(const Group& group, const Service& service) {
  const ProjectPlaces places{cloud_.own_project(), options_.reseller_prefix};
  AskedUrls asked;
  try {
    asked.add(places.url(group.request, service.url, places.own), places.own);
    for (const Project& project : projects()) asked.add(places.url(group.request, service.url, project.id), project.id);
  } catch (const Error& refused) {
    throw Error::transient(std::string(refused.what()) + "; put {project_id} into url_path (" +
                           group.definitions.front().place + ")");
  }
  std::string problem;
  std::size_t problems = 0, taken = 0, without = 0;
  for (const Project& project : projects()) {
    if (!options_.partition.has(project.id)) continue;
    ForProject of{project, asked};
    try {
      run_pages(group, places.endpoint(group.request, service.url, project.id),
                places.url(group.request, service.url, project.id), &of);
      without += of.none ? 1 : 0;
      ++taken;
    } catch (const NoToken&) {
      throw;
    } catch (const Away&) {
      throw;
    } catch (const Error& error) {
      check_time();
      if (problems++ == 0) problem = error.what();
    }
  }
  if (problems > 0) throw Error::transient(problem + " (" + std::to_string(problems) + " projects failed)");
  if (taken > 0 && taken == without && account_is_guessed(group.request, service.url, places.own)) {
    throw Error::transient(shown(places.url(group.request, service.url, places.own)) + ": every project (" +
                           std::to_string(taken) +
                           ") has answered 404: none has an account there, or the store takes none in a URL (Ceph: "
                           "rgw_swift_account_in_url = true), or its accounts have another prefix (reseller_prefix)");
  }
}

void Cycle::run_pages(const Group& group, const std::string& endpoint, std::string url, ForProject* of) {
  std::set<std::string> seen;
  while (!url.empty()) {
    const std::string place = "GET " + shown(url);
    if (!seen.insert(url).second) throw Error::transient(place + ": this page was there before, its link leads back");
    if (seen.size() > options_.most_pages)
      throw Error::transient(place + ": more than " + std::to_string(options_.most_pages) + " pages (pages)");
    if (of != nullptr) of->asked.add(url, of->project.id);
    const std::optional<HttpAnswer> answer = fetch(group, url, of);
    if (!answer) return;
    const std::string next = take_page(group, *answer, url, of == nullptr ? nullptr : &of->project);
    url = next.empty() ? "" : resolve(endpoint, next);
  }
}

// None where the project has nothing there.
std::optional<HttpAnswer> Cycle::fetch(const Group& group, const std::string& url, ForProject* of) {
  check_time();
  HttpAnswer answer = ask(group, url);
  std::string text = (group.request.head ? "HEAD " : "GET ") + shown(url) + ": HTTP " + std::to_string(answer.status);
  if (answer.status >= 200 && answer.status < 300) {
    if (of == nullptr || answer.url == url || answer.url.find(of->project.id) != std::string::npos) return answer;
    throw Error::transient(text + " after a redirect to " + shown(answer.url) +
                           ", which is not the project's: refused");
  }
  if (answer.status == 404 && of != nullptr) {
    of->none = true;
    return std::nullopt;
  }
  if (answer.status == 401) throw Away(text + " after the token was renewed");
  if (answer.status == 403) text += ": the user may not; give it the role that may list this for all projects";
  throw Error::transient(text);
}

// A service that is older than the version of its API that the definition asks for names its newest: that one then.
HttpAnswer Cycle::ask(const Group& group, const std::string& url) {
  HttpRequest request;
  request.method = group.request.head ? "HEAD" : "GET";
  request.url = url;
  request.timeout = group.request.timeout;
  while (true) {
    const auto version = versions_.find(&group);
    request.headers = group.request.headers;
    for (std::string& header : request.headers)
      if (is_version(header) && version != versions_.end()) header = with_version(header, version->second);
    const bool asked = std::any_of(request.headers.begin(), request.headers.end(), is_version);
    request.headers.emplace_back("Accept: application/json");
    HttpAnswer answer = cloud_.ask(request);
    const std::string newest = answer.status == 406 && asked ? newest_version(answer.body) : "";
    if (newest.empty() || version != versions_.end()) return answer;
    versions_.emplace(&group, newest);
  }
}

// The link to the next page, or nothing.
std::string Cycle::take_page(const Group& group, const HttpAnswer& answer, const std::string& url,
                             const Project* project) {
  const std::string place = "GET " + shown(url);
  if (group.request.head) {
    JsonObject headers;
    for (const auto& [name, value] : answer.headers) headers.set(name, value);
    const std::string text = headers.str();
    take(group, parse_page(text, "HEAD " + shown(url)), url, project);
    return "";
  }
  if (answer.status == 204 && answer.body.empty()) return "";
  const Json page = parse_page(answer.body, place);
  if (page.is_object() && page.items().empty()) return "";
  try {
    const Value entries = entries_of(group.request, page);
    if (!entries.is_list()) throw NoValue(std::string("the entries are ") + entries.kind() + ", not a list");
    if (entries.tree() != nullptr) {
      for (const Json& entry : entries.tree()->items()) take(group, entry, url, project);
    } else {
      for (const Value& entry : entries.items()) {
        if (entry.tree() != nullptr) {
          take(group, *entry.tree(), url, project);
        } else {  // an expression made it
          const std::string text = entry.json();
          take(group, parse_page(text, place), url, project);
        }
      }
    }
  } catch (const NoValue& none) {
    throw Error::transient(place + ": response_entries_key: " + none.what());
  }
  if (!group.request.next) return "";
  try {
    const Value next = group.request.next->evaluate(Value::of(page));
    return next.text() != nullptr ? *next.text() : "";
  } catch (const NotThere&) {
    return "";
  } catch (const NoValue& none) {
    throw Error::transient(place + ": next_sample_url_attribute: " + none.what());
  }
}

// An entry's fault costs a definition that entry alone, and one of several samples that sample alone.
void Cycle::take(const Group& group, const Json& given, const std::string& url, const Project* project) {
  if (!given.is_object()) {
    for (const Definition& definition : group.definitions)
      note(definition, kEntry, url, "the entry " + std::string(given.raw().substr(0, 64)) + " is not an object");
    return;
  }
  std::string text;
  std::optional<Json> own;
  if (project != nullptr) {
    text = with_project(given.raw(), *project);
    own = Json::parse(text);
  }
  const Json& entry = own ? *own : given;
  for (const Definition& definition : group.definitions) {
    try {
      const std::string resource = resource_of(definition, entry);
      if (project == nullptr && !options_.partition.has(resource)) continue;
      make_samples(definition, entry, resource, samples_,
                   {[&](const std::string& why) { note(definition, kEntry, url, why); },
                    [&](const std::string& why) { note(definition, "metadata", url, why); }});
    } catch (const NoValue& none) {
      note(definition, kEntry, url, none.what());
    }
  }
}

const std::vector<Project>& Cycle::projects() {
  if (!projects_) projects_ = cloud_.projects();
  return *projects_;
}

void Cycle::check_time() const {
  if (std::chrono::steady_clock::now() < end_) return;
  throw Error::transient("the cycle takes longer than " + std::to_string(options_.time.count() / 1000) +
                         " s (cycle_time), the rest is left out");
}

void Cycle::note(const Definition& definition, const char* what, const std::string& url, const std::string& text) {
  Trouble& trouble = troubles_[{&definition, what}];
  if (trouble.count++ == 0) trouble.first = "GET " + shown(url) + ": " + text;
}

void Cycle::tell_troubles() {
  for (const auto& [key, trouble] : std::exchange(troubles_, {})) {
    const auto& [definition, what] = key;
    const std::string count = std::to_string(trouble.count);
    const std::string left_out = what == kEntry
                                     ? count + (trouble.count == 1 ? " entry" : " entries") + " left out"
                                     : what + " left out " + count + (trouble.count == 1 ? " time" : " times");
    faults_(definition->name, trouble.first + "; " + left_out + " (" + definition->place + ")");
  }
}

}  // namespace tally::openstack
