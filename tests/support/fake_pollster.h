// A pollster and a discovery that do what a test says.
// Not for plugins in files: tests/fixtures.
#ifndef TALLY_TESTS_SUPPORT_FAKE_POLLSTER_H
#define TALLY_TESTS_SUPPORT_FAKE_POLLSTER_H

#include <functional>
#include <utility>
#include <vector>

#include "plugin/roles.h"

namespace tally::test {

class FakePollster : public plugin::Sampler {
 public:
  using Act = std::function<absl::Status(const plugin::PollRequest&, plugin::PollResult&)>;
  explicit FakePollster(Act act) : act_(std::move(act)) {}
  absl::Status poll(const plugin::PollRequest& request, plugin::PollResult& result) override {
    return act_(request, result);
  }

 private:
  Act act_;
};

class FakeDiscovery : public plugin::ResourceFinder {
 public:
  using Act = std::function<absl::StatusOr<std::vector<Resource>>()>;
  explicit FakeDiscovery(Act act) : act_(std::move(act)) {}
  absl::StatusOr<std::vector<Resource>> discover() override { return act_(); }

 private:
  Act act_;
};

}  // namespace tally::test

#endif
