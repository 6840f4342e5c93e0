// Pollsters on their timers: what they are given, what becomes of their samples, and who waits for whom.
#include "agent/agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "agent/fakes.h"
#include "wire/envelope.h"

namespace tally::agent {
namespace {

using ::testing::HasSubstr;

PollsterSource source(const std::string& name, FakePollster::Act act, std::int64_t interval_us = 20'000) {
  PollsterSource made;
  made.name = name;
  made.version = "1.0.0";
  made.poll_namespace = "host";
  made.interval_us = interval_us;
  made.fingerprint = name;
  made.make = [act] { return std::make_unique<FakePollster>(act); };
  return made;
}

class AgentTest : public testing::Test {
 protected:
  void SetUp() override {
    auto outbox = Outbox::open(std::make_unique<FakeTransport>(bus_), {.spool_folder = folder_.path() / "spool"});
    ASSERT_TRUE(outbox.ok()) << outbox.status();
    outbox_ = std::move(*outbox);
    outbox_->start();
  }
  std::vector<Sample> received() {
    std::vector<Sample> samples;
    const std::lock_guard lock(bus_->mutex);
    for (const std::string& body : bus_->bodies()) {
      wire::Decoder decoder;
      const auto message = decoder.read(body);
      EXPECT_TRUE(message.ok()) << message.status();
      auto read = wire::decode_samples(**message);
      EXPECT_TRUE(read.ok()) << read.status();
      for (auto& one : *read) samples.push_back(*one);
    }
    return samples;
  }

