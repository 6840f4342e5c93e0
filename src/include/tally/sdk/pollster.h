// Roles "pollster" and "discovery": measure on a timer what nobody announces, and find what there is to measure.
// Not for what a service announces: that is NotificationHandler.
#ifndef TALLY_SDK_POLLSTER_H
#define TALLY_SDK_POLLSTER_H

#include <tally/abi/pollster.h>
#include <tally/model/resource.h>
#include <tally/model/time.h>
#include <tally/sdk/boundary.h>
#include <tally/sdk/convert.h>
#include <tally/sdk/emitter.h>

#include <chrono>
#include <string_view>
#include <vector>

namespace tally {

// One cycle; lives for the call.
class Poll {
 public:
  explicit Poll(const tally_poll& poll) : time{poll.time_us}, monotonic(poll.monotonic_ns), faults_(poll.faults) {
    resources.reserve(poll.resource_count);
    for (std::size_t i = 0; i < poll.resource_count; ++i) {
      const auto* bytes = reinterpret_cast<const char*>(poll.resources) + i * poll.resource_size;
      const auto& from = *reinterpret_cast<const tally_resource*>(bytes);
      resources.push_back(from_c(from).copy());
    }
  }

  Time time;                           // UTC: the timestamp of every sample that names none
  std::chrono::nanoseconds monotonic;  // CLOCK_MONOTONIC at the cycle's start
  std::vector<Resource> resources;     // from the discovery that the manifest names; else empty

  // One resource failed, the others go on. Permanent: not polled again by this pollster until it is discovered again;
  // transient: next cycle again; absent: it vanished, which is normal.
  void fault(std::string_view resource_id, const Error& error) const {
    if (faults_ == nullptr || faults_->fault == nullptr) return;
    faults_->fault(faults_->context, to_c(resource_id), static_cast<std::int32_t>(error.outcome()),
                   to_c(std::string_view(error.what())));
  }

 private:
  const tally_resource_faults* faults_;
};

class Pollster {
 public:
  virtual ~Pollster() = default;

  // Measures once. What was emitted before an error is kept; but an error makes the host poll less often, so that what
  // one resource or sample is at fault for is Poll::fault, and the rest goes on.
  virtual void poll(const Poll& poll, Emitter& emit) = 0;
};

// Takes what a discovery finds, during the call.
class Found {
 public:
  explicit Found(const tally_found& found) : found_(found) {}

  void operator()(const Resource& resource) {
    const tally_resource out = to_c(resource);
    detail::HostAnswer answer;
    answer.check(found_.resource(found_.context, &out, &answer.error));
  }

 private:
  const tally_found& found_;
};

class Discovery {
 public:
  virtual ~Discovery() = default;

  // Names every resource there is now; asked once a cycle.
  virtual void discover(Found& found) = 0;
};

namespace detail {

template <class Plugin>
struct PollsterRole {
  static constexpr std::int32_t kRole = TALLY_ROLE_POLLSTER;

  static std::int32_t poll(void* instance, const tally_poll* poll, const tally_emitter* emitter,
                           tally_error* error) noexcept {
    return guarded(error, [&] {
      Emitter emit(*emitter, Emitter::Refusal::counted);
      static_cast<Pollster*>(instance)->poll(Poll(*poll), emit);
    });
  }

  static constexpr tally_pollster_table kTable = {sizeof(tally_pollster_table), create<Plugin, Pollster>,
                                                  destroy<Pollster>, poll};
};

template <class Plugin>
struct DiscoveryRole {
  static constexpr std::int32_t kRole = TALLY_ROLE_DISCOVERY;

  static std::int32_t discover(void* instance, const tally_found* found, tally_error* error) noexcept {
    return guarded(error, [&] {
      Found take(*found);
      static_cast<Discovery*>(instance)->discover(take);
    });
  }

  static constexpr tally_discovery_table kTable = {sizeof(tally_discovery_table), create<Plugin, Discovery>,
                                                   destroy<Discovery>, discover};
};

}  // namespace detail

}  // namespace tally

#endif
