// The thread that publishes, the queue before it and the spool behind it.
// Not for making messages: it sends bytes.
#include "agent/outbox.h"

#include <tally/sdk/spool.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "core/log.h"
#include "core/status.h"

namespace tally::agent {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// A record in the spool: the number of samples, a line end, the message.
std::string to_record(const Batch& batch) { return std::to_string(batch.samples) + "\n" + batch.body; }

Batch from_record(std::string record) {
  const std::size_t line = record.find('\n');
  if (line == std::string::npos) return {std::move(record), 0};
  return {record.substr(line + 1), std::strtoull(record.c_str(), nullptr, 10)};
}

// One message on its way; `sequence` where it came from the spool.
struct Item {
  Batch batch;
  std::optional<std::uint64_t> sequence;
};

class ThreadedOutbox : public Outbox {
 public:
  ThreadedOutbox(std::unique_ptr<host::Transport> transport, std::unique_ptr<Spool> spool, OutboxOptions options)
      : options_(std::move(options)),
        transport_(std::move(transport)),
        spool_(std::move(spool)),
        pause_(options_.shortest_pause_ms) {}
  ~ThreadedOutbox() override { stop(0); }

  void start() override {
    thread_ = std::thread([this] { run(); });
  }

  void put(Batch batch) override {
    std::unique_lock lock(mutex_);
    books_.made += batch.samples;
    if (queue_.size() < options_.queue_messages && !ended_) {
      books_.in_flight += batch.samples;
      queue_.push_back(std::move(batch));
      changed_.notify_one();
      return;
    }
    to_spool(batch, /*was_in_flight=*/false);
    sync_spool();
  }

  void replace(std::unique_ptr<host::Transport> transport) override {
    const std::lock_guard lock(mutex_);
    next_transport_ = std::move(transport);
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

  OutboxBooks books() const override {
    const std::lock_guard lock(mutex_);
    OutboxBooks books = books_;
    books.damaged_messages = spool_->damaged();
    return books;
  }

 private:
  // Everything below holds the lock but while the transport is called.
  void run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      changed_.wait_for(lock, milliseconds(wait_ms()), [&] { return stopping_ || next_transport_ || sendable(); });
      if (next_transport_) {
        transport_ = std::move(next_transport_);
        retry_at_ = {};
      }
      if (stopping_) break;
      if (Clock::now() < retry_at_) {
        queue_to_spool();
        service(lock);
        continue;
      }
      std::vector<Item> round = pick();
      round.empty() ? service(lock) : send(lock, std::move(round));
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
      items.push_back({std::move(queue_.front()), std::nullopt});
      queue_.pop_front();
    }
    return items;
  }

  // Oldest first, but at least a fifth for what is fresh.
  std::vector<Item> pick() {
    const std::size_t most = std::max<std::size_t>(options_.messages_per_send, 2);
    const std::size_t fresh = std::min(queue_.size(), std::max<std::size_t>((most + 4) / 5, 1));
    std::vector<Item> items;
    SpoolRecord record;
    while (items.size() < most - fresh && spool_->next(record)) {
      const bool first_time = in_hand_.count(record.sequence) == 0;
      Batch batch = from_record(std::move(record.body));
      if (first_time) take_over(record.sequence, batch);
      items.push_back({std::move(batch), record.sequence});
    }
    for (Item& item : pick_fresh(most - items.size())) items.push_back(std::move(item));
    return items;
  }

  // Books for a record read for the first time: what was lost before it, and what an earlier process left.
  void take_over(std::uint64_t sequence, const Batch& batch) {
    while (!own_.empty() && own_.front().first < sequence) {
      books_.spooled -= own_.front().second;
      books_.lost += own_.front().second;
      own_.pop_front();
    }
    if (!own_.empty() && own_.front().first == sequence) {
      own_.pop_front();
    } else {
      books_.made += batch.samples;
      books_.spooled += batch.samples;
    }
    in_hand_[sequence] = batch.samples;
  }

  void send(std::unique_lock<std::mutex>& lock, std::vector<Item> items) {
    std::vector<host::Outgoing> outgoing;
    for (Item& item : items) outgoing.push_back({options_.topic, "", item.batch.body});
    std::uint32_t timeout_ms = options_.publish_timeout_ms;
    if (stopping_) {
      const auto left = std::chrono::duration_cast<milliseconds>(stop_at_ - Clock::now()).count();
      timeout_ms = static_cast<std::uint32_t>(std::clamp<std::int64_t>(left, 1, timeout_ms));
    }
    lock.unlock();
    const absl::StatusOr<std::vector<absl::Status>> results = transport_->publish(outgoing, timeout_ms);
    lock.lock();

    absl::Status away;
    bool any_sent = false;
    for (std::size_t at = 0; at < items.size(); ++at) {
      absl::Status result = !results.ok()          ? results.status()
                            : at < results->size() ? (*results)[at]
                                                   : passing("the transport gave no answer");
      // A whole call that failed says nothing of the single message: it is kept.
      const bool refused = results.ok() && result.code() == kPermanent;
      settle(items[at], result, refused);
      any_sent = any_sent || result.ok();
      if (!result.ok() && !refused) away = result;
    }
    sync_spool();
    if (any_sent || away.ok()) pause_ = options_.shortest_pause_ms;
    note_bus(away);
    if (!away.ok()) {
      retry_at_ = Clock::now() + milliseconds(pause_);
      pause_ = std::min(pause_ * 2, options_.longest_pause_ms);
    }
    persist(/*durable=*/false);
  }

