// Whether anybody but Tally takes from a queue that the services made, where each consumer gets a part of the messages.
// Not for counting consumers (see depth.h).
#ifndef TALLY_AMQP_SHARING_H
#define TALLY_AMQP_SHARING_H

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "link.h"

namespace tally::amqp {

// The queue that each of Tally's collectors consumes besides `queue` once that has several consumers: a broker says how
// many consumers a queue has and not whose they are, so the marker's are ours and the others are not.
std::string marker_of(std::string_view prefix, std::string_view queue);

// For a person: `others` of `consumers` are not Tally's.
std::string sharing_warning(std::uint64_t consumers, std::uint64_t others);

// One channel of its own; one question at a time. A marker is made only where a queue has several consumers, and goes
// by itself when nobody has consumed it for a while. One thread. What sends throws tally::Error when the link breaks.
class Sharing {
 public:
  // `prefix` begins the markers' names; `own` queues are never watched.
  Sharing(amqp_channel_t channel, std::string prefix, std::set<std::string> own);

  amqp_channel_t channel() const { return channel_; }
  // The queue, which we consume, has so many consumers, as just looked at. To be told at each look.
  void note(const std::string& queue, std::uint64_t consumers);
  void turn(Link& link);
  void handle(Link& link, const amqp_frame_t& frame);
  void link_lost();
  // Empty: nothing stands against it, as far as is known. Told only after several looks, since another collector may
  // just be starting.
  std::string warning(const std::string& queue) const;

 private:
  enum class State { resting, opening, declaring, starting };

  struct Watched {
    std::uint64_t consumers = 0;
    std::uint64_t others = 0;
    unsigned looks = 0;   // in a row that found others
    bool marked = false;  // we consume the marker
    std::string refused;  // why it may not be made
  };

  void open(Link& link);
  void declare(Link& link);
  void declared(Link& link, std::uint64_t collectors);
  void done(Link& link);
  void closed(Link& link, const amqp_channel_close_t& close);
  void cancelled(std::string_view marker);

  amqp_channel_t channel_;
  std::string prefix_;
  std::set<std::string> own_;
  State state_ = State::resting;
  bool open_ = false;
  std::map<std::string, Watched> watched_;
  std::deque<std::string> to_ask_;  // the first is being asked unless resting
};

}  // namespace tally::amqp

#endif
