// Where deliveries lie between the threads of one collector, and the books that say so.
// Not for doing anything with them: buses, workers and writers take from here and put back.
//
// One lock guards everything: a delivery's stage, its bus's books and windows change together, so that every snapshot
// balances. All functions may be called from any thread and block only where they say so.
#ifndef TALLY_COLLECTOR_IN_FLIGHT_H
#define TALLY_COLLECTOR_IN_FLIGHT_H

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "base/fault_log.h"
#include "collector/collector.h"
#include "collector/losses.h"

namespace tally::collector {

using Clock = std::chrono::steady_clock;

struct Bus;

// Where a delivery is. Queued, held and pending ones belong to the in-flight table, working and writing ones to the
// thread that took them, which alone may touch `processed`.
enum class Stage { queued, working, held, pending, writing, settled };

struct Delivery {
  std::shared_ptr<Bus> bus;
  DeliveryId id;
  Incoming message;                      // never changed after arrival
  std::unique_ptr<Processed> processed;  // null until a worker is done with it
  Stage stage = Stage::queued;           // this and what follows: under the in-flight table's lock
  Clock::time_point arrived{};
  bool copied = false;     // came from the topic of dead letters' copies, where no other copy of it is to go
  bool lost = false;       // its lane ended: settling it would mean nothing
  std::uint64_t made = 0;  // samples counted in the books for it
  unsigned tries = 0;
  Clock::time_point first_try{};
  Clock::time_point due{};
};
using DeliveryPtr = std::shared_ptr<Delivery>;

// All fields but `options` under the in-flight table's lock.
struct Bus {
  explicit Bus(BusOptions given) : options(std::move(given)) {}
  const BusOptions options;
  Books books;
  absl::flat_hash_set<Delivery*> open;
  std::uint64_t open_bytes = 0;
  std::vector<Settlement> outbox;
  plugin::TransportDriver* transport = nullptr;  // for wake() alone
  Clock::time_point served;                      // when its thread came by last, while it has a transport
  bool closing = false;                          // takes nothing more, finishes what it has
  bool ended = false;                            // its thread is done
  std::string state = "waiting";
  std::string reason = "not connected yet";
  FaultLog fault_log;
  std::optional<Time> last_message;
  std::map<std::string, std::uint64_t, std::less<>> counts;  // what its transport counts
  QueueDepths depths;                                        // as its transport saw them last
  std::map<std::string, std::string, std::less<>> warned;    // of its queues, as logged last
};
using BusPtr = std::shared_ptr<Bus>;

class InFlight {
 public:
  explicit InFlight(CollectorOptions options);

  // --- buses
  BusPtr add_bus(BusOptions options);
  void close_bus(const BusPtr& bus);
  void set_transport(const BusPtr& bus, plugin::TransportDriver* transport);
  // What a call of its transport came to: kUnclaimed, nothing to consume yet; kPermanent, it refuses what is
  // configured; any other error, away. A fault is logged at once, when its reason changes, and slowly while it lasts.
  void report_bus(const BusPtr& bus, const absl::Status& status);
  void count_bus(const BusPtr& bus, std::string_view what, std::uint64_t total);
  // How one of its queues stands; one that is not present is forgotten. A warning is logged, and when it changes.
  void note_queue(const BusPtr& bus, const Queue& queue);
  // How many more messages the bus may bring.
  std::uint32_t room(const BusPtr& bus) const;
  void arrive(const BusPtr& bus, std::vector<Message> messages);
  void lose_lane(const BusPtr& bus, std::uint64_t lane, std::uint64_t generation);
  // The lane ends soon: what waits for its pause goes back, what is pending is written at once.
  void close_lane(const BusPtr& bus, std::uint64_t lane, std::uint64_t generation);
  // The connection is gone for good: all of the bus's deliveries are as lost.
  void lose_all(const BusPtr& bus);
  std::vector<Settlement> take_settlements(const BusPtr& bus);
  bool closing(const BusPtr& bus) const;
  // Nothing in flight and nothing to settle.
  bool idle(const BusPtr& bus) const;
  void end_bus(const BusPtr& bus);
  // Waits at most `pause`; less when the bus begins to close or has something to settle.
  void pause_bus(const BusPtr& bus, Milliseconds pause);

  // --- workers
  // Blocks until there is work, and a moment longer for more of it; empty: quit, or `generation` is not the current one
  // any more. At most kMostWork.
  std::vector<DeliveryPtr> take_work(std::uint64_t generation);
  // Puts back what take_work gave: `again` ones are held or die, the others are pending.
  void done_work(const std::vector<DeliveryPtr>& deliveries);
  // Puts back untouched ones, first in line.
  void return_work(std::vector<DeliveryPtr> deliveries);
  std::uint64_t generation() const;  // counts reloads
  void next_generation();
  // Waits at most `pause`; less on quit.
  void pause_worker(Milliseconds pause);

