// A bus and pollsters that do what a test says.
#ifndef TALLY_TESTS_AGENT_FAKES_H
#define TALLY_TESTS_AGENT_FAKES_H

#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/status.h"
#include "plugin/roles.h"
#include "support/fake_pollster.h"

namespace tally::agent {

using test::FakeDiscovery;
using test::FakePollster;

// A folder of the test's own.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tally-agent-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// What came to the bus, shared by the transport (which the outbox owns) and the test.
struct FakeBus {
  std::mutex mutex;
  std::condition_variable changed;
  bool away = false;
  bool stalled = false;                             // no publish comes back
  std::string refuse;                               // a body that the bus will never take
  std::vector<std::vector<std::string>> publishes;  // confirmed bodies, by call
  std::set<std::string> keys;                       // of all of them
  std::uint64_t attempts = 0;

  void set_stalled(bool value) {
    const std::lock_guard lock(mutex);
    stalled = value;
    changed.notify_all();
  }
  void set_away(bool value) {
    const std::lock_guard lock(mutex);
    away = value;
  }
  std::vector<std::string> bodies() {
    std::vector<std::string> all;
    for (const auto& call : publishes) all.insert(all.end(), call.begin(), call.end());
    return all;
  }
  // Waits for what the test expects; false after a time in which it should have come ten times over.
  bool wait(const std::function<bool()>& condition) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), condition);
  }
};

class FakeTransport : public plugin::TransportDriver {
 public:
  explicit FakeTransport(std::shared_ptr<FakeBus> bus) : bus_(std::move(bus)) {}
  absl::Status consume(std::uint32_t) override { return absl::OkStatus(); }
  absl::Status service(std::uint32_t, std::uint32_t, const plugin::ServiceEvents&) override { return absl::OkStatus(); }
  absl::Status settle(std::span<const Settlement>) override { return absl::OkStatus(); }
  absl::StatusOr<std::vector<absl::Status>> publish(std::span<const Outgoing> messages, std::uint32_t) override {
    std::unique_lock lock(bus_->mutex);
    if (messages.empty() && bus_->away) return transient("the fake bus is away");
    if (messages.empty()) return std::vector<absl::Status>();
    ++bus_->attempts;
    bus_->changed.notify_all();
    bus_->changed.wait(lock, [this] { return !bus_->stalled; });
    if (bus_->away) return transient("the fake bus is away");
    std::vector<absl::Status> results;
    bus_->publishes.emplace_back();
    for (const Outgoing& message : messages) {
      const bool refused = !bus_->refuse.empty() && message.body == bus_->refuse;
      bus_->keys.insert(message.key);
      results.push_back(refused ? permanent("never") : absl::OkStatus());
      if (!refused) bus_->publishes.back().push_back(message.body);
    }
    return results;
  }
  void wake() override {}
  absl::Status stop() override { return absl::OkStatus(); }

 private:
  std::shared_ptr<FakeBus> bus_;
};

inline Sample sample(const std::string& meter, const std::string& resource, int volume) {
  Sample made;
  made.name = meter;
  made.unit = "B";
  made.volume = Decimal(volume);
  made.resource_id = resource;
  return made;
}

}  // namespace tally::agent

#endif
