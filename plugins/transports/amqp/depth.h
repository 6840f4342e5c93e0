// Asks the broker now and then how many messages wait in the queues that are consumed, and how many consumers they
// have. Not for whose these are (see sharing.h), nor for a person's question, which has a connection of its own (see
// inspection.h).
#ifndef TALLY_AMQP_DEPTH_H
#define TALLY_AMQP_DEPTH_H

#include <tally/sdk/transport.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lane.h"
#include "link.h"
#include "sharing.h"
#include "topology.h"

namespace tally::amqp {

// One channel of its own, since a queue that is gone closes the channel that asks for it: the round goes on on a new
// one. One question at a time. One thread. What sends throws tally::Error when the link breaks.
class Depth {
 public:
  // `every`: from round to round; 0: never asks. `sharing` is told how many consumers each queue has; the two
  // know what a person is warned of.
  Depth(amqp_channel_t channel, std::chrono::milliseconds every, Sharing& sharing, const Topology& topology)
      : channel_(channel), every_(every), sharing_(sharing), topology_(topology) {}

  amqp_channel_t channel() const { return channel_; }
  // Begins a round over the queues that `lanes` consume, when one is due. One that is not consumed any more is told so.
  void turn(Link& link, std::span<const Lane> lanes);
  Clock::time_point due() const;
  void handle(Link& link, const amqp_frame_t& frame);
  void link_lost();
  // What was learned since it was told last.
  void tell(const TransportEvents& events);

 private:
  enum class State { resting, opening, asking };

  struct Told {
    std::string name;
    std::optional<std::uint64_t> messages;  // none: the queue is not there, or not ours to see
    std::uint64_t consumers = 0;
  };

  void open(Link& link);
  void ask(Link& link);

  amqp_channel_t channel_;
  std::chrono::milliseconds every_;
  Sharing& sharing_;
  const Topology& topology_;
  State state_ = State::resting;
  bool open_ = false;
  Clock::time_point next_round_ = Clock::now();
  std::vector<std::string> queues_;  // of this round, or the last
  std::size_t at_ = 0;
  std::vector<Told> told_;  // to be told
};

}  // namespace tally::amqp

#endif