  // --- writers
  // Whether the store takes a batch from one more than `number` writers.
  bool wants_writer(unsigned number) const;
  // Blocks until it does. False: quit.
  bool wait_for_writer(unsigned number);
  // Blocks until a batch is due, `until` has come or the store is to be changed; empty then, and on quit.
  std::vector<DeliveryPtr> take_batch(Clock::time_point until, std::uint64_t store_version);
  // The batch is in the store; `fates` one each; `took`: the attempt that succeeded.
  void commit(std::span<const DeliveryPtr> batch, std::span<const Fate> fates, Clock::duration took);
  void return_batch(std::span<const DeliveryPtr> batch);
  void report_store(const absl::Status& status, bool attempt);
  // What is missing in the store, and not acknowledged; it is not ready for that long.
  void report_losses(const std::vector<Loss>& losses);
  // Waits at most `pause`; less on quit or when the store is to be changed. False: quit.
  bool pause_writer(Milliseconds pause, std::uint64_t store_version);
  std::uint64_t store_version() const;
  StoreOptions store() const;

  // --- copier
  // Blocks until there are copies to send; at most kMostCopies. Empty: quit.
  std::vector<DeadLetter> take_copies();
  // What became of some of those taken; the rest of the last take is still in hand.
  void count_copies(const CopyCounts& more);
  // Waits at most `pause`; less on quit. False: quit.
  bool pause_copier(Milliseconds pause);

  // --- all
  CollectorOptions options() const;
  void apply(const CollectorOptions& options);
  void set_state(std::string state);
  void close();  // no bus brings more; everything that waits is hurried
  bool wait_idle(Clock::time_point until) const;
  bool wait_connected(Clock::time_point until) const;
  bool wait_settled(std::uint64_t received, Clock::time_point until) const;
  void quit();  // threads end after their present step
  bool quitting() const;
  void return_all();  // whatever is still open

  CollectorStatus snapshot() const;
  // Since the thread of some bus came by last; a bus that is not open yet does not count.
  Clock::duration silent() const;

 private:
  using Lock = std::unique_lock<std::mutex>;
  static constexpr std::size_t kMostWork = 256;  // messages for one change of threads
  static constexpr std::size_t kMostCopies = 100;
  void requeue(Delivery& delivery, Clock::time_point now);
  void requeue(const BusPtr& bus, bool waiting_only, const std::function<bool(const Delivery&)>& which);
  void close_books(Delivery& delivery, Clock::time_point now);
  void post(const BusPtr& bus, const DeliveryId& id, Settle action);
  void wake(const BusPtr& bus);
  void hold_or_dead_letter(const DeliveryPtr& delivery, Clock::time_point now);
  void make_pending(const DeliveryPtr& delivery, Clock::time_point now);
  std::vector<DeliveryPtr> due_work(Clock::time_point now);
  std::optional<Clock::time_point> work_due() const;
  bool full(const Bus& bus) const;
  std::optional<Clock::time_point> batch_due() const;
  std::uint64_t received() const;
  bool idle_all() const;
  void offer_copy(const DeadLetter& letter);
  std::vector<std::string> not_ready() const;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;  // settlements, states, quit
  std::condition_variable work_;
  std::condition_variable batch_;
  std::multiset<Clock::time_point> writers_wake_;  // when each that waits does by itself, without being told

  CollectorOptions options_;
  std::vector<BusPtr> buses_;
  std::string state_ = "starting";
  bool closing_ = false;
  bool quit_ = false;
  bool hurry_ = false;  // write what is pending without waiting for its age
  std::uint64_t generation_ = 0;
  std::uint64_t store_version_ = 1;

  std::deque<DeliveryPtr> queued_;
  std::multimap<Clock::time_point, DeliveryPtr> held_;
  std::size_t working_ = 0;
  std::deque<DeliveryPtr> pending_;
  std::size_t pending_samples_ = 0;
  Clock::time_point pending_since_{}, last_pending_{};

  bool store_ok_ = false;
  std::string store_reason_ = "not opened yet";
  FaultLog store_fault_log_;
  bool store_tried_ = false;
  Clock::time_point last_settled_ = Clock::now();
  std::map<std::string, std::set<std::string>> parked_;  // handler -> event types
  std::uint64_t parked_messages_ = 0;
  std::uint64_t batches_ = 0;
  std::uint64_t batch_messages_ = 0;
  std::uint64_t batch_samples_ = 0;
  Clock::duration write_time_{0};
  std::map<std::string, std::uint64_t, std::less<>> dead_letters_;  // by reason
  std::uint64_t store_failures_ = 0;
  std::vector<std::string> losses_;  // in words
  std::uint64_t lost_batches_ = 0;

  std::condition_variable copy_;
  std::deque<DeadLetter> copies_;
  std::size_t copies_bytes_ = 0;  // of them
  std::uint64_t copying_ = 0;     // taken, and not counted yet
  CopyCounts copied_;
};

}  // namespace tally::collector

#endif
