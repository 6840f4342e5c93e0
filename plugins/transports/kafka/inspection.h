// How the group stands: each partition, what of it is not committed, and who has it.
// Not for an instance that consumes.
#ifndef TALLY_KAFKA_INSPECTION_H
#define TALLY_KAFKA_INSPECTION_H

#include <tally/sdk/transport.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "client.h"
#include "counts.h"
#include "group.h"

namespace tally::kafka {

// One thread. Joins no group. Each call throws tally::Error, passing, when the brokers do not answer by the deadline.
class Inspection : private Client::Listener {
 public:
  Inspection(GroupOptions options, Clock::time_point deadline);

  // A row a partition; one for a topic that is named and absent.
  void tell(const QueueSink& sink);

 private:
  using Place = std::pair<std::string, std::int32_t>;

  int left() const;
  bool consumed(const std::string& topic) const;
  void find_members();
  void tell_partition(const Place& place, const QueueSink& sink);

  GroupOptions options_;
  std::string group_;
  Clock::time_point deadline_;
  Counts counts_;
  Client client_;
  std::map<Place, std::uint64_t> members_;  // how many have it
};

}  // namespace tally::kafka

#endif
