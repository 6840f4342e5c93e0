// Which partitions of the samples' table are there, and making those that are not.
// Not for removing them: see expiry.cc.
#ifndef TALLY_POSTGRESQL_PARTITIONS_H
#define TALLY_POSTGRESQL_PARTITIONS_H

#include <chrono>
#include <map>
#include <set>

#include "connection.h"

namespace tally::postgresql {

// Remembers partitions that were there; they are to be forgotten when a row found none after all. One thread at a time.
class Partitions {
 public:
  // Makes those for these times that are not known yet and, from time to time, those of now and of what comes next.
  // REQUIRES: no transaction, so that nobody waits for ours.
  void require(Connection& connection, const std::set<Time>& times);

  // The end of the partition of this time. REQUIRES: require() had it.
  Time end_of(Time time);

  bool known(Time time);
  void forget();

 private:
  std::map<Time, Time> ends_;  // by start
  Time last_start_{0};         // the one that was asked for last
  Time last_end_{0};
  std::chrono::steady_clock::time_point next_ahead_{};
};

}  // namespace tally::postgresql

#endif
