// Sets a group's committed offsets back to a time, so that what was read since is read again.
// Not for an instance that consumes, nor for going forward: nothing that was not read is skipped.
#ifndef TALLY_KAFKA_REWIND_H
#define TALLY_KAFKA_REWIND_H

#include <tally/model/time.h>
#include <tally/sdk/transport.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "group_view.h"

namespace tally::kafka {

// One thread. Throws tally::Error: transient, when the brokers do not answer by the deadline; permanent, while the
// group has members. Nothing is changed then.
class Rewind {
 public:
  Rewind(GroupOptions options, Clock::time_point deadline) : outside_(std::move(options), deadline) {}

  // All partitions in one request; tells each once it is done. `dry_run`: tells and changes nothing.
  void run(Time to, bool dry_run, const RewindSink& sink);

 private:
  struct Step {
    Place place;
    std::int64_t low = 0;         // the oldest that is there
    std::int64_t high = 0;        // one beyond the newest
    std::int64_t committed = -1;  // -1: nothing
    std::int64_t given_end = 0;   // one beyond the last that was ever handed over
    std::int64_t at_time = -1;    // the first at the time or after it; -1: none
    // Whether what comes next is not there any more: retention took it, or the topic was made again.
    bool lost() const { return committed >= 0 && (committed < low || committed > high); }
    bool moves() const { return committed >= 0 && !lost() && target() < committed; }
    std::int64_t target() const { return at_time < 0 ? high : at_time; }
    // Whether all that is left is later than the time, and something is gone.
    bool reaches_beyond() const { return target() == low && low > 0; }
  };

  std::string in_use();
  std::vector<Step> plan(const std::vector<Place>& partitions, Time to);
  std::vector<std::int64_t> offsets_at(const std::vector<Place>& partitions, std::int64_t time);
  void read_committed(std::vector<Step>& steps);
  void commit(const std::vector<Step>& steps);
  // Of partitions, when their oldest message was written; without those that do not give one in time.
  std::map<Place, Time> oldest_times(const std::vector<Step>& steps);
  void tell(const Step& step, bool dry_run, const std::map<Place, Time>& oldest, const RewindSink& sink) const;

  GroupView outside_;
};

}  // namespace tally::kafka

#endif
