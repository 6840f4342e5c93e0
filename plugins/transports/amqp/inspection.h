// How the queues of a configuration stand, and the end of those that are ours.
// Not for consuming: a short connection of its own, one question after the other.
#ifndef TALLY_AMQP_INSPECTION_H
#define TALLY_AMQP_INSPECTION_H

#include <tally/sdk/transport.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connection.h"
#include "topology.h"

namespace tally::amqp {

struct KnownQueue {
  std::string name;
  bool ours = false;      // made by us, under a name that only we give
  bool consumed = false;  // by this configuration; others are told only where they are there
  TopologyOptions bound;  // of one that is ours and consumed: what it is bound to
  std::string marker;     // what Tally's collectors consume besides it, see sharing.h; empty: none
};

// One thread. All throws tally::Error, transient, when the broker is away or does not answer by the deadline.
class Inspection {
 public:
  Inspection(Connection::Options connection, Clock::time_point deadline);

  void tell(const std::vector<KnownQueue>& queues, const QueueSink& sink);
  // Removes those that are ours and that nobody consumes.
  void remove(const std::vector<KnownQueue>& queues, const QueueSink& sink);

 private:
  struct Answer {
    bool refused = false;
    std::uint16_t code = 0;
    std::string text;
    std::uint64_t messages = 0;
    std::uint64_t consumers = 0;
  };

  void open_channel();
  Answer ask(amqp_method_number_t id, void* method);
  std::optional<Answer> look(const std::string& name);
  std::string unbound(const KnownQueue& queue);
  std::string shared(const KnownQueue& queue, std::uint64_t consumers);

  Connection connection_;
  Clock::time_point deadline_;
  std::map<std::string, bool> exchanges_;  // those looked at, and whether they are there
};

}  // namespace tally::amqp

#endif
