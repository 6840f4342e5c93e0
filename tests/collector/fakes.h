// A bus, a store and a handler made of memory, for the collector's tests.
// Not for testing drivers: those have tests/support/*_conformance.h.
#ifndef TALLY_TESTS_COLLECTOR_FAKES_H
#define TALLY_TESTS_COLLECTOR_FAKES_H

#include <array>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/status.h"
#include "plugin/call/marshal.h"
#include "plugin/roles.h"

namespace tally::collector::fakes {

// The test's end of a bus; outlives the transports made for it. Any thread.
struct BusEnd {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::string> waiting;
  std::string topic;  // of all that is handed over
  std::uint64_t next_tag = 1;
  std::uint64_t generation = 1;
  bool lose_lane = false;
  bool woken = false;
  int opened = 0;
  int stopped = 0;
  std::size_t unsettled = 0, most_unsettled = 0;
  std::size_t own_window = 1'000'000;  // hands over no more while so many are unsettled, whatever the host has room for
  std::vector<std::uint64_t> acknowledged, requeued;
  std::map<std::string, std::uint64_t> counts;  // told at each service
  std::vector<Queue> queues;                    // so, too
  absl::Status serviced;                        // what each service() comes to; what waits is handed over all the same
  bool away = false;                            // for who publishes
  int publishes = 0;
  std::vector<Outgoing> published;  // the body "refused" is refused

  void send(std::string body) {
    const std::lock_guard lock(mutex);
    waiting.push_back(std::move(body));
    changed.notify_all();
  }
  void lose() {
    const std::lock_guard lock(mutex);
    lose_lane = true;
    changed.notify_all();
  }
  std::size_t acknowledged_count() {
    const std::lock_guard lock(mutex);
    return acknowledged.size();
  }
  std::size_t requeued_count() {
    const std::lock_guard lock(mutex);
    return requeued.size();
  }
  bool wait_acknowledged(std::size_t count) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), [&] { return acknowledged.size() >= count; });
  }
  void set_serviced(absl::Status status) {
    const std::lock_guard lock(mutex);
    serviced = std::move(status);
    woken = true;
    changed.notify_all();
  }
  void set_away(bool value) {
    const std::lock_guard lock(mutex);
    away = value;
  }
  bool wait_publishes(int count) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), [&] { return publishes >= count; });
  }
};

class Transport final : public plugin::TransportDriver {
 public:
  explicit Transport(std::shared_ptr<BusEnd> end) : end_(std::move(end)) {
    const std::lock_guard lock(end_->mutex);
    ++end_->opened;
  }
  absl::Status consume(std::uint32_t) override { return absl::OkStatus(); }
  absl::Status service(std::uint32_t most, std::uint32_t timeout_ms, const plugin::ServiceEvents& events) override {
    std::vector<Message> out;
    const auto more = [&] { return most > 0 && !end_->waiting.empty() && end_->unsettled < end_->own_window; };
    std::uint64_t lost = 0;
    absl::Status serviced;
    std::map<std::string, std::uint64_t> counts;
    std::vector<Queue> queues;
    {
      std::unique_lock lock(end_->mutex);
      end_->changed.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                             [&] { return end_->woken || end_->lose_lane || more(); });
      end_->woken = false;
      serviced = end_->serviced;
      counts = end_->counts;
      queues = end_->queues;
      if (std::exchange(end_->lose_lane, false)) {
        lost = end_->generation++;
        end_->unsettled = 0;
      }
      for (; lost == 0 && more(); --most) {
        out.push_back({{1, end_->generation, end_->next_tag++}, std::move(end_->waiting.front()), end_->topic, false});
        end_->waiting.pop_front();
        end_->most_unsettled = std::max(end_->most_unsettled, ++end_->unsettled);
      }
    }
    if (lost != 0) events.lane_lost(1, lost);
    for (const auto& [what, total] : counts) events.counted(what, total);
    for (const Queue& queue : queues) events.queue(queue);
    for (Message& message : out) events.message(std::move(message));
    return serviced;
  }
  absl::Status settle(std::span<const Settlement> settlements) override {
    const std::lock_guard lock(end_->mutex);
    for (const Settlement& settlement : settlements) {
      auto& list = settlement.action == Settle::acknowledge ? end_->acknowledged : end_->requeued;
      list.push_back(settlement.delivery.tag);
      if (end_->unsettled > 0) --end_->unsettled;
    }
    end_->changed.notify_all();
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<absl::Status>> publish(std::span<const Outgoing> messages, std::uint32_t) override {
    const std::lock_guard lock(end_->mutex);
    ++end_->publishes;
    end_->changed.notify_all();
    if (end_->away) return transient("the fake bus is away");
    std::vector<absl::Status> results;
    for (const Outgoing& message : messages) {
      if (message.body == "refused") {
        results.push_back(permanent("the fake bus does not like it"));
        continue;
      }
      end_->published.push_back(message);
      results.push_back(absl::OkStatus());
    }
    return results;
  }
  void wake() override {
    const std::lock_guard lock(end_->mutex);
    end_->woken = true;
    end_->changed.notify_all();
  }
  absl::Status stop() override {
    const std::lock_guard lock(end_->mutex);
    ++end_->stopped;
    return absl::OkStatus();
  }

 private:
  std::shared_ptr<BusEnd> end_;
};

