// Keeps queues of our own declared and bound to the services' exchanges, beside other consumers of the same messages.
// Not for exchanges: a service declares its own, and until then it is waited for.
#ifndef TALLY_AMQP_TOPOLOGY_H
#define TALLY_AMQP_TOPOLOGY_H

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "link.h"

namespace tally::amqp {

struct OwnQueue {
  std::string name;
  std::vector<std::string> keys;
};

struct TopologyOptions {
  std::vector<OwnQueue> queues;  // none: nothing is ours
  std::vector<std::string> exchanges;
  bool usual = false;       // these are the default's, of which few clouds have all
  std::string type;         // "quorum" or "classic"
  std::string overflow;     // "drop-head" or "reject-publish"
  std::int64_t length = 0;  // messages; 0: no limit, so for all limits
  std::int64_t length_bytes = 0;
  std::int64_t delivery_limit = 0;  // quorum queues alone
  std::chrono::milliseconds look_again{30'000};
  std::string way_out;  // of a refusal for want of rights; empty: none
};

// For a person: what our queues miss while these of the exchanges are not there; empty: nothing, or what is to be
// expected. Of the default's exchanges the services of a cloud make some, so that only all of them are a fault.
std::string absent_warning(const TopologyOptions& options, const std::vector<std::string>& absent);

// The arguments that a queue of ours is made with. Lives no longer than the options.
class OwnArguments {
 public:
  explicit OwnArguments(const TopologyOptions& options);
  amqp_table_t table() { return {count_, entries_.data()}; }

 private:
  void add(const char* key, std::int64_t value);
  void add(const char* key, const std::string& value);

  std::array<amqp_table_entry_t, 5> entries_{};
  int count_ = 0;
};

// One channel; a round of declaring and binding, then a rest of look_again: a binding goes with its exchange, and
// nobody tells. One thread. What sends throws tally::Error when the link breaks.
class Topology {
 public:
  Topology(amqp_channel_t channel, TopologyOptions options);

  amqp_channel_t channel() const { return channel_; }
  bool ours() const { return !options_.queues.empty(); }
  // The queues are there, on this link, but for those that refusal() names.
  bool declared() const { return declared_; }
  // What the broker does not let us make or bind to, as the last whole round had it; empty: all is allowed.
  const std::string& refusal() const { return refusal_; }
  // What a person should know of this queue, as the last whole round had it; empty: nothing, or it is not ours.
  std::string warning(const std::string& queue) const;

  void turn(Link& link);
  Clock::time_point due() const { return ours() && state_ == State::resting ? next_round_ : Clock::time_point::max(); }
  void handle(Link& link, const amqp_frame_t& frame);
  void link_lost();

 private:
  enum class State { resting, opening, asking, making, binding };

  void open(Link& link);
  void step(Link& link);
  void declare(Link& link, bool make);
  void bind(Link& link);
  void next_binding();
  void next_exchange();
  void refused(Link& link, const amqp_channel_close_t& close);
  void note(const std::string& what, const amqp_channel_close_t& close);
  void end_round(Link& link);

  amqp_channel_t channel_;
  TopologyOptions options_;
  State state_ = State::resting;
  State then_ = State::asking;  // after the channel is open
  bool open_ = false;
  bool declared_ = false;
  bool told_ = false;  // what is absent, on this link
  Clock::time_point next_round_ = Clock::now();
  std::size_t queue_ = 0;
  std::size_t exchange_ = 0;
  std::size_t key_ = 0;
  std::vector<std::string> absent_;  // exchanges, in this round
  std::string noted_;                // of this round: the first refusal
  std::string way_out_;              // of it
  std::size_t more_ = 0;             // refusals after it
  std::string refusal_;
  std::string warning_;
};

}  // namespace tally::amqp

#endif
