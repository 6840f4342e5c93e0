// The sender's half: sends messages to the consumer's socket and waits until each is durable there.
// Not for keeping what could not be sent: that is the caller's spool.
#ifndef TALLY_LOCAL_CLIENT_H
#define TALLY_LOCAL_CLIENT_H

#include <tally/kit/descriptor.h>
#include <tally/sdk/transport.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "framing.h"

namespace tally::local {

// One thread. Connects at the first message, and again after a failure.
class Client {
 public:
  // `warn`: says why messages were refused, at the first call of several in a row.
  Client(std::filesystem::path socket, std::function<void(const std::string&)> warn);

  // As tally::Transport::publish. A consumer that is away leaves all transient; so does one that does not answer in
  // time. Throws tally::Error, transient, where nothing could be sent at all, with the reason.
  void publish(std::span<const OutgoingView> messages, std::uint32_t timeout_ms, std::span<Outcome> results);

 private:
  using Clock = std::chrono::steady_clock;

  void connect(Clock::time_point deadline);
  void greet(Clock::time_point deadline);
  void encode(const OutgoingView& message, std::uint64_t first, std::size_t at, std::span<Outcome> results);
  bool exchange(Clock::time_point deadline);
  void send_some();
  void receive_some();
  void take_answers(std::uint64_t first, std::span<Outcome> results);
  void settle_one(std::uint64_t at, Outcome outcome, std::span<Outcome> results);
  bool is_stale();
  void close();
  [[noreturn]] void broken(const std::string& why);

  std::filesystem::path socket_;
  std::function<void(const std::string&)> warn_;
  Fd fd_;
  std::optional<Decoder> decoder_;
  std::uint32_t max_message_ = 0;  // the consumer's
  std::uint64_t next_sequence_ = 1;
  std::string out_;
  std::size_t out_at_ = 0;
  std::string refusal_;          // of this call, for the operator
  bool refused_before_ = false;  // in the last call
  std::vector<bool> answered_;   // of this call, by message
  std::size_t open_ = 0;         // of this call, not answered
};

}  // namespace tally::local

#endif
