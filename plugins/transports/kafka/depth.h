// Asks the brokers now and then how many messages of our partitions are not settled yet.
// Not for a person's question, which has a client of its own (see inspection.h).
#ifndef TALLY_KAFKA_DEPTH_H
#define TALLY_KAFKA_DEPTH_H

#include <tally/sdk/transport.h>

#include <chrono>
#include <deque>
#include <set>
#include <string>

#include "client.h"
#include "lane.h"

namespace tally::kafka {

// One thread.
class Depth {
 public:
  // `every`: from look to look; 0: never.
  explicit Depth(std::chrono::milliseconds every) : every_(every) {}

  // Asks when that is due, for all partitions at once, and tells; a partition that is not ours any more is told so.
  // Waits for the brokers' answer half a second at most; without one, it says nothing.
  void turn(Client& client, const std::deque<Lane>& lanes, const TransportEvents& events);

 private:
  std::chrono::milliseconds every_;
  Clock::time_point next_ = Clock::now();
  std::set<std::string> ours_;  // as told
};

}  // namespace tally::kafka

#endif
