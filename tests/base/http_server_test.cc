// The loopback server, asked over a real socket.
#include "base/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status.h"
#include "base/strings.h"
#include "support/http_get.h"

namespace tally {
namespace {

using ::testing::HasSubstr;

TEST(HttpServer, AnswersEachPathByItsHandlerAndNoOther) {
  HttpRoutes routes;
  routes["/metrics"] = [] { return HttpResponse{200, "text/plain; charset=utf-8", "a_total 1\n"}; };
  routes["/readyz"] = [] { return HttpResponse{503, "text/plain; charset=utf-8", "store is away\n"}; };
  auto server = HttpServer::open("127.0.0.1", 0, std::move(routes));
  ASSERT_TRUE(server.ok()) << server.status();
  const std::uint16_t port = (*server)->port();
  ASSERT_NE(port, 0);
  EXPECT_THAT(test::http_get(port, "/metrics?x=1"), testing::AllOf(HasSubstr("200"), HasSubstr("a_total 1")));
  EXPECT_THAT(test::http_get(port, "/readyz"), testing::AllOf(HasSubstr("503"), HasSubstr("store is away")));
  EXPECT_THAT(test::http_get(port, "/nothing"), testing::AllOf(HasSubstr("404"), HasSubstr("/metrics")));
  EXPECT_THAT(test::http_get(port, "/metrics", "POST"), testing::Not(HasSubstr("a_total")));
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