// What a store holds; the transaction is real: nothing of a failed write is seen. Any thread.
struct StoreEnd {
  std::mutex mutex;
  std::condition_variable changed;
  bool away = false;
  bool lose_answer = false;  // commits once, and then says that it failed
  bool refuse_all = false;   // for good, even a batch without rows
  int attempts = 0;
  int opened = 0;
  int open = 0;      // instances
  int together = 1;  // no write goes on before so many were under way at once
  int writing = 0;
  int most_writing = 0;
  std::map<std::string, Sample> samples;
  std::map<std::string, DeadLetter> dead_letters;
  std::map<std::tuple<std::string, std::string, std::string>, std::uint64_t> books;  // bus, unit, outcome
  std::map<std::string, std::pair<std::uint64_t, std::vector<RowResult>>> writers;   // the last batch of each
  std::map<std::pair<std::string, std::string>, Record> records = {{{"store", "id"}, {"store", "id", "first", 1}}};
  std::optional<Time> since;                          // writers of before this may be forgotten
  std::vector<std::pair<std::string, Time>> expired;  // meter, before

  // All that it holds, to be put back: as a standby that was promoted, or a backup.
  struct Copy {
    decltype(samples) samples_;
    decltype(dead_letters) dead_letters_;
    decltype(books) books_;
    decltype(writers) writers_;
    decltype(records) records_;
  };
  Copy copy() {
    const std::lock_guard lock(mutex);
    return {samples, dead_letters, books, writers, records};
  }
  void put_back(const Copy& copy) {
    const std::lock_guard lock(mutex);
    samples = copy.samples_;
    dead_letters = copy.dead_letters_;
    books = copy.books_;
    writers = copy.writers_;
    records = copy.records_;
  }
  void set_refuse_all(bool value) {
    const std::lock_guard lock(mutex);
    refuse_all = value;
  }
  bool wait_expired(std::size_t count) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), [&] { return expired.size() >= count; });
  }
  void set_away(bool value) {
    const std::lock_guard lock(mutex);
    away = value;
  }
  bool wait_open(int count) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), [&] { return open == count; });
  }
  bool wait_attempts(int count) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), [&] { return attempts >= count; });
  }
  std::uint64_t book(const std::string& unit, const std::string& outcome) {
    const std::lock_guard lock(mutex);
    std::uint64_t sum = 0;
    for (const auto& [key, count] : books)
      if (std::get<1>(key) == unit && std::get<2>(key) == outcome) sum += count;
    return sum;
  }
  std::vector<DeadLetter> letters() {
    const std::lock_guard lock(mutex);
    std::vector<DeadLetter> list;
    for (const auto& [digest, letter] : dead_letters) list.push_back(letter);
    return list;
  }
};

// One write under way, once enough others have come.
class Meeting {
 public:
  explicit Meeting(StoreEnd& end) : end_(end) {
    std::unique_lock lock(end_.mutex);
    end_.most_writing = std::max(end_.most_writing, ++end_.writing);
    end_.changed.notify_all();
    end_.changed.wait_for(lock, std::chrono::seconds(20), [&] { return end_.most_writing >= end_.together; });
  }
  ~Meeting() {
    const std::lock_guard lock(end_.mutex);
    --end_.writing;
  }
  Meeting(const Meeting&) = delete;
  Meeting& operator=(const Meeting&) = delete;

 private:
  StoreEnd& end_;
};

