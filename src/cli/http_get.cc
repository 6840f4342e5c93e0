// One request over a socket, read to its end.
// Not for keeping connections.
#include "cli/http_get.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/status.h"

namespace tally::cli {
namespace {

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

absl::StatusOr<std::string> exchange(int fd, const std::string& request) {
  for (std::size_t at = 0; at < request.size();) {
    const ssize_t sent = send(fd, request.data() + at, request.size() - at, MSG_NOSIGNAL);
    if (sent <= 0) return transient(std::strerror(errno));
    at += static_cast<std::size_t>(sent);
  }
  std::string answer;
  std::array<char, 16384> buffer;
  while (true) {
    const ssize_t got = recv(fd, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return transient(std::strerror(errno));
    if (got == 0) return answer;
    answer.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

absl::StatusOr<std::string> http_get(const std::string& address, std::uint16_t port, const std::string& path) {
  const std::string place = address + ":" + std::to_string(port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) {
    return transient(place + ": no such address");
  }
  const Socket socket(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval limit{5, 0};
  setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(socket.fd(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  const int connected = connect(socket.fd(), found->ai_addr, found->ai_addrlen);
  const int error = errno;
  freeaddrinfo(found);
  if (connected != 0)
    return transient("no daemon answers at " + place + " (" + std::strerror(error) +
                     "); start one, or name its configuration with --config FILE");
  absl::StatusOr<std::string> answer =
      exchange(socket.fd(), "GET " + path + " HTTP/1.0\r\nHost: " + address + "\r\nConnection: close\r\n\r\n");
  if (!answer.ok()) return transient(place + ": " + std::string(answer.status().message()));
  const std::size_t head = answer->find("\r\n\r\n");
  const std::size_t code = answer->find(' ');
  if (head == std::string::npos || code == std::string::npos) return transient(place + " does not speak HTTP");
  if (std::string_view(*answer).substr(code + 1, 3) != "200") {
    return transient(place + path + " answers " + answer->substr(code + 1, answer->find("\r\n") - code - 1));
  }
  return answer->substr(head + 4);
}

}  // namespace tally::cli
