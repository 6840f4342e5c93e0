// See cycle.h.
#include "cycle.h"

#include <algorithm>
#include <array>
#include <utility>

namespace tally::openstack {
namespace {

// Each value of a page takes about a hundred bytes while it is looked at.
constexpr std::ptrdiff_t kMostValues = 2'000'000;

Json parse_page(const std::string& body, const std::string& place) {
  if (std::count(body.begin(), body.end(), ',') > kMostValues)
    throw Error::passing(place + ": the answer has more than two million values");
  std::string why;
  std::optional<Json> json = Json::parse(body, &why);
  if (!json) throw Error::passing(place + ": not JSON: " + why);
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

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  if (from.empty()) return;
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
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
  if (!group.request.per_project) return run(group, service.url, nullptr);
  const std::string own = cloud_.own_project();
  std::string problem;
  std::size_t problems = 0;
  for (const Project& project : projects()) {
    if (!options_.partition.has(project.id)) continue;
    std::string endpoint = service.url;
    replace_all(endpoint, own, project.id);
    try {
      run(group, endpoint, &project);
    } catch (const NoToken&) {
      throw;
    } catch (const Away&) {
      throw;
    } catch (const Error& error) {
      check_time();
      if (problems++ == 0) problem = error.what();
    }
  }
  if (problems > 0) throw Error::passing(problem + " (" + std::to_string(problems) + " projects failed)");
}

void Cycle::run(const Group& group, const std::string& endpoint, const Project* project) {
  std::string path = group.request.path;
  if (project != nullptr) replace_all(path, "{project_id}", project->id);
  std::string url = join_path(endpoint, path);
  std::set<std::string> seen;
  while (!url.empty()) {
    const std::string place = "GET " + shown(url);
    if (!seen.insert(url).second) throw Error::passing(place + ": this page was there before, its link leads back");
    if (seen.size() > options_.most_pages)
      throw Error::passing(place + ": more than " + std::to_string(options_.most_pages) + " pages (pages)");
    const std::optional<HttpAnswer> answer = fetch(group, url, project);
    if (!answer) return;
    const std::string next = take_page(group, *answer, url, project);
    url = next.empty() ? "" : resolve(endpoint, next);
  }
}

// None where the project has nothing there.
std::optional<HttpAnswer> Cycle::fetch(const Group& group, const std::string& url, const Project* project) {
  check_time();
  HttpRequest request;
  request.method = group.request.head ? "HEAD" : "GET";
  request.url = url;
  request.headers = group.request.headers;
  request.headers.emplace_back("Accept: application/json");
  request.timeout = group.request.timeout;
  HttpAnswer answer = cloud_.ask(request);
  if (answer.status >= 200 && answer.status < 300) return answer;
  if (answer.status == 404 && project != nullptr) return std::nullopt;
  std::string text = request.method + " " + shown(url) + ": HTTP " + std::to_string(answer.status);
  if (answer.status == 401) throw Away(text + " after the token was renewed");
  if (answer.status == 403) text += ": the user may not; give it the role that may list this for all projects";
  throw Error::passing(text);
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
    for (const Value& entry : entries.items()) {
      if (entry.is_object()) {
        take(group, *entry.tree(), url, project);
      } else {
        for (const Definition& definition : group.definitions)
          note(definition, url, std::string("an entry is ") + entry.kind() + ", not an object");
      }
    }
  } catch (const NoValue& none) {
    throw Error::passing(place + ": response_entries_key: " + none.what());
  }
  if (!group.request.next) return "";
  try {
    const Value next = group.request.next->evaluate(Value::of(page));
    return next.text() != nullptr ? *next.text() : "";
  } catch (const NotThere&) {
    return "";
  } catch (const NoValue& none) {
    throw Error::passing(place + ": next_sample_url_attribute: " + none.what());
  }
}

// An entry's fault costs a definition that entry alone.
void Cycle::take(const Group& group, const Json& given, const std::string& url, const Project* project) {
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
      make_samples(definition, entry, resource, samples_);
    } catch (const NoValue& none) {
      note(definition, url, none.what());
    } catch (const Error& refused) {  // the host's, of a sample that it cannot take
      note(definition, url, refused.what());
    }
  }
}

const std::vector<Project>& Cycle::projects() {
  if (!projects_) projects_ = cloud_.projects();
  return *projects_;
}

void Cycle::check_time() const {
  if (std::chrono::steady_clock::now() < end_) return;
  throw Error::passing("the cycle takes longer than " + std::to_string(options_.time.count() / 1000) +
                       " s (cycle_time), the rest is left out");
}

void Cycle::note(const Definition& definition, const std::string& url, const std::string& text) {
  Trouble& trouble = troubles_[&definition];
  if (trouble.count++ == 0) trouble.first = "GET " + shown(url) + ": " + text;
}

void Cycle::tell_troubles() {
  for (const auto& [definition, trouble] : std::exchange(troubles_, {})) {
    faults_(definition->name, trouble.first + "; " + std::to_string(trouble.count) +
                                  (trouble.count == 1 ? " entry" : " entries") + " left out (" + definition->place +
                                  ")");
  }
}

}  // namespace tally::openstack
