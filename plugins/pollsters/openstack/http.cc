// See http.h. By libcurl.
#include "http.h"

#include <curl/curl.h>

#include <algorithm>

namespace tally::openstack {
namespace {

constexpr std::size_t kLongestHeaders = std::size_t{256} << 10;
constexpr int kMostRedirects = 3;
constexpr std::chrono::milliseconds kLongestConnect{10'000};

struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
struct FreeText {
  void operator()(char* text) const { curl_free(text); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
using Url = std::unique_ptr<CURLU, FreeUrl>;

std::string part(CURLU* url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, flags) != CURLUE_OK) return "";
  return std::unique_ptr<char, FreeText>(text).get();
}

Url parse(std::string_view text) {
  Url url(curl_url());
  if (!url || curl_url_set(url.get(), CURLUPART_URL, std::string(text).c_str(), 0) != CURLUE_OK) return nullptr;
  return url;
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

// An endpoint in two: "https://host:port", and its own path without a slash at its end.
struct Place {
  std::string server, below;
};

Place place_of(const std::string& endpoint) {
  const std::size_t host = std::min(endpoint.find("://") + 3, endpoint.size());
  const std::size_t path = std::min(endpoint.find_first_of("/?#", host), endpoint.size());
  Place place{endpoint.substr(0, path), endpoint.substr(path)};
  place.below = place.below.substr(0, place.below.find_first_of("?#"));
  while (!place.below.empty() && place.below.back() == '/') place.below.pop_back();
  return place;
}

// What arrives, and how much of it is taken.
struct Intake {
  HttpAnswer* answer = nullptr;
  std::size_t longest = 0;
  std::size_t header_bytes = 0;
  bool too_long = false;

  static std::size_t body(char* data, std::size_t, std::size_t size, void* self) {
    auto& in = *static_cast<Intake*>(self);
    if (in.answer->body.size() + size > in.longest) {
      in.too_long = true;
      return 0;
    }
    in.answer->body.append(data, size);
    return size;
  }

  static std::size_t header(char* data, std::size_t, std::size_t size, void* self) {
    auto& in = *static_cast<Intake*>(self);
    in.header_bytes += size;
    if (in.header_bytes > kLongestHeaders) {
      in.too_long = true;
      return 0;
    }
    const std::string_view line(data, size);
    if (line.starts_with("HTTP/")) in.answer->headers.clear();  // of the last answer, after a "100 Continue"
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return size;
    std::string_view value = line.substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
    value = value.substr(0, value.find_last_not_of(" \t\r\n") + 1);
    in.answer->headers.emplace_back(lower_case(line.substr(0, colon)), value);
    return size;
  }
};

}  // namespace

struct HttpClient::Impl {
  HttpOptions options;
  std::unique_ptr<CURL, FreeEasy> easy;

  HttpAnswer once(const HttpRequest& request, const std::string& url, std::chrono::milliseconds left);
  void prepare(const HttpRequest& request, const std::string& url, curl_slist* headers, Intake& intake);
};

void HttpClient::Impl::prepare(const HttpRequest& request, const std::string& url, curl_slist* headers,
                               Intake& intake) {
  CURL* curl = easy.get();
  curl_easy_reset(curl);
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "tally");
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, options.verify ? 1L : 0L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, options.verify ? 2L : 0L);
  if (!options.cacert.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, options.cacert.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Intake::body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &intake);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &Intake::header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &intake);
  if (request.method == "HEAD") curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  if (request.method == "POST") {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.c_str());
  }
}

HttpAnswer HttpClient::Impl::once(const HttpRequest& request, const std::string& url, std::chrono::milliseconds left) {
  curl_slist* lines = nullptr;
  for (const std::string& header : request.headers) lines = curl_slist_append(lines, header.c_str());
  const std::unique_ptr<curl_slist, FreeList> headers(lines);
  HttpAnswer answer;
  answer.url = url;
  Intake intake{&answer, options.longest, 0, false};
  char error[CURL_ERROR_SIZE] = "";
  prepare(request, url, lines, intake);
  left = std::max(left, std::chrono::milliseconds(1));
  curl_easy_setopt(easy.get(), CURLOPT_ERRORBUFFER, error);
  curl_easy_setopt(easy.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(left.count()));
  curl_easy_setopt(easy.get(), CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(std::min(left, kLongestConnect).count()));
  const CURLcode code = curl_easy_perform(easy.get());
  curl_easy_setopt(easy.get(), CURLOPT_ERRORBUFFER, nullptr);
  if (intake.too_long) {
    throw Error::transient(request.method + " " + shown(url) + ": the answer is longer than " +
                           std::to_string(options.longest) + " bytes (max_response)");
  }
  if (code != CURLE_OK)
    throw Away(request.method + " " + shown(url) + ": " + (error[0] != '\0' ? error : curl_easy_strerror(code)));
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &answer.status);
  return answer;
}

