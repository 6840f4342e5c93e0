// The pages of a program, asked over a real socket.
#include "daemon/pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "support/http_get.h"

namespace tally::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class PagesTest : public testing::Test {
 protected:
  void SetUp() override {
    daemon::Pages pages;
    pages.metrics = [](MetricsPage& page) {
      page.family("a_total", "counter", "Its own.");
      page.value({}, std::uint64_t{1});
    };
    pages.not_ready = [this] { return reasons_; };
    pages.status = [](const daemon::ProcessIdentity& identity) { return R"({"program":")" + identity.program + "\"}"; };
    auto server = HttpServer::open("127.0.0.1", 0, daemon::page_routes({"tally-test", "1.2.3"}, hangs_, pages));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  std::string get(const std::string& path, const std::string& method = "GET") const {
    return http_get(server_->port(), path, method);
  }

  std::vector<std::string> reasons_ = {"store is away"};
  std::shared_ptr<plugin::HangCounter> hangs_ = std::make_shared<plugin::HangCounter>();
  std::unique_ptr<HttpServer> server_;
};

TEST_F(PagesTest, AnswerWhatTheProgramSays) {
  EXPECT_THAT(get("/metrics"), HasSubstr("a_total 1"));
  EXPECT_THAT(get("/healthz"), HasSubstr("200"));
  EXPECT_THAT(get("/readyz"), AllOf(HasSubstr("503"), HasSubstr("store is away")));
  EXPECT_THAT(get("/status?x=1"), HasSubstr(R"({"program":"tally-test"})"));
  EXPECT_THAT(get("/nothing"), AllOf(HasSubstr("404"), HasSubstr("/metrics")));
  EXPECT_THAT(get("/status", "POST"), Not(HasSubstr("tally-test")));
}

TEST_F(PagesTest, ShowWhatMeansTheSameInEveryProgram) {
  EXPECT_THAT(get("/metrics"), AllOf(HasSubstr(R"(tally_build_info{program="tally-test",version="1.2.3"} 1)"),
                                     HasSubstr("tally_ready 0"), HasSubstr("tally_plugin_hung_calls_total 0"),
                                     HasSubstr("process_open_fds ")));
  reasons_.clear();
  hangs_->hung("pollster:one");
  EXPECT_THAT(get("/metrics"), AllOf(HasSubstr("tally_ready 1"), HasSubstr("tally_plugin_hung_calls_total 1")));
  EXPECT_THAT(get("/readyz"), AllOf(HasSubstr("200"), HasSubstr("ready")));
  EXPECT_THAT(get("/metrics"), AllOf(HasSubstr(R"(tally_http_requests_total{page="/metrics"} 3)"),
                                     HasSubstr(R"(tally_http_requests_total{page="/readyz"} 1)")));
}

TEST_F(PagesTest, CountTheLinesOfTheLog) {
  const std::uint64_t before = log::lines(log::Level::warning);
  log::warning("one line of this test");
  log::flush();
  EXPECT_THAT(get("/metrics"),
              HasSubstr(R"(tally_log_lines_total{level="warning"} )" + std::to_string(before + 1) + "\n"));
}

TEST(Pages, AreNotServedWhereTheConfigurationSaysNone) {
  const auto server = daemon::serve_pages({}, {}, nullptr, {});
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ(*server, nullptr);
}

}  // namespace
}  // namespace tally::test
