// The sender's half: publishes with the broker's confirmation, on a connection of its own.
// Not for keeping what could not be sent: that is the caller's spool.
#ifndef TALLY_AMQP_PUBLISHER_H
#define TALLY_AMQP_PUBLISHER_H

#include <tally/sdk/transport.h>

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "connection.h"
#include "counts.h"
#include "topology.h"

namespace tally::amqp {

struct PublisherOptions {
  std::string exchange;
  bool durable = true;  // of what has to be made
  TopologyOptions own;  // a topic that one of these takes needs no queue of its own name
  std::size_t longest_body = 0;
};

// One thread. Connects at the first message.
class Publisher {
 public:
  Publisher(Connection::Options connection, PublisherOptions options, Counts& counts);

  // As tally::Transport::publish. Makes the exchange and each topic's queue where they are not there yet, as
  // oslo.messaging's notifier does. Throws tally::Error, transient, where nothing could be sent at all, with the
  // reason.
  void publish(std::span<const OutgoingView> messages, std::uint32_t timeout_ms, std::span<Outcome> results);
  // Keeps the heartbeats. Never waits.
  void keep_alive();

 private:
  struct Reply {
    amqp_method_number_t id = 0;
    std::uint16_t code = 0;  // of a channel's close
    std::string text;
  };
  struct Batch;

  void connect(Clock::time_point deadline);
  void open_channel(Clock::time_point deadline);
  std::string queue_for(std::string_view topic) const;
  void ensure(std::string_view topic, Clock::time_point deadline);
  bool exists_or_is_made(amqp_method_number_t id, void* asked, void* made, const std::string& what,
                         Clock::time_point deadline);
  Reply ask(amqp_method_number_t id, void* method, Clock::time_point deadline);
  void send(Batch& batch, Clock::time_point deadline);
  void confirm(Batch& batch, Clock::time_point deadline);
  bool take_frames(Batch* batch, std::optional<Reply>* reply);
  void take_method(const amqp_method_t& method, Batch* batch, std::optional<Reply>* reply);
  void returned(const amqp_basic_properties_t& properties, Batch* batch);
  bool wait(Clock::time_point deadline);
  void await_unblocked(Clock::time_point deadline);
  void lost(const std::string& why);

  Connection connection_;
  PublisherOptions options_;
  Counts& counts_;
  std::uint64_t connections_made_ = 0;
  bool channel_open_ = false;
  std::uint64_t next_tag_ = 1;
  std::set<std::string, std::less<>> ready_;  // topics whose queue is there
};

}  // namespace tally::amqp

#endif
