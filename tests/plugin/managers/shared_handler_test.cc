#include "plugin/managers/shared_handler.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

#include "base/status.h"

namespace tally::test {
namespace {

using std::chrono::milliseconds;

struct Seen {
  std::atomic<int> made = 0, inside = 0, most = 0, calls = 0;
  std::latch entered{1}, leave{1};
};

// Says "absent" to the event type "absent"; stays in a call of "stay" until it is let go.
class Only final : public plugin::MessageHandler {
 public:
  explicit Only(Seen& seen) : seen_(seen) { ++seen_.made; }

  absl::Status handle(const Notification& notification, wire::SampleList&) override {
    const int now = ++seen_.inside;
    int most = seen_.most;
    while (now > most && !seen_.most.compare_exchange_weak(most, now)) {
    }
    ++seen_.calls;
    if (notification.event_type == "stay") {
      seen_.entered.count_down();
      seen_.leave.wait();
    }
    std::this_thread::yield();
    --seen_.inside;
    return notification.event_type == "absent" ? absent("gone") : absl::OkStatus();
  }
  absl::StatusOr<std::vector<std::string>> claims() override { return std::vector<std::string>{"a.*"}; }

 private:
  Seen& seen_;
};

plugin::Factory<plugin::MessageHandler> factory(Seen& seen, milliseconds patience = milliseconds(60'000)) {
  return plugin::shared_handler([&seen] { return std::make_unique<Only>(seen); }, patience);
}

absl::Status handle(plugin::MessageHandler& handler, std::string_view event_type) {
  Notification notification;
  notification.event_type = event_type;
  wire::SampleList samples;
  return handler.handle(notification, samples);
}

TEST(SharedHandler, IsOneInstanceThatNoTwoThreadsCallAtOnce) {
  Seen seen;
  const auto make = factory(seen);
  std::vector<std::thread> workers;
  for (int i = 0; i < 4; ++i) {
    workers.emplace_back([&make] {
      auto handler = make();
      ASSERT_TRUE(handler.ok());
      EXPECT_EQ((*handler)->claims()->at(0), "a.*");
      for (int n = 0; n < 500; ++n) EXPECT_TRUE(handle(**handler, "a.b").ok());
    });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(seen.made, 1);
  EXPECT_EQ(seen.most, 1);
  EXPECT_EQ(seen.calls, 2000);
}

TEST(SharedHandler, IsMadeAnewForAllAfterItWasAbsent) {
  Seen seen;
  const auto make = factory(seen);
  auto one = *make(), other = *make();
  EXPECT_EQ(handle(*one, "absent").code(), kAbsent);
  EXPECT_TRUE(handle(*other, "a.b").ok());
  EXPECT_TRUE(handle(*one, "a.b").ok());
  EXPECT_EQ(seen.made, 2);
}

TEST(SharedHandler, WhoWaitsTooLongIsTriedAgainLater) {
  Seen seen;
  const auto make = factory(seen, milliseconds(10));
  auto one = *make(), other = *make();
  std::thread worker([&] { EXPECT_TRUE(handle(*one, "stay").ok()); });
  seen.entered.wait();
  EXPECT_EQ(handle(*other, "a.b").code(), kTransient);
  seen.leave.count_down();
  worker.join();
  EXPECT_TRUE(handle(*other, "a.b").ok());
}

}  // namespace
}  // namespace tally::test