class Storage final : public plugin::StorageDriver {
 public:
  explicit Storage(std::shared_ptr<StoreEnd> end) : end_(std::move(end)) {
    const std::lock_guard lock(end_->mutex);
    ++end_->opened;
    ++end_->open;
    end_->changed.notify_all();
  }
  ~Storage() override {
    const std::lock_guard lock(end_->mutex);
    --end_->open;
    end_->changed.notify_all();
  }
  absl::Status prepare(Prepare, const plugin::TakeRow&) override { return absl::OkStatus(); }
  // A meter "refused" makes the whole batch impossible, "rejected" is a row's own fate.
  absl::Status write(std::span<const tally_row> rows, const plugin::Conclude& conclude,
                     const plugin::BatchToken& token) override {
    const Meeting meeting(*end_);
    const std::lock_guard lock(end_->mutex);
    ++end_->attempts;
    end_->changed.notify_all();
    if (end_->away) return transient("the fake store is away");
    if (end_->refuse_all) return permanent("the fake store takes nothing");
    const auto last = end_->writers.find(token.writer);
    if (token.found) token.found(last == end_->writers.end() ? 0 : last->second.first);
    if (last != end_->writers.end() && last->second.first == token.sequence) {
      static_cast<void>(conclude(last->second.second));
      return absl::OkStatus();
    }
    for (const tally_row& row : rows)
      if (from_c(*row.sample).name == "refused") return permanent("meter `refused` cannot be written");
    auto samples = end_->samples;
    std::vector<RowResult> results;
    for (const tally_row& row : rows) {
      const SampleView sample = from_c(*row.sample);
      if (sample.name == "rejected") {
        results.push_back({RowStatus::rejected, "no such thing"});
        continue;
      }
      const auto [at, fresh] = samples.emplace(sample.id, sample.copy());
      const bool same = at->second.volume == sample.volume;
      results.push_back({fresh  ? RowStatus::stored
                         : same ? RowStatus::duplicate
                                : RowStatus::conflict,
                         fresh || same ? "" : "another volume"});
    }
    const Conclusion conclusion = conclude(results);
    end_->samples = std::move(samples);
    for (const DeadLetter& letter : conclusion.dead_letters) end_->dead_letters.emplace(letter.digest, letter);
    for (const std::string& digest : conclusion.settled_dead_letters) end_->dead_letters.erase(digest);
    for (const BookEntry& entry : conclusion.entries)
      end_->books[{entry.bus, entry.unit, entry.outcome}] += entry.count;
    if (!token.writer.empty()) end_->writers[token.writer] = {token.sequence, results};
    if (std::exchange(end_->lose_answer, false)) return transient("connection lost after the commit");
    return absl::OkStatus();
  }
  absl::Status query(const Query& query, const plugin::TakeRow& sink) override {
    const std::lock_guard lock(end_->mutex);
    if (query.kind != QueryKind::meters) return absl::OkStatus();
    std::set<std::string> names;
    for (const auto& [id, sample] : end_->samples) names.insert(sample.name);
    for (const std::string& name : names) {
      const Cell cell{"name", CellKind::text, name};
      if (!sink({&cell, 1})) break;
    }
    return absl::OkStatus();
  }
  absl::StatusOr<std::uint64_t> purge_dead_letters(std::span<const std::string>) override { return 0; }
  absl::StatusOr<std::uint64_t> expire(Time before, const std::string& meter) override {
    const std::lock_guard lock(end_->mutex);
    end_->expired.emplace_back(meter, before);
    end_->changed.notify_all();
    return std::erase_if(end_->samples, [&](const auto& one) {
      return one.second.name == meter && one.second.timestamp->us < before.us;
    });
  }
  absl::StatusOr<bool> put_records(std::span<const Record> records) override {
    const std::lock_guard lock(end_->mutex);
    auto next = end_->records;
    for (const Record& record : records) {
      Record& there = next[{record.kind, record.key}];
      if (there.version != record.version) return false;
      there = record;
      ++there.version;
    }
    end_->records = std::move(next);
    return true;
  }
  absl::Status list_records(const std::string& kind, const std::string& prefix, const plugin::TakeRow& rows) override {
    const std::lock_guard lock(end_->mutex);
    for (const auto& [name, record] : end_->records) {
      if (record.kind != kind || !record.key.starts_with(prefix)) continue;
      const std::string version = std::to_string(record.version);
      const std::array<Cell, 3> cells = {{{"key", CellKind::text, record.key},
                                          {"version", CellKind::number, version},
                                          {"value", CellKind::text, record.value}}};
      if (!rows(cells)) break;
    }
    return absl::OkStatus();
  }
  absl::StatusOr<WriterState> last_batch(const std::string& writer) override {
    const std::lock_guard lock(end_->mutex);
    const auto last = end_->writers.find(writer);
    if (last == end_->writers.end()) return WriterState{0, std::nullopt, end_->since};
    return WriterState{last->second.first, Time::now(), end_->since};
  }

 private:
  std::shared_ptr<StoreEnd> end_;
};

// A handler that is one function.
class Handler final : public plugin::MessageHandler {
 public:
  using Function = std::function<absl::Status(const Notification&, wire::SampleList&)>;
  Handler(std::vector<std::string> claims, Function function)
      : claims_(std::move(claims)), function_(std::move(function)) {}
  absl::Status handle(const Notification& notification, wire::SampleList& samples) override {
    return function_(notification, samples);
  }
  absl::StatusOr<std::vector<std::string>> claims() override { return claims_; }

 private:
  std::vector<std::string> claims_;
  Function function_;
};

inline Sample sample(std::string name, Decimal volume = 1, std::string resource = "vm-1") {
  Sample made;
  made.name = std::move(name);
  made.unit = "u";
  made.volume = volume;
  made.resource_id = std::move(resource);
  return made;
}

// A bare version 1 message.
inline std::string message(const std::string& id, const std::string& type, const std::string& payload = "{}",
                           Time time = Time::now()) {
  return R"({"message_id":")" + id + R"(","event_type":")" + type + R"(","publisher_id":"test","priority":"INFO",)" +
         R"("timestamp":")" + time.to_string() + R"(","payload":)" + payload + "}";
}

}  // namespace tally::collector::fakes

#endif