HttpClient::HttpClient(HttpOptions options) : impl_(std::make_unique<Impl>()) {
  impl_->options = std::move(options);
  impl_->easy.reset(curl_easy_init());
  if (!impl_->easy) throw Error::transient("libcurl: out of memory");
}

HttpClient::~HttpClient() = default;

HttpAnswer HttpClient::send(const HttpRequest& request) {
  std::string url = request.url;
  const auto end = std::chrono::steady_clock::now() + request.timeout;
  for (int redirects = 0;; ++redirects) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    HttpAnswer answer = impl_->once(request, url, left);
    const bool moved = answer.status > 300 && answer.status < 400 && answer.status != 304;
    char* to = nullptr;
    if (!moved || request.method == "POST") return answer;
    curl_easy_getinfo(impl_->easy.get(), CURLINFO_REDIRECT_URL, &to);
    if (to == nullptr || origin(to).empty() || origin(to) != origin(request.url) || redirects == kMostRedirects)
      return answer;
    url = to;
  }
}

std::string HttpAnswer::header(std::string_view name) const {
  const auto found = std::find_if(headers.begin(), headers.end(), [&](const auto& one) { return one.first == name; });
  return found == headers.end() ? "" : found->second;
}

std::string shown(std::string_view text) {
  const Url url = parse(text);
  if (!url) return "(no URL)";
  const bool query = !part(url.get(), CURLUPART_QUERY).empty();
  for (const CURLUPart secret : {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY, CURLUPART_FRAGMENT})
    curl_url_set(url.get(), secret, nullptr, 0);
  return part(url.get(), CURLUPART_URL) + (query ? "?…" : "");
}

std::string origin(std::string_view text) {
  const Url url = parse(text);
  if (!url) return "";
  const std::string scheme = lower_case(part(url.get(), CURLUPART_SCHEME));
  if (scheme != "http" && scheme != "https") return "";
  return scheme + "://" + lower_case(part(url.get(), CURLUPART_HOST)) + ":" +
         part(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
}

std::string join_path(const std::string& endpoint, std::string_view path) {
  const Place place = place_of(endpoint);
  if (path.starts_with('/')) return place.server + std::string(path);
  if (path.empty() || path.starts_with('?')) return place.server + place.below + std::string(path);
  const std::string first(path.substr(0, path.find_first_of("/?")));
  const bool version = first.size() > 1 && first[0] == 'v' && first[1] >= '0' && first[1] <= '9';
  if (version && place.below.ends_with("/" + first)) path.remove_prefix(std::min(first.size() + 1, path.size()));
  return place.server + place.below + "/" + std::string(path);
}

std::string resolve(const std::string& endpoint, std::string_view link) {
  if (link.empty() || link.find_first_of(" \t\r\n") != std::string_view::npos) return "";
  std::string path(link);
  if (const std::size_t scheme = link.find("://"); scheme != std::string_view::npos && scheme < link.find('?')) {
    const Url other = parse(link);
    if (!other) return "";
    if (origin(link) == origin(endpoint)) return path;
    const std::string query = part(other.get(), CURLUPART_QUERY);
    path = part(other.get(), CURLUPART_PATH) + (query.empty() ? "" : "?" + query);
  }
  const auto [server, below] = place_of(endpoint);
  if (path.front() == '?') return server + below + path;
  if (path.front() != '/') return server + below + "/" + path;
  // A service behind a proxy may not know the path that the proxy has put before its own: what the end of the
  // endpoint's path and the beginning of the link's have in common is there once.
  for (std::size_t slash = 0; slash != std::string::npos; slash = below.find('/', slash + 1)) {
    const std::string shared = below.substr(slash);
    if (path == shared || path.starts_with(shared + "/") || path.starts_with(shared + "?"))
      return server + below.substr(0, slash) + path;
  }
  return server + below + path;
}

}  // namespace tally::openstack
