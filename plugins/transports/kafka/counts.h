// What an instance counts, under the names that the host's metrics show.
// Not for what the host counts itself.
#ifndef TALLY_KAFKA_COUNTS_H
#define TALLY_KAFKA_COUNTS_H

#include <tally/sdk/transport.h>

#include <array>
#include <cstdint>
#include <string_view>

namespace tally::kafka {

// One thread.
class Counts {
 public:
  enum Name { rebalances, assigned, revoked, lost, offsets_lost, requeued, commits_failed, errors, refused, kHowMany };

  void add(Name name, std::uint64_t count = 1) { now_[name] += count; }

  // Every count once, so that its metric is there from the start, and whenever it has grown.
  void tell(const TransportEvents& events) {
    for (std::size_t i = 0; i < kHowMany; ++i) {
      if (begun_ && now_[i] == told_[i]) continue;
      events.counted(kNames[i], now_[i]);
      told_[i] = now_[i];
    }
    begun_ = true;
  }

 private:
  static constexpr std::array<std::string_view, kHowMany> kNames = {
      "rebalances",   "partitions_assigned", "partitions_revoked", "partitions_lost",
      "offsets_lost", "read_again",          "commits_failed",     "errors",
      "refused"};

  std::array<std::uint64_t, kHowMany> now_{};
  std::array<std::uint64_t, kHowMany> told_{};
  bool begun_ = false;
};

}  // namespace tally::kafka

#endif
