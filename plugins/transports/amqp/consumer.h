// What a consuming instance is: one connection, a lane for each queue, and what the host has of them.
// Not for publishing, which has a connection of its own: a broker that holds up publishers must not hold up settling.
#ifndef TALLY_AMQP_CONSUMER_H
#define TALLY_AMQP_CONSUMER_H

#include <tally/sdk/transport.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "connection.h"
#include "counts.h"
#include "depth.h"
#include "lane.h"
#include "sharing.h"
#include "topology.h"

namespace tally::amqp {

struct ConsumerOptions {
  std::vector<LaneOptions> lanes;
  TopologyOptions topology;
  std::string own_prefix;                         // begins the names of all queues that are ours
  std::size_t buffer_bytes = 64U << 20;           // read and not handed over; more is left with the broker
  std::chrono::milliseconds depth_every{15'000};  // between looks at how many messages wait; 0: never
};

// One thread.
class Consumer {
 public:
  Consumer(Connection::Options connection, const ConsumerOptions& options, std::uint32_t prefetch, Counts& counts);
  ~Consumer();

  // As tally::Transport's calls of these names. `wake_fd`: ends the wait when it is readable.
  void service(std::uint32_t max_messages, std::uint32_t timeout_ms, int wake_fd, const TransportEvents& events);
  void settle(std::span<const Settlement> settlements);
  void stop();

 private:
  void connect();
  void tell_readiness();
  void read(std::uint32_t max_messages);
  void turn_lanes();
  std::uint32_t deliver(std::uint32_t max_messages, const TransportEvents& events);
  void log_absent();
  void tell_ended(const TransportEvents& events);
  bool rest(int wake_fd);
  bool wait(Clock::time_point deadline, int wake_fd);
  void lost(const std::string& why);
  bool full() const;
  std::uint32_t room() const;
  std::size_t ready() const;

  Connection connection_;
  ConsumerOptions options_;
  std::uint32_t prefetch_;
  Counts& counts_;
  std::vector<Lane> lanes_;
  Topology topology_;
  Sharing sharing_;
  Depth depth_;
  std::uint64_t connections_made_ = 0;
  std::size_t next_lane_ = 0;  // to be asked first, so that each has its turn
  bool stopped_ = false;
  std::uint64_t absent_told_for_ = 0;  // connections_made_
  Clock::time_point last_beat_;
  Clock::time_point last_given_;  // messages, to the host
};

}  // namespace tally::amqp

#endif
