// Takes messages from every bus, makes samples of them, stores them, and settles each message after its commit.
// Not for finding plugins or reading configuration (collector/wiring.h): it is given ready settings and factories.
//
// Threads: one per bus (all calls to a transport), one per worker (its own handlers), one per writer (its own
// connection to the store), one for copies of dead letters where they are asked for.
// Nothing is acknowledged before the store has committed the batch it rides in.
#ifndef TALLY_COLLECTOR_COLLECTOR_H
#define TALLY_COLLECTOR_COLLECTOR_H

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/metrics.h"
#include "collector/books.h"
#include "collector/pipeline.h"
#include "config/config.h"
#include "daemon/process_identity.h"
#include "plugin/catalog/plugin_state.h"
#include "plugin/roles.h"

namespace tally::collector {

using Milliseconds = std::chrono::milliseconds;

// One bus to listen to. On reload a bus whose `name` and `fingerprint` are unchanged is kept.
struct BusOptions {
  std::string name;         // its URL without secrets; in books, dead letters and metrics
  std::string fingerprint;  // of the whole URL and the plugin's settings; may hold secrets, never shown
  // Called on the bus's own thread, again with growing pauses while it fails.
  std::function<absl::StatusOr<std::unique_ptr<plugin::TransportDriver>>()> open;
};

struct StoreOptions {
  std::string name;
  std::string fingerprint;
  // Called on each writer's thread, again with growing pauses while it fails.
  std::function<absl::StatusOr<std::unique_ptr<plugin::StorageDriver>>()> open;
  unsigned writers = 1;  // threads that write at the same time
  bool upgrade = false;  // bring an older one to this version, instead of waiting for someone who does
};

// A bus that gets a copy of each dead letter that was stored.
struct CopyOptions {
  std::string name;  // its URL without secrets; empty: none
  std::string topic;
  // Called on the copier's thread, again with growing pauses while it fails.
  std::function<absl::StatusOr<std::unique_ptr<plugin::TransportDriver>>()> open;
};

struct CollectorOptions {
  std::vector<BusOptions> buses;
  StoreOptions store;
  CopyOptions copies;  // a reload does not change it
  // Once per worker at open and at each reload, on the caller's thread; a failure fails open() or reload().
  std::function<absl::StatusOr<Pipeline>()> pipeline;
  std::function<std::vector<plugin::PluginState>()> plugins;  // any thread; may be empty
  std::vector<config::Retention> retention;                   // expired in the store at the start, and then
  Milliseconds expire_every{3'600'000};                       // so often
  // Where it remembers what the store has answered for; empty: nowhere. A reload changes neither.
  std::filesystem::path state_folder;
  std::string host;                   // this one's name
  Milliseconds compare_every{5'000};  // while it writes: what other threads wrote with the store, whatever it writes
  Milliseconds losses_every{5'000};   // while something is missing: asks whether someone has acknowledged it

  unsigned workers = 1;                   // a reload does not change it
  std::uint32_t window = 1'000;           // most unsettled messages per bus
  std::uint64_t window_bytes = 64 << 20;  // most unsettled bytes per bus; exceeded by one message at most
  std::size_t batch_samples = 1'000;
  Milliseconds batch_age{200};
  Milliseconds again_first{1'000};  // pause after a handler's first "again"; doubles up to a minute
  unsigned again_tries = 100;       // then the message is dead
  Milliseconds again_time{600'000};
  Milliseconds retry_first{100};  // pause after the store failed; doubles up to retry_most, without end
  Milliseconds retry_most{30'000};
  Milliseconds stuck_after{60'000};  // nothing settled for so long, though something is in flight: not ready
};

// A queue as its transport saw it last.
struct QueueDepth {
  std::optional<std::uint64_t> messages;  // that wait
  std::optional<std::uint64_t> consumers;
};
using QueueDepths = std::map<std::string, QueueDepth, std::less<>>;

struct BusStatus {
  std::string name;
  // "waiting": nothing is wrong and nothing is consumed yet, since it has not answered so far or what is to be consumed
  // is not there; "connected"; "away"; "degraded": it answers, but refuses what is configured; "closing", "closed".
  std::string state;
  std::string reason;
  Books books;
  std::map<std::string, std::uint64_t, std::less<>> counts;  // what its transport counts: "refused", "damaged"
  std::chrono::duration<double> oldest{0};                   // since the oldest unsettled message came; 0: none
  QueueDepths depths;                                        // of the queues it consumes, where it tells; none: away
  std::optional<Time> last_message;                          // when the newest came
  std::vector<std::string> warnings;                         // what a person should know of its queues
};

struct StoreStatus {
  std::string name;
  std::string state;  // "waiting": not opened yet; "connected", "away"
  std::string reason;
};

// Copies of dead letters, which the store has all.
struct CopyCounts {
  std::uint64_t sent = 0;
  std::uint64_t refused = 0;  // by that bus, for good
  std::uint64_t missed = 0;   // the bus was away for too long, or to the end
};

struct CollectorStatus {
  std::string state;  // "starting", "running", "stopping", "stopped"
  MessageBooks messages;
  SampleBooks samples;
  std::vector<BusStatus> buses;  // closed ones too, as long as the process lives
  StoreStatus store;
  std::vector<plugin::PluginState> plugins;
  std::vector<std::string> not_ready;                              // reasons; none: ready
  std::uint64_t batches = 0;                                       // committed
  std::uint64_t batch_messages = 0;                                // in them
  std::uint64_t batch_samples = 0;                                 // made of these messages
  std::chrono::duration<double> write_time{0};                     // spent by the store on them
  std::map<std::string, std::uint64_t, std::less<>> dead_letters;  // written with them, by reason
  std::uint64_t store_failures = 0;                                // attempts that failed
  std::uint64_t lost_batches = 0;  // that the store had answered for and does not have; acknowledged ones do not count
  CopyCounts copies;
};

// All calls from one thread, but status(), which any may call at any time.
class Collector {
 public:
  // Makes the workers' pipelines; opens neither bus nor store.
  static absl::StatusOr<std::unique_ptr<Collector>> open(CollectorOptions options);
  // Stops with no time to spare if stop() was not called.
  ~Collector();
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  // Neither a bus nor the store need be there: both are waited for.
  void start();

  // Applies other options between messages: handlers and rules from the next message on; buses and the store are kept
  // where their fingerprints did not change, closed in order (in flight finished first) where they are gone. On an
  // error everything is as before.
  absl::Status reload(CollectorOptions options);

  // Stops reading, finishes what is in flight within `limit`, gives the rest back to the bus. Idempotent.
  void stop(Milliseconds limit);

  // One snapshot: its equations hold.
  CollectorStatus status() const;

  // Since the thread that serves some bus came by last, which it does about once a second.
  Milliseconds silent() const;

  // Every bus answers: true at once; else waits up to `limit`.
  bool wait_connected(Milliseconds limit) const;

  // Nothing in flight and, if at least `received` messages came in, true at once; else waits up to `limit`.
  bool wait_settled(std::uint64_t received, Milliseconds limit) const;

 private:
  struct Impl;
  explicit Collector(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The object of `/status` and `tally status -f json`, of the program that `identity` names.
// `more_buses`: further entries of `buses`, as JSON, with commas between them.
std::string status_json(const CollectorStatus& status, const daemon::ProcessIdentity& identity,
                        std::string_view more_buses = {});

// Adds the snapshot's books and states to a page of metrics.
void status_metrics(const CollectorStatus& status, MetricsPage& page);

}  // namespace tally::collector

#endif
