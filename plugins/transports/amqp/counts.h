// What an instance counts, under the names that the host's metrics show.
// Not for what the host counts itself.
#ifndef TALLY_AMQP_COUNTS_H
#define TALLY_AMQP_COUNTS_H

#include <tally/sdk/transport.h>

#include <array>
#include <cstdint>
#include <string_view>

namespace tally::amqp {

// One thread.
class Counts {
 public:
  enum Name { connects, failures, lanes_lost, cancelled, absent, cut, unroutable, refused, kHowMany };

  void add(Name name) { ++now_[name]; }

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
      "connections",   "connections_lost", "channels_lost", "consumers_cancelled",
      "queues_absent", "bodies_cut",       "unroutable",    "refused"};

  std::array<std::uint64_t, kHowMany> now_{};
  std::array<std::uint64_t, kHowMany> told_{};
  bool begun_ = false;
};

}  // namespace tally::amqp

#endif
