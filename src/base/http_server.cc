#include "base/http_server.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include "base/status.h"

namespace tally {
namespace {

bool is_loopback(const std::string& address) {
  in_addr v4{};
  in6_addr v6{};
  if (inet_pton(AF_INET, address.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  if (inet_pton(AF_INET6, address.c_str(), &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6);
  return false;
}

std::uint16_t bound_port(evutil_socket_t socket) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&name), &size) != 0) return 0;
  if (name.ss_family == AF_INET6) return ntohs(reinterpret_cast<sockaddr_in6*>(&name)->sin6_port);
  return ntohs(reinterpret_cast<sockaddr_in*>(&name)->sin_port);
}

HttpResponse answer(const HttpRoutes& routes, evhttp_request* request) {
  const evhttp_uri* uri = evhttp_request_get_evhttp_uri(request);
  const char* path = uri != nullptr ? evhttp_uri_get_path(uri) : nullptr;
  const auto route = routes.find(path != nullptr ? path : "");
  if (route != routes.end()) return route->second();
  std::string known;
  for (const auto& [name, handler] : routes) known += name + "\n";
  return {404, "text/plain; charset=utf-8", "no such page; there are:\n" + known};
}

}  // namespace

struct HttpServer::Impl {
  HttpRoutes routes;
  event_base* base = nullptr;
  evhttp* http = nullptr;
  event* quit = nullptr;
  int quit_fd = -1;
  std::uint16_t port = 0;
  std::thread thread;

  ~Impl() {
    if (thread.joinable()) {
      eventfd_write(quit_fd, 1);
      thread.join();
    }
    if (quit != nullptr) event_free(quit);
    if (http != nullptr) evhttp_free(http);
    if (base != nullptr) event_base_free(base);
    if (quit_fd >= 0) close(quit_fd);
  }

  static void on_quit(evutil_socket_t, short, void* self) { event_base_loopbreak(static_cast<Impl*>(self)->base); }

  static void on_request(evhttp_request* request, void* self) {
    const HttpResponse response = answer(static_cast<Impl*>(self)->routes, request);
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", response.content_type.c_str());
    evbuffer* body = evbuffer_new();
    evbuffer_add(body, response.body.data(), response.body.size());
    evhttp_send_reply(request, response.status, nullptr, body);
    evbuffer_free(body);
  }
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;
std::uint16_t HttpServer::port() const { return impl_->port; }

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::open(const std::string& address, std::uint16_t port,
                                                             HttpRoutes routes) {
  const std::string place = "http on " + address + " port " + std::to_string(port);
  if (!is_loopback(address))
    return permanent(place + ": not a loopback address; it is plain text without a password, use 127.0.0.1 or ::1");
  auto impl = std::make_unique<Impl>();
  impl->routes = std::move(routes);
  impl->base = event_base_new();
  impl->quit_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (impl->base == nullptr || impl->quit_fd < 0) return transient(place + ": " + std::strerror(errno));
  impl->http = evhttp_new(impl->base);
  impl->quit = event_new(impl->base, impl->quit_fd, EV_READ, &Impl::on_quit, impl.get());
  if (impl->http == nullptr || impl->quit == nullptr || event_add(impl->quit, nullptr) != 0)
    return transient(place + ": no event loop");
  errno = 0;
  evhttp_bound_socket* socket = evhttp_bind_socket_with_handle(impl->http, address.c_str(), port);
  if (socket == nullptr) {
    const bool used = errno == EADDRINUSE;
    return transient(place + ": " + (errno != 0 ? std::strerror(errno) : "cannot listen") +
                     (used ? "; another program listens there: end it, or set another port under `http:`" : ""));
  }
  impl->port = bound_port(evhttp_bound_socket_get_fd(socket));
  evhttp_set_allowed_methods(impl->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
  evhttp_set_timeout(impl->http, 10);
  evhttp_set_max_body_size(impl->http, 0);
  evhttp_set_max_headers_size(impl->http, 16 << 10);
  evhttp_set_gencb(impl->http, &Impl::on_request, impl.get());
  impl->thread = std::thread([loop = impl->base] { event_base_dispatch(loop); });
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

}  // namespace tally
