// What a consuming instance is: its part in the group, and what the host has of each partition.
// Not for sending, which has an instance of the library of its own.
#ifndef TALLY_KAFKA_CONSUMER_H
#define TALLY_KAFKA_CONSUMER_H

#include <tally/sdk/transport.h>

#include <cstdint>
#include <span>

#include "counts.h"
#include "depth.h"
#include "group.h"

namespace tally::kafka {

// One thread.
class Consumer {
 public:
  Consumer(GroupOptions options, std::uint32_t prefetch, Counts& counts);

  // As tally::Transport's calls of these names. `wake_fd`: ends the wait when it is readable.
  void service(std::uint32_t max_messages, std::uint32_t timeout_ms, int wake_fd, const TransportEvents& events);
  void settle(std::span<const Settlement> settlements);
  void stop() { stopped_ = true; }

 private:
  void tell_readiness(const TransportEvents& events);
  std::uint32_t deliver(std::uint32_t max_messages, const TransportEvents& events);
  Lane* lane_of(const rd_kafka_message_t& message);
  bool take(const rd_kafka_message_t& message, const TransportEvents& events);
  std::uint32_t room() const;
  bool wait(Clock::time_point deadline, int wake_fd);

  Counts& counts_;
  std::uint32_t prefetch_;
  Depth depth_;
  Group group_;
  bool stopped_ = false;
  const rd_kafka_topic_t* last_topic_ = nullptr;  // of this batch; neighbours mostly are of one partition
  std::int32_t last_partition_ = -1;
  Lane* last_lane_ = nullptr;
};

}  // namespace tally::kafka

#endif
