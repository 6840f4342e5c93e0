// Who else takes from the services' queues: other programs are warned of, Tally's own collectors are not.
// Not for how many messages wait: test.cc.
#include <gmock/gmock.h>

#include "test_rig.h"

namespace tally::plugin {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class AmqpSharing : public AmqpTest {
 protected:
  AmqpSharing() { raw_.declare_queue(queue()); }

  std::unique_ptr<TransportDriver> collector(const std::string& url = broker_url()) {
    auto made = rig_.open(url, {{"depth_every", "0.3"}});
    EXPECT_TRUE(made.ok()) << made.status();
    EXPECT_TRUE((*made)->consume(10).ok());
    return *std::move(made);
  }

  std::string marker() const { return "tally.collectors." + queue(); }
  const std::string& warning() { return depths_[queue()].warning; }
};

TEST_F(AmqpSharing, AnotherProgramsConsumerIsWarnedOfUntilItHasGone) {
  auto other = std::make_unique<RawClient>();
  other->consume(queue());
  const auto ours = collector();
  pump(*ours, [&] { return !warning().empty(); });
  EXPECT_THAT(warning(), HasSubstr("1 of its 2 consumers is not Tally's"));
  EXPECT_THAT(warning(), HasSubstr("queues: own"));
  std::map<std::string, Queue> told;
  ASSERT_TRUE(rig_.AmqpRig::make({})->inspect(5000, [&](const Queue& one) { told[one.name] = one; }).ok());
  EXPECT_EQ(told[queue()].warning, warning()) << "a person who asks is told the same";
  other.reset();
  pump(*ours, [&] { return depths_[queue()].consumers == 1U; });
  EXPECT_THAT(warning(), IsEmpty());
}

TEST_F(AmqpSharing, CollectorsOfTallyAreKnownToEachOther) {
  const auto first = collector();
  pump(*first, [&] { return depths_[queue()].consumers == 1U; });
  EXPECT_FALSE(raw_.has_queue(marker())) << "one alone leaves no trace at the broker";
  const auto second = collector();
  const auto both = [&](auto&& done) {
    pump(*first, [&] { return second->service(100, 20, events_).ok() && done(); });
  };
  // A slow broker may take longer for a marker than three looks: what one says of the other until then is not asked.
  both([&] { return raw_.consumers(marker()) == 2 && depths_[queue()].consumers == 2U && warning().empty(); });
  int looks = 0;
  events_.queue = [&](const Queue& state) {
    depths_[state.name] = state;
    if (state.name == queue() && state.consumers == 2U) looks = state.warning.empty() ? looks + 1 : 0;
  };
  both([&] { return looks > 8; });  // four in a row of each, where three with others would warn
  EXPECT_EQ(raw_.consumers(marker()), 2);

  RawClient other;
  other.consume(queue());
  events_.queue = [&](const Queue& state) { depths_[state.name] = state; };
  both([&] { return !warning().empty(); });
  EXPECT_THAT(warning(), HasSubstr("1 of its 3 consumers is not Tally's"));
  std::map<std::string, Queue> told;
  ASSERT_TRUE(rig_.AmqpRig::make({})->inspect(5000, [&](const Queue& one) { told[one.name] = one; }).ok());
  EXPECT_THAT(told[queue()].warning, HasSubstr("1 of its 3 consumers is not Tally's"));
}

TEST_F(AmqpSharing, TheMarkIsMadeAgainAfterACut) {
  RawClient other;
  other.consume(queue());
  Proxy proxy;
  const auto ours = collector(broker_url(proxy.hosts()));
  pump(*ours, [&] { return !warning().empty(); });
  ASSERT_TRUE(raw_.has_queue(marker()));
  proxy.cut();
  pump(*ours, [&] { return counts_["connections"] == 2; });
  depths_.clear();
  pump(*ours, [&] { return depths_[queue()].consumers == 2U && raw_.consumers(marker()) == 1; });
  EXPECT_THAT(warning(), HasSubstr("1 of its 2 consumers is not Tally's"));
}

TEST_F(AmqpSharing, AUserWhoMayNotMakeTheMarkIsToldWhatIsMissing) {
  const std::string user = rig_.prefix + "reader";
  ASSERT_TRUE(broker_ctl("add_user " + user + " secret"));
  ASSERT_TRUE(broker_ctl("set_permissions -p / " + user + " '' '' '.*notifications.*'"));
  RawClient other;
  other.consume(queue());
  const std::string whole = broker_url();
  const auto ours = collector("amqp://" + user + ":secret@" + whole.substr(whole.find('@') + 1));
  pump(*ours, [&] { return !warning().empty(); });
  EXPECT_THAT(warning(), HasSubstr("it has 2 consumers"));
  EXPECT_THAT(warning(), HasSubstr("ACCESS_REFUSED"));
  EXPECT_THAT(warning(), HasSubstr(marker()));
  raw_.publish("", queue(), "x");
  raw_.publish("", queue(), "x");
  pump(*ours, [&] { return !got_.empty(); });
  EXPECT_TRUE(broker_ctl("delete_user " + user));
}

TEST_F(AmqpSharing, OurOwnQueueMayHaveAnyConsumer) {
  const std::string own = "tally." + rig_.prefix + "notifications";
  raw_.declare_exchange(rig_.exchange());
  auto made = rig_.AmqpRig::make(rig_.own({{"depth_every", "0.05"}}));
  ASSERT_TRUE(made->consume(10).ok());
  pump(*made, [&] { return depths_[own].consumers == 1U; });
  RawClient other;
  other.consume(own);
  int looks = 0;
  events_.queue = [&](const Queue& state) {
    looks += state.consumers == 2U ? 1 : 0;
    EXPECT_THAT(state.warning, IsEmpty());
  };
  pump(*made, [&] { return looks > 6; });
}

}  // namespace
}  // namespace tally::plugin
