// A small HTTP server on a loopback address: a path, a handler, an answer.
// Not for the network: it speaks plain text to this host alone, and refuses any other address.
#ifndef TALLY_BASE_HTTP_SERVER_H
#define TALLY_BASE_HTTP_SERVER_H

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace tally {

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// By path ("/metrics"). Called on the server's thread for GET and HEAD; must be quick.
using HttpRoutes = std::map<std::string, std::function<HttpResponse()>>;

// Has a thread of its own from open() until it is destroyed.
class HttpServer {
 public:
  // `address`: 127.0.0.1 or ::1 (any loopback address); port 0: any free one. A port in use is kTransient, an address
  // that is not loopback kPermanent.
  static absl::StatusOr<std::unique_ptr<HttpServer>> open(const std::string& address, std::uint16_t port,
                                                          HttpRoutes routes);
  // Waits for the request in hand.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::uint16_t port() const;

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tally

#endif
