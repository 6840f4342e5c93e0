// The loopback server, asked over a real socket.
#include "base/http_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/status.h"
#include "base/strings.h"

namespace tally {
namespace {

using ::testing::HasSubstr;

std::string get(std::uint16_t port, const std::string& path, const std::string& method = "GET") {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  std::string answer;
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    const std::string request = method + " " + path + " HTTP/1.0\r\n\r\n";
    EXPECT_EQ(write(fd, request.data(), request.size()), static_cast<ssize_t>(request.size()));
    char buffer[4096];
    for (ssize_t n = 0; (n = read(fd, buffer, sizeof buffer)) > 0;) answer.append(buffer, static_cast<std::size_t>(n));
  }
  close(fd);
  return answer;
}

TEST(HttpServer, AnswersTheServicePages) {
  std::vector<std::string> reasons = {"store is away"};
  ServicePages pages;
  pages.metrics = [] { return std::string("a_total 1\n"); };
  pages.not_ready = [&reasons] { return reasons; };
  pages.status = [] { return std::string(R"({"state":"running"})"); };
  auto server = HttpServer::open("127.0.0.1", 0, service_routes(pages));
  ASSERT_TRUE(server.ok()) << server.status();
  const std::uint16_t port = (*server)->port();
  ASSERT_NE(port, 0);
  EXPECT_THAT(get(port, "/metrics"), HasSubstr("a_total 1"));
  EXPECT_THAT(get(port, "/healthz"), HasSubstr("200"));
  EXPECT_THAT(get(port, "/readyz"), testing::AllOf(HasSubstr("503"), HasSubstr("store is away")));
  EXPECT_THAT(get(port, "/status?x=1"), HasSubstr(R"({"state":"running"})"));
  EXPECT_THAT(get(port, "/nothing"), testing::AllOf(HasSubstr("404"), HasSubstr("/metrics")));
  EXPECT_THAT(get(port, "/status", "POST"), testing::Not(HasSubstr("running")));
}

TEST(HttpServer, APortInUseIsATransientErrorThatNamesIt) {
  auto first = HttpServer::open("127.0.0.1", 0, {});
  ASSERT_TRUE(first.ok());
  const auto second = HttpServer::open("127.0.0.1", (*first)->port(), {});
  EXPECT_EQ(second.status().code(), kTransient);
  EXPECT_THAT(std::string(to_std(second.status().message())),
              testing::AllOf(HasSubstr(std::to_string((*first)->port())), HasSubstr("another program")));
}

TEST(HttpServer, OnlyLoopbackAddresses) {
  EXPECT_EQ(HttpServer::open("0.0.0.0", 0, {}).status().code(), kPermanent);
  EXPECT_EQ(HttpServer::open("localhost.example.com", 0, {}).status().code(), kPermanent);
}

}  // namespace
}  // namespace tally
