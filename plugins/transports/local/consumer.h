// What a consuming instance is: the spool, the server that fills it, and what the host has of it.
// Not for the frames (see framing.h).
#ifndef TALLY_LOCAL_CONSUMER_H
#define TALLY_LOCAL_CONSUMER_H

#include <tally/sdk/transport.h>
#include "spool/spool.h"

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <span>

#include "server.h"

namespace tally::local {

// One thread.
class Consumer {
 public:
  // Opens the spool beside the socket (PATH.spool) and binds. Throws tally::Error.
  Consumer(const ServerOptions& server, const spool::SpoolOptions& spool, std::uint32_t prefetch);

  // As tally::Transport's calls of these names. `wake_fd`: ends the wait when it is readable. While senders are told to
  // come again, service() does all its work and then throws tally::Error, transient, with the reason.
  void service(std::uint32_t max_messages, std::uint32_t timeout_ms, int wake_fd, const TransportEvents& events);
  void settle(std::span<const Settlement> settlements);
  // From this process: straight into the spool.
  void publish(std::span<const OutgoingView> messages, std::span<Outcome> results);
  // Takes no more connections and delivers nothing more; settling goes on.
  void stop();

 private:
  using Clock = std::chrono::steady_clock;
  struct Returned {
    Clock::time_point due;
    std::uint64_t sequence;
  };

  bool has_room(std::uint32_t max_messages) const;
  void take_back_due();
  void wait(std::uint32_t timeout_ms, int wake_fd) const;
  void deliver(std::uint32_t max_messages, const TransportEvents& events);
  void report_damage();
  void report_counts(const TransportEvents& events);

  ServerOptions options_;
  std::unique_ptr<spool::Spool> spool_;
  std::unique_ptr<Server> server_;  // null after stop()
  std::uint32_t prefetch_;
  std::set<std::uint64_t> unsettled_;
  std::deque<Returned> returned_;  // given back by the host, to be given again when due
  std::uint64_t damage_told_ = 0;
  bool counts_begun_ = false;
  ServerCounts counts_told_;
  std::uint64_t damaged_counted_ = 0;
};

}  // namespace tally::local

#endif
