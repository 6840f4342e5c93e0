// Which partitions of the samples' table are there, and making those that are not.
// Not for removing them: see expiry.cc.
#include "partitions.h"

namespace tally::postgresql {

namespace {

constexpr std::chrono::hours kAheadEvery{1};
constexpr std::int64_t kAhead = 14 * Time::kDay;

}  // namespace

bool Partitions::known(Time time) {
  if (time >= last_start_ && time < last_end_) return true;
  auto next = ends_.upper_bound(time);
  if (next == ends_.begin()) return false;
  --next;
  if (time >= next->second) return false;
  last_start_ = next->first;
  last_end_ = next->second;
  return true;
}

Time Partitions::end_of(Time time) { return known(time) ? last_end_ : time; }

void Partitions::forget() {
  ends_.clear();
  last_start_ = last_end_ = Time{0};
  next_ahead_ = {};
}

void Partitions::require(Connection& connection, const std::set<Time>& times) {
  Array wanted(Type::time);
  for (const Time time : times) {
    if (!known(time)) wanted.add(to_server(time));
  }
  const auto now = std::chrono::steady_clock::now();
  const bool ahead = now >= next_ahead_;
  if (ahead) wanted.add(to_server(Time::now())).add(to_server(Time{Time::now().us + kAhead}));
  if (wanted.size() == 0) return;
  const Result made = connection.ask("SELECT starts, ends FROM make_partitions($1)", Parameters().add(wanted));
  for (int i = 0; i < made.rows(); ++i) ends_.insert_or_assign(made.time(i, 0), made.time(i, 1));
  if (ahead) next_ahead_ = now + kAheadEvery;
}

}  // namespace tally::postgresql
