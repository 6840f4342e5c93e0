// What a guard remembers of calls, and what becomes of one that does not come back.
// Not for instances of real plugins: refusals_test.cc.
#include "plugin/supervise/guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "base/status.h"
#include "plugin/supervise/guarded.h"

namespace tally::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

// A clock that stands until it is moved.
struct Hand {
  std::chrono::steady_clock::time_point now{seconds(1000)};
};

plugin::GuardOptions options(const std::shared_ptr<Hand>& hand) {
  plugin::GuardOptions made;
  made.clock = [hand] { return hand->now; };
  made.quarantine_after = 3;
  made.first_pause = seconds(10);
  made.last_pause = seconds(30);
  made.absent_pause = seconds(60);
  return made;
}

TEST(Guard, QuarantinesWithGrowingPauses) {
  auto hand = std::make_shared<Hand>();
  plugin::Guard guard("pollster:x", options(hand));
  int changes = 0;
  guard.on_change = [&](const plugin::Guard&) { ++changes; };
  for (int i = 0; i < 2; ++i) guard.finished(transient("away"), seconds(1));
  EXPECT_EQ(guard.state(), plugin::State::on);
  EXPECT_TRUE(guard.finished(transient("away"), seconds(2)));
  EXPECT_EQ(guard.state(), plugin::State::quarantined);
  EXPECT_THAT(guard.reason(), HasSubstr("away"));
  for (const int pause_s : {10, 20, 30, 30}) {
    EXPECT_FALSE(guard.admit().ok());
    hand->now += seconds(pause_s) - milliseconds(1);
    EXPECT_FALSE(guard.admit().ok());
    hand->now += milliseconds(1);
    EXPECT_TRUE(guard.admit().ok());
    guard.finished(transient("still"), seconds(0));
  }
  hand->now += seconds(30);
  EXPECT_TRUE(guard.finished(absl::OkStatus(), seconds(0)));
  EXPECT_EQ(guard.state(), plugin::State::on);
  EXPECT_EQ(changes, 2);
  EXPECT_EQ(guard.statistics().calls, 8U);
  EXPECT_EQ(guard.statistics().errors, 7U);
  EXPECT_EQ(guard.statistics().errors_in_a_row, 0);
  EXPECT_EQ(guard.statistics().longest, seconds(2));
}

TEST(Guard, BadInputIsNotTheHandlersFault) {
  auto hand = std::make_shared<Hand>();
  plugin::GuardOptions made = options(hand);
  made.permanent_counts = false;
  plugin::Guard guard("notification:x", made);
  for (int i = 0; i < 20; ++i) guard.finished(permanent("bad message"), seconds(0));
  EXPECT_EQ(guard.state(), plugin::State::on);
  EXPECT_EQ(guard.statistics().errors, 20U);
  for (int i = 0; i < 3; ++i) guard.finished(absl::InternalError("no class"), seconds(0));
  EXPECT_EQ(guard.state(), plugin::State::quarantined);
}

TEST(Guard, AbsentIsLookedAtAgainSlowly) {
  auto hand = std::make_shared<Hand>();
  plugin::Guard guard("pollster:x", options(hand));
  EXPECT_TRUE(guard.finished(absent("no sensors"), seconds(0)));
  EXPECT_EQ(guard.state(), plugin::State::absent);
  EXPECT_EQ(guard.admit().code(), kAbsent);
  EXPECT_EQ(guard.statistics().errors, 0U);
  hand->now += seconds(60);
  EXPECT_TRUE(guard.admit().ok());
  EXPECT_FALSE(guard.finished(absent("no sensors"), seconds(0))) << "said once";
  EXPECT_FALSE(guard.admit().ok());
}

// Holds a call until the test lets it go.
struct Gatekeeper {
  std::mutex lock;
  std::condition_variable changed;
  bool open = false;
  void wait() {
    std::unique_lock held(lock);
    changed.wait(held, [this] { return open; });
  }
  void let_go() {
    const std::lock_guard held(lock);
    open = true;
    changed.notify_all();
  }
};

class Stuck : public plugin::Sampler {
 public:
  explicit Stuck(std::shared_ptr<Gatekeeper> gate) : gate_(std::move(gate)) {}
  absl::Status poll(const plugin::PollRequest&, plugin::PollResult& result) override {
    result.samples.emplace_back();
    gate_->wait();
    return absl::OkStatus();
  }

 private:
  std::shared_ptr<Gatekeeper> gate_;
};

