// Which of the topics that are to be consumed the brokers have.
// Not for what is in them: see depth.h and inspection.h.
#ifndef TALLY_KAFKA_PRESENCE_H
#define TALLY_KAFKA_PRESENCE_H

#include <chrono>
#include <string>
#include <vector>

#include "client.h"

namespace tally::kafka {

// Whether `topic` is one of `topics`: names, or regular expressions that begin with ^, as librdkafka reads them.
bool consumed(const std::vector<std::string>& topics, const std::string& topic);

// One thread.
class Presence {
 public:
  explicit Presence(std::vector<std::string> topics) : topics_(std::move(topics)) {}

  // False: none of them is there, as seen last. Asks the brokers when that is due, and waits half a second at most.
  bool any(Client& client);
  // All of them, for a person.
  std::string names() const;

 private:
  std::vector<std::string> topics_;
  bool any_ = false;
  Clock::time_point next_ = Clock::now();
};

}  // namespace tally::kafka

#endif
