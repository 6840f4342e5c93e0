// A consumer group and its topics as they are seen from outside: partitions, and who has them.
// Not for an instance that consumes.
#ifndef TALLY_KAFKA_GROUP_VIEW_H
#define TALLY_KAFKA_GROUP_VIEW_H

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "client.h"
#include "counts.h"
#include "group.h"

namespace tally::kafka {

using Place = std::pair<std::string, std::int32_t>;  // topic, partition

// As it is told: "TOPIC [PARTITION]".
std::string text_of(const Place& place);

// One thread. Joins no group. Each call throws tally::Error, transient, when the brokers do not answer by the deadline.
class GroupView : private Client::Listener {
 public:
  struct Topics {
    std::vector<Place> partitions;    // of the topics that are consumed
    std::vector<std::string> absent;  // that are named, and not there
  };
  struct Member {
    std::string who;  // "client.id (host)"
    std::vector<Place> has;
  };
  struct Members {
    std::vector<Member> list;
    std::string refused;  // why the broker does not tell them; empty: it does
  };

  GroupView(GroupOptions options, Clock::time_point deadline);

  rd_kafka_t* client() const { return client_.get(); }
  const std::string& group() const { return group_; }
  // Milliseconds, 1 at least.
  int left() const;

  Topics topics();
  Members members();

 private:
  GroupOptions options_;
  std::string group_;
  Clock::time_point deadline_;
  Counts counts_;
  Client client_;
};

}  // namespace tally::kafka

#endif
