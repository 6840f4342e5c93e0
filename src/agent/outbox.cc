// The thread that publishes, the queue before it and the spool behind it.
// Not for making messages: it sends bytes.
#include "agent/outbox.h"

#include <tally/kit/backoff.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "agent/spool_record.h"
#include "base/fault_log.h"
#include "base/log.h"
#include "base/status.h"
#include "spool/spool.h"

namespace tally::agent {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

using Field = std::uint64_t OutboxCounts::*;

constexpr milliseconds kSlowSend{250};
constexpr milliseconds kProbeEvery{5'000};  // of a bus to which nothing is sent
constexpr std::uint32_t kProbeMs = 2'000;
constexpr int kMostDropsAtOnce = 1'000;  // between two sends, so that nobody waits long

// What became of one message, for whoever looks for it with -v.
void tell(const std::string& id, std::string_view what) {
  if (!id.empty() && log::enabled(log::Level::debug)) log::debug("message " + id + " is " + std::string(what));
}

// One message in the spool's group, not durable yet.
struct Unsynced {
  std::uint64_t sequence = 0;
  std::uint64_t samples = 0;
  std::string id;
};

class ThreadedOutbox : public Outbox {
 public:
  ThreadedOutbox(std::unique_ptr<plugin::TransportDriver> transport, std::unique_ptr<spool::Spool> spool,
                 OutboxOptions options)
      : options_(std::move(options)),
        transport_(std::move(transport)),
        spool_(std::move(spool)),
        pauses_(milliseconds(options_.shortest_pause_ms), milliseconds(options_.longest_pause_ms)) {
    books_.bus = options_.bus;
  }
  ~ThreadedOutbox() override { stop(0); }

  void start() override {
    thread_ = std::thread([this] { run(); });
  }

  void put(Batch batch) override {
    std::unique_lock lock(mutex_);
    count(&OutboxCounts::made, batch.samples);
    const bool room = queue_.size() < options_.queue_messages;
    const bool wait_on_disk = !spool_full_ && (bus_makes_wait() || !room);
    if (room && !ended_ && !wait_on_disk) {
      count(&OutboxCounts::in_flight, batch.samples);
      queue_.push_back(std::move(batch));
      changed_.notify_one();
      return;
    }
    if (wait_on_disk) queue_to_spool();  // first what came first
    to_spool(batch, /*was_in_flight=*/false);
    sync_spool();
  }

  void tick() override {
    const std::lock_guard lock(mutex_);
    if (bus_makes_wait()) queue_to_spool();
  }

  void replace(std::unique_ptr<plugin::TransportDriver> transport, std::string bus) override {
    const std::lock_guard lock(mutex_);
    next_transport_ = std::move(transport);
    next_bus_ = std::move(bus);
    changed_.notify_one();
  }

  void stop(std::int64_t limit_ms) override {
    {
      const std::lock_guard lock(mutex_);
      if (!stopping_) stop_at_ = Clock::now() + milliseconds(limit_ms);
      stopping_ = true;
      changed_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
    const std::lock_guard lock(mutex_);
    if (!std::exchange(ended_, true)) queue_to_spool();  // never started
  }

  milliseconds silent() const override {
    return std::chrono::duration_cast<milliseconds>(Clock::now() - turned_.load());
  }

  OutboxBooks books() const override {
    const std::lock_guard lock(mutex_);
    OutboxBooks books = books_;
    books.damaged_messages = spool_->damaged();
    books.spool_full = spool_full_ && !options_.drop_oldest;
    return books;
  }

 private:
  // Everything below holds the lock but while the transport is called.

  // The bus is away, or takes so long that it may be: what a kill would find in memory is better off on disk.
  bool bus_makes_wait() const {
    return books_.bus_away || (sending_since_ && Clock::now() - *sending_since_ > kSlowSend);
  }

  void run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      turned_ = Clock::now();
      changed_.wait_for(lock, milliseconds(wait_ms()), [&] { return stopping_ || next_transport_ || sendable(); });
      if (next_transport_) {
        transport_ = std::move(next_transport_);
        books_.bus = std::move(next_bus_);
        books_.bus_answered = books_.bus_away = false;
        books_.bus_error.clear();
        fault_log_.over();
        retry_at_ = {};
      }
      if (stopping_) break;
      if (Clock::now() < retry_at_) {
        queue_to_spool();
        service(lock);
        continue;
      }
      std::vector<Item> round = pick();
      const bool probes = books_.bus_away || !books_.bus_answered || Clock::now() >= next_probe_;
      round.empty() && !probes ? service(lock) : send(lock, std::move(round));
    }
    while (!queue_.empty() && !books_.bus_away && Clock::now() < stop_at_)
      send(lock, pick_fresh(options_.messages_per_send));
    queue_to_spool();
    persist(/*durable=*/true);
    ended_ = true;
  }

  bool sendable() const {
    if (Clock::now() < retry_at_) return !queue_.empty() && !spool_full_;
    return !queue_.empty() || spool_->readable();
  }

  std::int64_t wait_ms() const {
    const auto left = std::chrono::duration_cast<milliseconds>(retry_at_ - Clock::now()).count();
    return left > 0 ? std::min<std::int64_t>(left + 1, 1'000) : 1'000;
  }

  std::vector<Item> pick_fresh(std::size_t most) {
    std::vector<Item> items;
    while (items.size() < most && !queue_.empty()) {
      items.push_back({std::move(queue_.front()), std::nullopt, std::nullopt});
      queue_.pop_front();
    }
    return items;
  }

  // Oldest first, but at least a fifth for what is fresh.
  std::vector<Item> pick() {
    const std::size_t most = std::max<std::size_t>(options_.messages_per_send, 2);
    const std::size_t fresh = std::min(queue_.size(), std::max<std::size_t>((most + 4) / 5, 1));
    std::vector<Item> items;
    spool::SpoolRecord record;
    int dropped = 0;
    while (items.size() < most - fresh && dropped < kMostDropsAtOnce && spool_->next(record)) {
      Item item = from_record(std::move(record));
      if (in_hand_.count(*item.sequence) == 0) take_over(*item.sequence, item.batch);
      if (is_too_old(item)) {
        leave_spool(item, &OutboxCounts::expired);
        ++dropped;
      } else {
        items.push_back(std::move(item));
      }
    }
    if (dropped > 0) {
      persist(/*durable=*/false);
      log::once_per("agent spool age", log::Level::warning,
                    "samples that waited in the spool for longer than its age are dropped; `spool: {age: …}` allows " +
                        std::to_string(options_.spool_age->count()) + " s");
    }
    for (Item& item : pick_fresh(most - items.size())) items.push_back(std::move(item));
    return items;
  }

  bool is_too_old(const Item& item) const {
    return options_.spool_age && item.spooled_at &&
           now().us - item.spooled_at->us > std::chrono::microseconds(*options_.spool_age).count();
  }

  Time now() const { return options_.clock ? options_.clock() : Time::now(); }

  void count(Field field, std::uint64_t samples) {
    books_.messages.*field += 1;
    books_.samples.*field += samples;
  }

  void move(Field from, Field to, std::uint64_t samples) {
    books_.messages.*from -= 1;
    books_.samples.*from -= samples;
    count(to, samples);
  }

  // Books for a record read for the first time: what was lost before it, and what an earlier process left.
  void take_over(std::uint64_t sequence, const Batch& batch) {
    while (!own_.empty() && own_.front().first < sequence) {
      move(&OutboxCounts::spooled, &OutboxCounts::lost, own_.front().second);
      own_.pop_front();
    }
    if (!own_.empty() && own_.front().first == sequence) {
      own_.pop_front();
    } else {
      count(&OutboxCounts::made, batch.samples);
      count(&OutboxCounts::spooled, batch.samples);
    }
    in_hand_.insert(sequence);
  }

  // Without items: only asks whether the bus is there.
  void send(std::unique_lock<std::mutex>& lock, std::vector<Item> items) {
    std::vector<Outgoing> outgoing;
    for (Item& item : items) outgoing.push_back({options_.topic, options_.key, item.batch.body});
    std::uint32_t timeout_ms =
        items.empty() ? std::min(kProbeMs, options_.publish_timeout_ms) : options_.publish_timeout_ms;
    if (stopping_) {
      const auto left = std::chrono::duration_cast<milliseconds>(stop_at_ - Clock::now()).count();
      timeout_ms = static_cast<std::uint32_t>(std::clamp<std::int64_t>(left, 1, timeout_ms));
    }
    sending_since_ = Clock::now();
    lock.unlock();
    const absl::StatusOr<std::vector<absl::Status>> results = transport_->publish(outgoing, timeout_ms);
    lock.lock();
    sending_since_.reset();

    next_probe_ = Clock::now() + kProbeEvery;
    absl::Status away;
    if (items.empty()) away = results.status();
    bool any_sent = false;
    for (std::size_t at = 0; at < items.size(); ++at) {
      absl::Status result = !results.ok()          ? results.status()
                            : at < results->size() ? (*results)[at]
                                                   : transient("the transport gave no answer");
      // A whole call that failed says nothing of the single message: it is kept.
      const bool refused = results.ok() && result.code() == kPermanent;
      settle(items[at], result, refused);
      any_sent = any_sent || result.ok();
      if (!result.ok() && !refused) away = result;
    }
    if (any_sent) books_.last_sent = now();
    sync_spool();
    if (any_sent || away.ok()) pauses_.reset();
    note_bus(away);
    if (!away.ok()) retry_at_ = Clock::now() + pauses_.next();
    if (!items.empty()) persist(/*durable=*/false);
  }

  // What is not written now only makes a message leave twice after a kill, which its ids make harmless.
  void persist(bool durable) {
    const spool::SpoolStatus status = spool_->persist(durable);
    if (!status.ok())
      log::once_per("agent spool marks", log::Level::warning, "the agent's spool: " + status.text + ", ignoring");
  }

  void settle(Item& item, const absl::Status& result, bool refused) {
    if (refused) log::error("the bus refuses a message of samples, dropping it: " + std::string(result.message()));
    if (result.ok() || refused) {
      const Field to = refused ? &OutboxCounts::refused : &OutboxCounts::sent;
      item.sequence ? leave_spool(item, to) : move(&OutboxCounts::in_flight, to, item.batch.samples);
      tell(item.batch.id, refused ? "refused" : "sent");
    } else if (item.sequence) {
      spool_->requeue(*item.sequence);
    } else {
      to_spool(item.batch, /*was_in_flight=*/true);
    }
  }

  void leave_spool(const Item& item, Field to) {
    move(&OutboxCounts::spooled, to, item.batch.samples);
    in_hand_.erase(*item.sequence);
    spool_->acknowledge(*item.sequence);
    spool_full_ = false;
  }

  void queue_to_spool() {
    bool any = false;
    while (!queue_.empty() && (!spool_full_ || stopping_)) {
      to_spool(queue_.front(), /*was_in_flight=*/true);
      queue_.pop_front();
      any = true;
    }
    if (any) sync_spool();
  }

  // Takes the batch into the spool's group; sync_spool makes it durable.
  void to_spool(const Batch& batch, bool was_in_flight) {
    std::uint64_t sequence = 0;
    const std::string record = to_record(batch, now());
    spool::SpoolStatus status = spool_->append(record, &sequence);
    while (options_.drop_oldest && status.code == spool::SpoolCode::full && drop_one()) {
      status = spool_->append(record, &sequence);
    }
    const Field to = status.ok() ? &OutboxCounts::spooled : &OutboxCounts::lost;
    was_in_flight ? move(&OutboxCounts::in_flight, to, batch.samples) : count(to, batch.samples);
    if (status.ok()) {
      unsynced_.push_back({sequence, batch.samples, batch.id});
      spool_full_ = false;
    } else {
      spool_full_ = true;
      tell_loss(status.text);
    }
  }

  // The one that has waited longest, but for those in the transport's hands.
  bool drop_one() {
    spool::SpoolRecord record;
    if (!spool_->next(record)) return false;
    const Item item = from_record(std::move(record));
    if (in_hand_.count(*item.sequence) == 0) take_over(*item.sequence, item.batch);
    leave_spool(item, &OutboxCounts::lost);
    log::once_per("agent spool oldest", log::Level::error,
                  "samples are lost: the bus is away and the spool is full, dropping the oldest, as `spool: {overflow: "
                  "drop-oldest}` says");
    return true;
  }

  void sync_spool() {
    if (unsynced_.empty()) return;
    const spool::SpoolStatus status = spool_->sync();
    for (const auto& [sequence, samples, id] : unsynced_) {
      if (status.ok()) {
        own_.emplace_back(sequence, samples);
        tell(id, "spooled");
      } else {
        move(&OutboxCounts::spooled, &OutboxCounts::lost, samples);
      }
    }
    if (!status.ok()) tell_loss(status.text);
    unsynced_.clear();
  }

  void tell_loss(const std::string& why) {
    log::once_per("agent spool", log::Level::error,
                  "samples are lost: the bus is away and the spool takes no more: " + why);
  }

  void service(std::unique_lock<std::mutex>& lock) {
    lock.unlock();
    const absl::Status status = transport_->service(0, 0, {});
    lock.lock();
    if (!status.ok() && !books_.bus_away) note_bus(status);
  }

  // One log line at each change, and now and then while it is away.
  void note_bus(const absl::Status& status) {
    const bool away = !status.ok();
    if (away && fault_log_.due(to_std(status.message())))
      log::warning("the bus is away, spooling to disk: " + std::string(status.message()));
    if (!away) fault_log_.over();
    if (!away && books_.bus_away) log::info("the bus is back");
    if (!away && !books_.bus_away && !books_.bus_answered) log::info("the bus answers");
    books_.bus_answered = books_.bus_answered || !away;
    books_.bus_away = away;
    books_.bus_error = away ? std::string(status.message()) : "";
  }

  const OutboxOptions options_;
  std::atomic<Clock::time_point> turned_ = Clock::now();
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::unique_ptr<plugin::TransportDriver> transport_;  // the thread's own, but for its replacement
  std::unique_ptr<plugin::TransportDriver> next_transport_;
  std::string next_bus_;
  FaultLog fault_log_;
  Clock::time_point next_probe_{};
  std::unique_ptr<spool::Spool> spool_;
  std::deque<Batch> queue_;
  OutboxBooks books_;
  std::deque<std::pair<std::uint64_t, std::uint64_t>> own_;  // (sequence, samples) spooled here, not read yet
  std::vector<Unsynced> unsynced_;
  std::set<std::uint64_t> in_hand_;                 // read from the spool, not acknowledged
  std::optional<Clock::time_point> sending_since_;  // while the transport publishes
  Clock::time_point retry_at_{};
  Clock::time_point stop_at_{};
  Backoff pauses_;
  bool spool_full_ = false;
  bool stopping_ = false;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Outbox>> Outbox::open(std::unique_ptr<plugin::TransportDriver> transport,
                                                     OutboxOptions options) {
  spool::SpoolStatus status;
  spool::SpoolOptions spool_options;
  spool_options.capacity_bytes = options.spool_bytes;
  spool_options.segment_bytes = std::min<std::uint64_t>(spool_options.segment_bytes, options.spool_bytes / 4);
  std::unique_ptr<spool::Spool> spool = spool::Spool::open(options.spool_folder, spool_options, status);
  if (!spool) return transient("the agent's spool " + options.spool_folder.string() + ": " + status.text);
  return std::make_unique<ThreadedOutbox>(std::move(transport), std::move(spool), std::move(options));
}

}  // namespace tally::agent
