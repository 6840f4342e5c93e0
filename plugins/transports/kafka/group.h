// Our part in a consumer group: which partitions are ours, from where each is read, and what of them is committed.
// Not for reading messages (see consumer.h).
#ifndef TALLY_KAFKA_GROUP_H
#define TALLY_KAFKA_GROUP_H

#include <tally/kit/descriptor.h>
#include <tally/sdk/transport.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "client.h"
#include "counts.h"
#include "lane.h"
#include "presence.h"

namespace tally::kafka {

struct GroupOptions {
  std::vector<Setting> settings;
  std::vector<std::string> topics;  // names, or regular expressions that begin with ^
  std::chrono::milliseconds commit_every{1000};
  std::chrono::milliseconds revoke_wait{5000};    // for the host to settle what is taken from us
  std::chrono::milliseconds depth_every{15'000};  // between looks at how many messages wait; 0: never
  bool lost_goes_on = false;                      // from the oldest message that is there; else the partition halts
};

// One thread.
class Group : private Client::Listener {
 public:
  Group(GroupOptions options, Counts& counts);
  // Commits what is settled and leaves; waits 13 s at most.
  ~Group() override;
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  Client& client() { return client_; }
  // All partitions' messages; nobody but the caller reads it. What is not read stops the fetching when it is full.
  rd_kafka_queue_t* messages() { return messages_.get(); }
  // Readable when something may be there.
  int fd() const { return ready_.get(); }

  // Goes on: rebalances, commits, reads again what was given back. Waits only while partitions come to us, for where
  // they were left, 2 s at most.
  void turn(const TransportEvents& events);
  // When turn() is to be called at the latest.
  Clock::time_point due() const;

  std::deque<Lane>& lanes() { return lanes_; }
  // Messages with the host.
  std::size_t open() const;
  // Null: not ours.
  Lane* find(const char* topic, std::int32_t partition);
  // The broker has not what comes next of the lane.
  void offset_lost(Lane& lane, const std::string& why, const TransportEvents& events);
  // An error that is not a message's: told once.
  void note(const std::string& what);
  // Why some partition is not read, or none is given to us; empty: all is well.
  std::string trouble() const;
  // What has to be before anything can be consumed; empty: we consume, or other members have all there is. May ask the
  // brokers, and waits half a second at most.
  std::string waiting_for();

 private:
  void rebalanced(rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t* list) override;
  void committed(rd_kafka_resp_err_t error, const rd_kafka_topic_partition_list_t* list) override;

  void begin_revoke(const rd_kafka_topic_partition_list_t* list);
  void refused(const rd_kafka_message_t& told);
  void tell_absent();
  void take_assigned();
  void take_none();
  void tell_closing(const TransportEvents& events);
  void tell_lost(const TransportEvents& events);
  void give_up_revoked();
  void unassign(const rd_kafka_topic_partition_list_t* list);
  Partitions held_of(const rd_kafka_topic_partition_list_t* list) const;
  void commit_settled();
  void read_again();
  Clock::time_point read_again_at(const Lane& lane) const;
  void open_lane(rd_kafka_topic_partition_t& from);
  std::int64_t oldest(const rd_kafka_topic_partition_t& of);
  void close_lane(Lane& lane);
  void restart(Lane& lane);
  void leave();
  void unsubscribe();
  bool member() const;

  GroupOptions options_;
  Counts& counts_;
  Fd ready_;
  Client client_;
  EventQueue messages_;
  EventQueue own_;          // the group's events
  std::deque<Lane> lanes_;  // by number
  std::map<std::pair<std::string, std::int32_t>, std::uint64_t, std::less<>> numbers_;
  Partitions assigning_;  // given to us, not taken yet
  Partitions revoking_;   // asked back from us
  Clock::time_point revoke_by_;
  bool last_commit_ = false;  // before giving up is under way
  Clock::time_point ask_again_;
  std::vector<std::uint64_t> closing_;                          // lanes, to be told
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ended_;  // lanes and generations, to be told
  int commits_ = 0;                                             // under way
  Clock::time_point next_commit_;
  std::string absent_;  // topics, to be told
  Clock::time_point tell_absent_at_;
  std::set<std::string> noted_;  // so that each is told once
  std::string trouble_;
  Presence presence_;
  bool assigned_once_ = false;
  bool joined_ = false;
  bool leaving_ = false;
};

}  // namespace tally::kafka

#endif