  // What is not written now only makes a message leave twice after a kill, which its ids make harmless.
  void persist(bool durable) {
    const SpoolStatus status = spool_->persist(durable);
    if (!status.ok())
      log::once_per("agent spool marks", log::Level::warning, "the agent's spool: " + status.text + ", ignoring");
  }

  void settle(Item& item, const absl::Status& result, bool refused) {
    const std::uint64_t samples = item.batch.samples;
    std::uint64_t& from = item.sequence ? books_.spooled : books_.in_flight;
    if (result.ok() || refused) {
      from -= samples;
      (refused ? books_.refused : books_.sent) += samples;
      if (refused) log::error("the bus refuses a message of samples, dropping it: " + std::string(result.message()));
      if (item.sequence) {
        in_hand_.erase(*item.sequence);
        spool_->acknowledge(*item.sequence);
        spool_full_ = false;
      }
    } else if (item.sequence) {
      spool_->give_back(*item.sequence);
    } else {
      to_spool(item.batch, /*was_in_flight=*/true);
    }
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
    if (was_in_flight) books_.in_flight -= batch.samples;
    std::uint64_t sequence = 0;
    const SpoolStatus status = spool_->append(to_record(batch), &sequence);
    if (!status.ok()) {
      spool_full_ = true;
      lose(batch.samples, status.text);
      return;
    }
    books_.spooled += batch.samples;
    unsynced_.emplace_back(sequence, batch.samples);
  }

  void sync_spool() {
    if (unsynced_.empty()) return;
    const SpoolStatus status = spool_->sync();
    for (const auto& [sequence, samples] : unsynced_) {
      if (status.ok()) {
        own_.emplace_back(sequence, samples);
      } else {
        books_.spooled -= samples;
        lose(samples, status.text);
      }
    }
    unsynced_.clear();
  }

  void lose(std::uint64_t samples, const std::string& why) {
    books_.lost += samples;
    log::once_per("agent spool", log::Level::error,
                  "samples are lost: the bus is away and the spool takes no more: " + why);
  }

  void service(std::unique_lock<std::mutex>& lock) {
    lock.unlock();
    const absl::Status status = transport_->service(0, 0, {});
    lock.lock();
    if (!status.ok() && !books_.bus_away) note_bus(status);
  }

  // One log line at each change.
  void note_bus(const absl::Status& status) {
    const bool away = !status.ok();
    if (away && !books_.bus_away) log::warning("the bus is away, spooling to disk: " + std::string(status.message()));
    if (!away && books_.bus_away) log::info("the bus is back");
    books_.bus_away = away;
    books_.bus_error = away ? std::string(status.message()) : "";
  }

  const OutboxOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::unique_ptr<host::Transport> transport_;  // the thread's own, but for its replacement
  std::unique_ptr<host::Transport> next_transport_;
  std::unique_ptr<Spool> spool_;
  std::deque<Batch> queue_;
  OutboxBooks books_;
  std::deque<std::pair<std::uint64_t, std::uint64_t>> own_;  // (sequence, samples) spooled here, not read yet
  std::vector<std::pair<std::uint64_t, std::uint64_t>> unsynced_;
  std::map<std::uint64_t, std::uint64_t> in_hand_;  // read from the spool, not acknowledged
  Clock::time_point retry_at_{};
  Clock::time_point stop_at_{};
  std::int64_t pause_;
  bool spool_full_ = false;
  bool stopping_ = false;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Outbox>> Outbox::open(std::unique_ptr<host::Transport> transport,
                                                     OutboxOptions options) {
  SpoolStatus status;
  SpoolOptions spool_options;
  spool_options.capacity_bytes = options.spool_bytes;
  spool_options.segment_bytes = std::min<std::uint64_t>(spool_options.segment_bytes, options.spool_bytes / 4);
  std::unique_ptr<Spool> spool = Spool::open(options.spool_folder, spool_options, status);
  if (!spool) return passing("the agent's spool " + options.spool_folder.string() + ": " + status.text);
  return std::make_unique<ThreadedOutbox>(std::move(transport), std::move(spool), std::move(options));
}

}  // namespace tally::agent
