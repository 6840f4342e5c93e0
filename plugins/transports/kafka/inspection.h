// How the group stands: each partition, how many of its messages are not committed, and which member has it.
// Not for an instance that consumes.
#ifndef TALLY_KAFKA_INSPECTION_H
#define TALLY_KAFKA_INSPECTION_H

#include <tally/sdk/transport.h>

#include <cstdint>
#include <map>

#include "group_view.h"

namespace tally::kafka {

// One thread. Each call throws tally::Error, transient, when the brokers do not answer by the deadline.
class Inspection {
 public:
  Inspection(GroupOptions options, Clock::time_point deadline) : outside_(std::move(options), deadline) {}

  // A row a partition; one for a topic that is named and absent.
  void tell(const QueueSink& sink);

 private:
  void tell_partition(const Place& place, const QueueSink& sink);

  GroupView outside_;
  std::map<Place, std::uint64_t> members_;  // how many have it
  std::map<Place, std::string> strangers_;  // who has it and is not Tally's, by its client.id
};

}  // namespace tally::kafka

#endif
