// Takes batches of samples and sees that each reaches the bus: published with confirmation, kept on disk while it is
// away. Not for measuring, nor for what the samples say.
#ifndef TALLY_AGENT_OUTBOX_H
#define TALLY_AGENT_OUTBOX_H

#include <tally/model/sample.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "plugin/roles.h"

namespace tally::agent {

struct OutboxOptions {
  std::string bus;  // its URL without secrets
  std::filesystem::path spool_folder;
  std::uint64_t spool_bytes = 1ull << 30;
  bool drop_oldest = false;  // what a full spool loses: what has waited longest there, else what comes
  std::optional<std::chrono::seconds> spool_age;  // older ones are dropped and counted; empty: kept while there is room
  std::size_t queue_messages = 256;               // most messages in memory; more wait on disk
  std::size_t messages_per_send = 20;
  std::uint32_t publish_timeout_ms = 10'000;
  std::int64_t shortest_pause_ms = 250;  // before the bus is tried again; doubles up to the longest
  std::int64_t longest_pause_ms = 10'000;
  std::string topic = "notifications.sample";
  std::string key;              // of each message: one sender's stay in order where the bus can; empty: any
  std::function<Time()> clock;  // for the age of what is spooled; empty: the real one
};

// One message ready to leave: an envelope with a number of samples.
struct Batch {
  std::string body;
  std::uint64_t samples = 0;
  std::string id{};  // the envelope's, for the debug log; may be empty, holds no space and no line end
};

// made = sent + refused + lost + expired + spooled + in_flight.
struct OutboxCounts {
  std::uint64_t made = 0;       // taken here, and found in the spool at the start
  std::uint64_t sent = 0;       // confirmed by the bus
  std::uint64_t refused = 0;    // the bus will never take them
  std::uint64_t lost = 0;       // no room, neither in memory nor on disk; or damaged there
  std::uint64_t expired = 0;    // waited on disk for longer than `spool_age`
  std::uint64_t spooled = 0;    // on disk now
  std::uint64_t in_flight = 0;  // in memory
};

// Read as one snapshot.
struct OutboxBooks {
  OutboxCounts messages;
  OutboxCounts samples;
  std::uint64_t damaged_messages = 0;  // skipped in the spool
  std::string bus;                     // its URL without secrets
  bool bus_answered = false;           // once since the start, or since it was replaced
  bool bus_away = false;
  std::string bus_error;          // why, while it is away
  std::optional<Time> last_sent;  // when the bus last confirmed a message
  bool spool_full = false;        // what comes is lost
};

// Why samples do not reach the bus now; none: they do, or would.
std::vector<std::string> not_ready(const OutboxBooks& books);

// `put` and `books` from any thread; the transport is called from the outbox's own thread alone (but `wake`).
class Outbox {
 public:
  // Opens the spool; a damaged one is no reason not to start.
  static absl::StatusOr<std::unique_ptr<Outbox>> open(std::unique_ptr<plugin::TransportDriver> transport,
                                                      OutboxOptions options);
  virtual ~Outbox() = default;

  virtual void start() = 0;

  // Never waits for the bus: while that is away, or slow to answer, the batch is on the disk when this returns. What
  // finds no room is counted as lost.
  virtual void put(Batch batch) = 0;

  // To be called about each second: what waits in memory for a bus that is slow to answer goes to the disk.
  virtual void tick() = 0;

  // Sends with another transport, to the bus of that name, from the next message on.
  virtual void replace(std::unique_ptr<plugin::TransportDriver> transport, std::string bus) = 0;

  // Since its thread came by last, which it does each second unless a call of the bus takes longer.
  virtual std::chrono::milliseconds silent() const = 0;

  // Sends what is in memory for at most `limit_ms`, writes the rest to the spool, ends the thread. Idempotent.
  virtual void stop(std::int64_t limit_ms) = 0;

  virtual OutboxBooks books() const = 0;
};

}  // namespace tally::agent

#endif
