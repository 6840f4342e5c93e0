// The sender's half: publishes with the brokers' confirmation, idempotent, all replicas.
// Not for keeping what could not be sent: that is the caller's spool.
#ifndef TALLY_KAFKA_PUBLISHER_H
#define TALLY_KAFKA_PUBLISHER_H

#include <tally/sdk/transport.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client.h"
#include "counts.h"

namespace tally::kafka {

struct PublisherOptions {
  std::vector<Setting> settings;
  std::string vhost;  // ends each topic's name; empty: nothing
};

// One thread. Connects at the first message.
class Publisher : public Client::Listener {
 public:
  Publisher(PublisherOptions options, Counts& counts) : options_(std::move(options)), counts_(counts) {}

  // As tally::Transport::publish. What is not confirmed in time is taken out of the library's queue; what is on the
  // wire by then may still arrive. Throws tally::Error, transient, where nothing was confirmed, with the reason.
  void publish(std::span<const OutgoingView> messages, std::uint32_t timeout_ms, std::span<Outcome> results);
  // Keeps the library's instance going. Never waits.
  void keep_alive();

 private:
  void reported(const rd_kafka_message_t& message) override;
  void open();
  void enqueue(const OutgoingView& message, std::size_t at, Clock::time_point deadline);
  void await(Clock::time_point deadline);
  void await_broker(Clock::time_point deadline);
  void drop_rest();

  PublisherOptions options_;
  Counts& counts_;
  std::optional<Client> client_;
  std::uint32_t batch_ = 0;
  std::span<Outcome> results_;  // of the batch under way
  std::size_t waiting_ = 0;
  std::string refusal_;
};

}  // namespace tally::kafka

#endif
