// The handler "http_request" on messages as the middleware of services writes them.
// Not for dispatch: the handler is called directly.
#include "support/notification_fixture.h"

namespace {

using tally::test::handle;
using tally::test::make_handler;
using tally::test::message;

constexpr const char* kPayload =
    R"({"request": {"HTTP_X_USER_ID": "u", "HTTP_X_PROJECT_ID": "p", "HTTP_X_SERVICE_NAME": "nova", "PATH_INFO": "/v2"}})";

TEST(HttpRequest, CountsOneForTheService) {
  auto handler = make_handler("http_request", {});
  ASSERT_TRUE(handler.ok()) << handler.status();
  for (const std::string kind : {"request", "response"}) {
    const std::string type = "http." + kind;
    const auto handled = handle(**handler, message(type, kPayload));
    ASSERT_TRUE(handled.status.ok()) << handled.status;
    ASSERT_EQ(handled.samples.size(), 1U);
    const tally::Sample& sample = handled.samples[0];
    EXPECT_EQ(sample.name, type);
    EXPECT_EQ(sample.unit, kind);
    EXPECT_EQ(sample.type, tally::SampleType::delta);
    EXPECT_EQ(sample.volume, 1);
    EXPECT_EQ(sample.resource_id, "nova");
    EXPECT_EQ(sample.user_id, "u");
    EXPECT_EQ(sample.project_id, "p");
    EXPECT_NE(sample.resource_metadata.find(R"("PATH_INFO": "/v2"})"), std::string::npos) << sample.resource_metadata;
  }
}

TEST(HttpRequest, WithoutItsServiceThereIsNoSampleAndItIsCounted) {
  auto handler = make_handler("http_request", {});
  ASSERT_TRUE(handler.ok()) << handler.status();
  for (const char* payload : {"{}", "null", "[1]", R"({"request": {"HTTP_X_SERVICE_NAME": null}})"}) {
    const auto handled = handle(**handler, message("http.request", payload));
    EXPECT_TRUE(handled.status.ok()) << payload << handled.status;
    EXPECT_TRUE(handled.samples.empty());
    ASSERT_EQ(handled.skips.size(), 1U);
    EXPECT_EQ(handled.skips[0].what, "http.request");
    EXPECT_NE(handled.skips[0].why.find("HTTP_X_SERVICE_NAME"), std::string::npos);
  }
  EXPECT_EQ(handle(**handler, message("http.request", "{")).status.code(), tally::kPermanent);
}

TEST(HttpRequest, NumbersAreTheTextsOfThem) {
  auto handler = make_handler("http_request", {});
  ASSERT_TRUE(handler.ok()) << handler.status();
  const auto handled =
      handle(**handler, message("http.request", R"({"request": {"HTTP_X_SERVICE_NAME": 5, "HTTP_X_PROJECT_ID": 12}})"));
  ASSERT_EQ(handled.samples.size(), 1U) << handled.status;
  EXPECT_EQ(handled.samples[0].resource_id, "5");
  EXPECT_EQ(handled.samples[0].project_id, "12");
}

TEST(HttpRequest, LeavesOtherMessagesAlone) {
  auto handler = make_handler("http_request", {});
  ASSERT_TRUE(handler.ok()) << handler.status();
  EXPECT_EQ(handle(**handler, message("http.other", kPayload)).status.code(), tally::kUnclaimed);
}

}  // namespace