TEST(Guarded, CallPastItsLimitIsGivenUp) {
  std::vector<std::string> told;
  plugin::GuardOptions made;
  made.limit = milliseconds(20);
  made.hangs = std::make_shared<plugin::HangCounter>([&](const std::string& plugin) { told.push_back(plugin); });
  auto gate = std::make_shared<Gatekeeper>();
  for (const char* name : {"pollster:one", "pollster:two"}) {
    auto guard = std::make_shared<plugin::Guard>(name, made);
    auto pollster =
        plugin::guarded(plugin::Factory<plugin::Sampler>([gate]() -> absl::StatusOr<std::unique_ptr<plugin::Sampler>> {
                          return std::make_unique<Stuck>(gate);
                        }),
                        guard);
    plugin::PollResult result;
    EXPECT_EQ(pollster->poll({}, result).code(), kHung);
    EXPECT_TRUE(result.samples.empty());
    EXPECT_EQ(guard->state(), plugin::State::failed);
    EXPECT_THAT(guard->reason(), HasSubstr("20ms"));
    EXPECT_EQ(pollster->poll({}, result).code(), kHung) << "never called again";
    EXPECT_EQ(told.size(), std::string(name) == "pollster:one" ? 0U : 1U) << "the second ends the process";
  }
  EXPECT_EQ(made.hangs->count(), 2);
  gate->let_go();  // the threads that were left alone touch nothing that is gone
}

class Counting : public plugin::Sampler {
 public:
  absl::Status poll(const plugin::PollRequest& request, plugin::PollResult& result) override {
    if (request.resources.empty()) return absent("nothing here");
    for (const Resource& resource : request.resources) {
      result.samples.emplace_back().resource_id = resource.id;
    }
    return absl::OkStatus();
  }
};

TEST(Guarded, InstanceIsMadeLazilyAndAnewAfterAbsent) {
  auto hand = std::make_shared<Hand>();
  auto guard = std::make_shared<plugin::Guard>("pollster:x", options(hand));
  int made = 0;
  auto pollster =
      plugin::guarded(plugin::Factory<plugin::Sampler>([&made]() -> absl::StatusOr<std::unique_ptr<plugin::Sampler>> {
                        ++made;
                        return std::make_unique<Counting>();
                      }),
                      guard);
  EXPECT_EQ(made, 0);
  std::vector<Resource> resources(2);
  resources[0].id = "a";
  resources[1].id = "b";
  plugin::PollResult result;
  ASSERT_TRUE(pollster->poll({Time{1}, 0, resources}, result).ok());
  ASSERT_EQ(result.samples.size(), 2U);
  EXPECT_EQ(result.samples[1].resource_id, "b");
  EXPECT_EQ(pollster->poll({}, result).code(), kAbsent);
  EXPECT_EQ(pollster->poll({Time{1}, 0, resources}, result).code(), kAbsent) << "not looked at yet";
  EXPECT_EQ(made, 1);
  hand->now += seconds(60);
  EXPECT_TRUE(pollster->poll({Time{1}, 0, resources}, result).ok());
  EXPECT_EQ(made, 2);
}

class Echo : public plugin::MessageHandler {
 public:
  absl::Status handle(const Notification& notification, wire::SampleList& samples) override {
    SampleView sample;
    sample.name = notification.event_type;
    samples.push_back(sample);
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<std::string>> claims() override { return std::vector<std::string>{"a.*"}; }
};

TEST(Guarded, HandlerRunsInPlaceWithinAJob) {
  auto guard = std::make_shared<plugin::Guard>("notification:x");
  const std::shared_ptr<plugin::MessageHandler> handler =
      plugin::guarded(plugin::Factory<plugin::MessageHandler>([] { return std::make_unique<Echo>(); }), guard);
  EXPECT_EQ(*handler->claims(), std::vector<std::string>{"a.*"});
  auto samples = std::make_shared<wire::SampleList>();
  Notification message;
  message.event_type = "a.b";
  ASSERT_TRUE(handler->handle(message, *samples).ok());
  plugin::Worker worker;
  EXPECT_TRUE(worker
                  .run([handler, samples] {
                    Notification inner;
                    inner.event_type = "a.c";
                    EXPECT_TRUE(plugin::Worker::on_worker());
                    EXPECT_TRUE(handler->handle(inner, *samples).ok());
                  })
                  .ok());
  ASSERT_EQ(samples->size(), 2U);
  EXPECT_EQ((*samples)[0].name, "a.b");
  EXPECT_EQ((*samples)[1].name, "a.c");
  EXPECT_EQ(guard->statistics().calls, 3U);
}

TEST(Worker, HasANewThreadAfterAHang) {
  plugin::GuardOptions made;
  made.limit = milliseconds(20);
  auto guard = std::make_shared<plugin::Guard>("notification:x", made);
  auto gate = std::make_shared<Gatekeeper>();
  auto worker = std::make_shared<plugin::Worker>();
  EXPECT_EQ(worker
                ->run([guard, gate, worker] {
                  (void)plugin::guarded_call(*guard, *worker, [gate] {
                    gate->wait();
                    return absl::OkStatus();
                  });
                })
                .code(),
            kHung);
  int ran = 0;
  EXPECT_TRUE(worker->run([&ran] { ++ran; }).ok());
  EXPECT_EQ(ran, 1);
  gate->let_go();
}

}  // namespace
}  // namespace tally::test
