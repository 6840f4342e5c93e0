// A TCP proxy in front of the test's server that ends a connection at a chosen point.
// Not part of the plugin.
#ifndef TALLY_POSTGRESQL_TEST_PROXY_H
#define TALLY_POSTGRESQL_TEST_PROXY_H

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <string>
#include <string_view>
#include <thread>

namespace tally::postgresql {

// One connection after the other, between a port of its own and `server_port`, both on 127.0.0.1.
class Proxy {
 public:
  enum class Cut {
    never,
    before,  // what the client sent does not reach the server
    after,   // it does, and the server has answered; the answer is lost
  };

  explicit Proxy(int server_port) : server_port_(server_port) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = local(0);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 4), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~Proxy() {
    ending_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  int port() const { return port_; }
  // The next time the client sends `text`.
  void cut(Cut how, std::string text) {
    text_ = std::move(text);
    cut_ = how;
  }
  int cuts() const { return cuts_; }

 private:
  static sockaddr_in local(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }

  void run() {
    while (!ending_) {
      const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) return;
      const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const sockaddr_in address = local(server_port_);
      if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) pass(client, server);
      ::close(server);
      ::close(client);
    }
  }

  void pass(int client, int server) {
    std::array<pollfd, 2> ends = {{{client, POLLIN, 0}, {server, POLLIN, 0}}};
    bool swallow = false;
    std::string seen;  // the end of what the client sent, for a text in two pieces
    while (!ending_ && ::poll(ends.data(), ends.size(), 100) >= 0) {
      for (std::size_t i = 0; i < ends.size(); ++i) {
        if (ends[i].revents == 0) continue;
        std::array<char, 65536> bytes;
        const ssize_t size = ::read(ends[i].fd, bytes.data(), bytes.size());
        if (size <= 0) return;
        if (i == 1 && swallow) return;
        if (i == 0 && cut_ != Cut::never) {
          seen.append(bytes.data(), static_cast<std::size_t>(size));
          if (seen.find(text_) != std::string::npos) {
            ++cuts_;
            swallow = cut_ == Cut::after;
            cut_ = Cut::never;
            if (!swallow) return;
          }
          if (seen.size() > 1000) seen.erase(0, seen.size() - 1000);
        }
        for (ssize_t sent = 0; sent < size;) {
          const ssize_t part =
              ::send(ends[1 - i].fd, bytes.data() + sent, static_cast<std::size_t>(size - sent), MSG_NOSIGNAL);
          if (part <= 0) return;
          sent += part;
        }
      }
    }
  }

  int server_port_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> ending_{false};
  std::atomic<Cut> cut_{Cut::never};
  std::atomic<int> cuts_{0};
  std::string text_;  // set before `cut_`
  std::thread thread_;
};

}  // namespace tally::postgresql

#endif
