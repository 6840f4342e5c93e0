// A web server of the test's own: one thread, one request a connection, answers made by a function.
// Not for anything that a real one does; tests/e2e/test_central.py has one with connections that stay.
#ifndef TALLY_OPENSTACK_TEST_SERVER_H
#define TALLY_OPENSTACK_TEST_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace tally::openstack {

class TestServer {
 public:
  struct Asked {
    std::string server;  // this one's URL
    std::string method, target, head, body;
  };
  // The whole answer, headers included; an empty one is silence until the client goes away.
  using Answer = std::function<std::string(const Asked&)>;

  explicit TestServer(Answer answer) : answer_(std::move(answer)) {
    ::setenv("no_proxy", "*", 1);
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&at), size) != 0 || ::listen(listener_, 64) != 0) std::abort();
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(at.sin_port));
    thread_ = std::thread([this] { serve(); });
  }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;
  ~TestServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }

  const std::string& url() const { return url_; }
  // "GET /v3/…" of each request, in order.
  std::vector<std::string> asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

  static std::string answer(int status, const std::string& body, const std::string& headers = "") {
    return "HTTP/1.1 " + std::to_string(status) + " X\r\nConnection: close\r\n" + headers +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

 private:
  void serve() {
    while (true) {
      const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) return;
      talk(client);
      ::close(client);
    }
  }

  void talk(int client) {
    std::string in;
    Asked asked;
    asked.server = url_;
    char buffer[4096];
    std::size_t end = std::string::npos;
    std::size_t wanted = 0;
    while (end == std::string::npos || in.size() < wanted) {
      const ssize_t size = ::recv(client, buffer, sizeof buffer, 0);
      if (size <= 0) return;
      in.append(buffer, static_cast<std::size_t>(size));
      if (end != std::string::npos || (end = in.find("\r\n\r\n")) == std::string::npos) continue;
      const std::size_t length = in.find("Content-Length: ");
      wanted = end + 4 + (length < end ? std::stoul(in.substr(length + 16)) : 0);
    }
    asked.method = in.substr(0, in.find(' '));
    asked.target = in.substr(asked.method.size() + 1, in.find(' ', asked.method.size() + 1) - asked.method.size() - 1);
    asked.head = in.substr(0, end);
    asked.body = in.substr(end + 4);
    {
      const std::lock_guard lock(mutex_);
      asked_.push_back(asked.method + " " + asked.target);
    }
    const std::string out = answer_(asked);
    if (out.empty()) {
      while (::recv(client, buffer, sizeof buffer, 0) > 0) continue;
      return;
    }
    for (std::size_t sent = 0; sent < out.size();) {
      const ssize_t size = ::send(client, out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
      if (size <= 0) return;
      sent += static_cast<std::size_t>(size);
    }
  }

  const Answer answer_;
  int listener_ = -1;
  std::string url_;
  std::thread thread_;
  mutable std::mutex mutex_;
  std::vector<std::string> asked_;
};

// Keystone's answer: a token with a catalog of these services, each at its URL.
inline std::string test_token(const std::string& id, const std::vector<std::pair<std::string, std::string>>& services,
                              int seconds = 3600) {
  std::string catalog;
  for (const auto& [type, url] : services) {
    catalog += (catalog.empty() ? "" : ",") + std::string(R"({"type":")") + type +
               R"(","endpoints":[{"interface":"admin","region_id":"one","url":"http://nowhere.invalid/"},)" +
               R"({"interface":"public","region_id":"one","url":")" + url + R"("}]})";
  }
  char until[64];
  std::snprintf(until, sizeof until, "2026-01-02T%02d:%02d:%02d.000000Z", 3 + seconds / 3600, seconds / 60 % 60,
                seconds % 60);
  return TestServer::answer(201,
                            R"({"token":{"issued_at":"2026-01-02T03:00:00.000000Z","expires_at":")" +
                                std::string(until) + R"(","project":{"id":"own"},"catalog":[)" + catalog + "]}}",
                            "X-Subject-Token: " + id + "\r\n");
}

}  // namespace tally::openstack

#endif
