// One request over HTTP or HTTPS, with bounds on everything: time, size, redirects.
// Not for tokens, nor for what an answer means: cloud.h.
#ifndef TALLY_OPENSTACK_HTTP_H
#define TALLY_OPENSTACK_HTTP_H

#include <tally/sdk/error.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tally::openstack {

// No answer: the server is away, hangs, or shows a certificate that is not trusted.
struct Away : Error {
  explicit Away(const std::string& text) : Error(Outcome::transient, text) {}
};

struct HttpOptions {
  std::string cacert;  // PEM; empty: the system's
  bool verify = true;
  std::size_t longest = std::size_t{16} << 20;  // bytes of a body
};

struct HttpRequest {
  std::string method = "GET";  // GET, HEAD or POST
  std::string url;
  std::vector<std::string> headers;  // "Name: value"
  std::string body;                  // POST
  std::chrono::milliseconds timeout{30'000};
};

struct HttpAnswer {
  long status = 0;
  std::string url;  // where it came from, after redirects
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case

  // Empty where there is none.
  std::string header(std::string_view name) const;
};

// Keeps its connections. One thread at a time.
class HttpClient {
 public:
  explicit HttpClient(HttpOptions options);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();

  // Throws Away, or Error::transient for an answer that passes a bound. A redirect is followed three times, for GET and
  // HEAD, and only where it stays with the same server, since a token goes with it; any other is an answer like all.
  HttpAnswer send(const HttpRequest& request);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The URL as it may be shown: without user and password, and without its query, which may hold a key.
std::string shown(std::string_view url);
// "https://host:port", in lower case, a usual port left out; empty where this is no such URL.
std::string origin(std::string_view url);
// A definition's path below the endpoint, or with a slash before it from the server's root. A version that both have
// ("http://host/v2.0" and "v2.0/ports") is there once.
std::string join_path(const std::string& endpoint, std::string_view path);
// The link that an answer gives, as it is asked for: always at the endpoint's own server. Empty where it is not a link.
std::string resolve(const std::string& endpoint, std::string_view link);

}  // namespace tally::openstack

#endif