  Folder folder_;
  std::shared_ptr<FakeBus> bus_ = std::make_shared<FakeBus>();
  std::unique_ptr<Outbox> outbox_;
};

TEST_F(AgentTest, SamplesArriveWithIdTimeAndSourceInEnvelopesOfAtMostAHundred) {
  Sources sources;
  sources.pollsters.push_back(source(
      "many",
      [](const plugin::PollRequest&, plugin::PollResult& result) {
        for (int at = 0; at < 250; ++at) result.samples.push_back(sample("m", "r" + std::to_string(at), at));
        return absl::OkStatus();
      },
      3'600'000'000));
  Agent agent({.source = "here", .host = "h1", .at_once = true}, std::move(sources), *outbox_);
  agent.start();
  ASSERT_TRUE(bus_->wait([&] { return bus_->bodies().size() >= 3; }));
  agent.stop();
  outbox_->stop(10'000);
  EXPECT_EQ(bus_->bodies().size(), 3u);
  const std::vector<Sample> samples = received();
  ASSERT_EQ(samples.size(), 250u);
  for (const Sample& one : samples) {
    EXPECT_EQ(one.id.size(), 32u);
    EXPECT_EQ(one.source, "here");
    EXPECT_EQ(one.timestamp, samples.front().timestamp);
  }
}

TEST_F(AgentTest, SignsWithTheSecretOfItsSourcesAlsoAfterAReload) {
  const auto sources = [](const std::string& secret) {
    Sources made;
    made.pollsters.push_back(source("one", [](const plugin::PollRequest&, plugin::PollResult& result) {
      result.samples.push_back(sample("m", "r", 1));
      return absl::OkStatus();
    }));
    made.telemetry_secret = secret;
    return made;
  };
  // Whether the newest message is signed with `secret`. REQUIRES: the bus's lock.
  const auto newest_is_signed = [this](const char* secret) {
    const std::vector<std::string> bodies = bus_->bodies();
    if (bodies.empty()) return false;
    wire::Decoder decoder;
    const auto message = decoder.read(bodies.back());
    if (!message.ok()) return false;
    const auto read = wire::decode_samples(**message, secret);
    return read.ok() && read->front().ok();
  };
  Agent agent({.at_once = true}, sources("first"), *outbox_);
  agent.start();
  EXPECT_TRUE(bus_->wait([&] { return newest_is_signed("first"); }));
  agent.reload(sources("second"));
  EXPECT_TRUE(bus_->wait([&] { return newest_is_signed("second") && !newest_is_signed("first"); }));
  agent.stop();
}

TEST_F(AgentTest, ASlowPollsterDelaysOnlyItself) {
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  std::atomic<int> fast{0};
  Sources sources;
  sources.pollsters.push_back(source("slow", [released](const plugin::PollRequest&, plugin::PollResult&) {
    released.wait();
    return absl::OkStatus();
  }));
  sources.pollsters.push_back(source("fast", [&](const plugin::PollRequest&, plugin::PollResult& result) {
    result.samples.push_back(sample("fast", "r", ++fast));
    return absl::OkStatus();
  }));
  Agent agent({}, std::move(sources), *outbox_);
  agent.start();
  EXPECT_TRUE(bus_->wait([&] { return bus_->bodies().size() >= 10; }));
  release.set_value();
  agent.stop();
  EXPECT_GE(fast.load(), 10);
  EXPECT_GT(agent.status().skipped_cycles, 0u);
}

TEST_F(AgentTest, AFaultOfAPollIsCountedAndTheOtherSamplesAreSentInEveryCycle) {
  Sources sources;
  sources.pollsters.push_back(source("odd", [](const plugin::PollRequest&, plugin::PollResult& result) {
    result.samples.push_back(sample("odd", "good", 1));
    result.faults.push_back({"bad", transient("the sample \"odd\" is left out: its name is empty")});
    return absl::OkStatus();
  }));
  Agent agent({.at_once = true}, std::move(sources), *outbox_);
  agent.start();
  ASSERT_TRUE(bus_->wait([&] { return bus_->bodies().size() >= 5; }));
  agent.stop();
  const AgentStatus status = agent.status();
  EXPECT_EQ(status.plugins[0].state, "on");
  EXPECT_EQ(status.errors, 0u);
  EXPECT_GE(status.faults, 5u);
  EXPECT_EQ(status.faults, status.cycles);
  EXPECT_NE(status_json(status, {}).find("\"faults\":" + std::to_string(status.faults)), std::string::npos);
}

TEST_F(AgentTest, ALargeSampleTravelsWithoutTheOthers) {
  Sources sources;
  sources.pollsters.push_back(source("large", [](const plugin::PollRequest&, plugin::PollResult& result) {
    for (int i = 0; i < 5; ++i) {
      result.samples.push_back(sample("m", "r" + std::to_string(i), i));
      if (i == 2) result.samples[2].resource_metadata = "{\"a\":\"" + std::string(800'000, 'x') + "\"}";
    }
    return absl::OkStatus();
  }));
  Agent agent({.at_once = true}, std::move(sources), *outbox_);
  agent.start();
  std::vector<std::string> bodies;  // copied under the bus's lock: the outbox goes on
  ASSERT_TRUE(bus_->wait([&] { return (bodies = bus_->bodies()).size() >= 3; }));
  agent.stop();
  std::vector<std::size_t> counts;
  for (const std::string& body : bodies) {
    wire::Decoder decoder;
    const auto message = decoder.read(body);
    ASSERT_TRUE(message.ok());
    counts.push_back(wire::decode_samples(**message, "")->size());
  }
  counts.resize(3);
  EXPECT_EQ(counts, (std::vector<std::size_t>{2, 1, 2}));
}

TEST_F(AgentTest, AbsentTurnsItOffWithItsReason) {
  Sources sources;
  sources.pollsters.push_back(
      source("gone", [](const plugin::PollRequest&, plugin::PollResult&) { return absent("no sensors"); }));
  sources.pollsters.push_back(source("other", [](const plugin::PollRequest&, plugin::PollResult& result) {
    result.samples.push_back(sample("other", "r", 1));
    return absl::OkStatus();
  }));
  PollsterSource off;
  off.name = "off";
  off.state = "disabled";
  off.reason = "agent.yaml:3";
  sources.pollsters.push_back(off);
  Agent agent({.at_once = true}, std::move(sources), *outbox_);
  agent.start();
  ASSERT_TRUE(bus_->wait([&] { return bus_->bodies().size() >= 5; }));
  agent.stop();
  const AgentStatus status = agent.status();
  ASSERT_EQ(status.plugins.size(), 3u);
  EXPECT_EQ(status.plugins[0].state, "absent");
  EXPECT_EQ(status.plugins[0].reason, "no sensors");
  EXPECT_EQ(status.plugins[1].state, "disabled");
  EXPECT_EQ(status.plugins[1].reason, "agent.yaml:3");
  EXPECT_EQ(status.plugins[2].state, "on");
}

TEST_F(AgentTest, DisabledMetersDoNotLeave) {
  Sources sources;
  sources.disabled_meters = {"disk.*"};
  sources.pollsters.push_back(source("both", [](const plugin::PollRequest&, plugin::PollResult& result) {
    result.samples = {sample("disk.read", "r", 1), sample("cpu", "r", 1)};
    return absl::OkStatus();
  }));
  Agent agent({.at_once = true}, std::move(sources), *outbox_);
  agent.start();
  ASSERT_TRUE(bus_->wait([&] { return bus_->bodies().size() >= 2; }));
  agent.stop();
  outbox_->stop(10'000);
  for (const Sample& one : received()) EXPECT_EQ(one.name, "cpu");
}

TEST_F(AgentTest, AReloadKeepsTheInstanceThatDidNotChange) {
  std::atomic<int> made{0};
  const auto counted = [&](const std::string& fingerprint) {
    PollsterSource one = source("p", [](const plugin::PollRequest&, plugin::PollResult& result) {
      result.samples.push_back(sample("m", "r", 1));
      return absl::OkStatus();
    });
    one.fingerprint = fingerprint;
    one.make = [&made, make = one.make] { return ++made, make(); };
    Sources sources;
    sources.pollsters.push_back(one);
    return sources;
  };
  Agent agent({.at_once = true}, counted("a"), *outbox_);
  agent.start();
  ASSERT_TRUE(bus_->wait([&] { return bus_->bodies().size() >= 2; }));
  agent.reload(counted("a"));
  std::size_t before = 0;
  ASSERT_TRUE(bus_->wait([&] { return (before = bus_->bodies().size()) > 0; }));
  ASSERT_TRUE(bus_->wait([&] { return bus_->bodies().size() >= before + 2; }));
  EXPECT_EQ(made.load(), 1);
  agent.reload(counted("b"));
  ASSERT_TRUE(bus_->wait([&] { return bus_->bodies().size() >= before + 6; }));
  agent.stop();
  EXPECT_EQ(made.load(), 2);
}

TEST_F(AgentTest, MetricsNameBusAndPluginsAsACollectorDoes) {
  Sources sources;
  PollsterSource off = source("off", nullptr);
  off.state = "disabled";
  off.reason = "by the configuration";
  sources.pollsters.push_back(off);
  sources.pollsters.push_back(source("p", [](const plugin::PollRequest&, plugin::PollResult& result) {
    result.samples.push_back(sample("m", "r", 1));
    return absl::OkStatus();
  }));
  Agent agent({.at_once = true}, std::move(sources), *outbox_);
  agent.start();
  ASSERT_TRUE(bus_->wait([&] { return !bus_->bodies().empty(); }));
  agent.stop();
  outbox_->stop(10'000);
  MetricsPage page;
  status_metrics(agent.status(), page);
  EXPECT_THAT(page.text(), HasSubstr("tally_plugin_state{plugin=\"pollster:off\",state=\"disabled\"} 1\n"));
  EXPECT_THAT(page.text(), HasSubstr("tally_plugin_state{plugin=\"pollster:p\",state=\"on\"} 1\n"));
  EXPECT_THAT(page.text(), HasSubstr("tally_bus_connected{bus=\"\"} 1\n"));
  EXPECT_THAT(page.text(), HasSubstr("tally_agent_samples_total{outcome=\"sent\"} "));
}

}  // namespace
}  // namespace tally::agent
