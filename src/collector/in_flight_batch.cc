// The in-flight table's side towards the writers: when a batch is due, what is in it, and what its commit settles.
// Not for the store: see writer_thread.cc.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "collector/in_flight.h"

namespace tally::collector {
namespace {

constexpr int kQuiet = 10;  // a batch to which nothing was added for this part of its age is written

}  // namespace

// When the pending messages are to be written; none: nothing is pending.
std::optional<Clock::time_point> InFlight::batch_due() const {
  if (pending_.empty()) return std::nullopt;
  const bool enough = pending_samples_ >= options_.batch_samples || pending_.size() >= options_.batch_samples;
  // A full window with nothing left to work on gains nothing by waiting.
  const bool stalled = queued_.empty() && working_ == 0 &&
                       std::any_of(buses_.begin(), buses_.end(), [&](const BusPtr& bus) { return full(*bus); });
  if (enough || stalled || hurry_ || closing_) return Clock::time_point::min();
  const auto old = pending_since_ + options_.batch_age;
  // Where nothing comes any more for a while, as from a bus whose own window is smaller than a batch, neither.
  return queued_.empty() && working_ == 0 ? std::min(old, last_pending_ + options_.batch_age / kQuiet) : old;
}

bool InFlight::wants_writer(unsigned number) const {
  const Lock lock(mutex_);
  return number < options_.store.writers;
}

bool InFlight::wait_for_writer(unsigned number) {
  Lock lock(mutex_);
  batch_.wait(lock, [&] { return quit_ || number < options_.store.writers; });
  return !quit_;
}

std::vector<DeliveryPtr> InFlight::take_batch(Clock::time_point until, std::uint64_t store_version) {
  Lock lock(mutex_);
  while (!quit_ && store_version == store_version_) {
    const auto now = Clock::now();
    const auto due = batch_due();
    if (due && *due <= now) break;
    if (until <= now) return {};
    const auto wakes = writers_wake_.insert(due ? std::min(*due, until) : until);
    batch_.wait_until(lock, *wakes);
    writers_wake_.erase(wakes);
  }
  if (quit_ || store_version != store_version_) return {};
  std::vector<DeliveryPtr> batch;
  std::uint64_t samples = 0;
  while (!pending_.empty() && batch.size() < options_.batch_samples && samples < options_.batch_samples) {
    DeliveryPtr delivery = std::move(pending_.front());
    pending_.pop_front();
    pending_samples_ -= delivery->made;
    samples += delivery->made;
    delivery->stage = Stage::writing;
    batch.push_back(std::move(delivery));
  }
  pending_since_ = Clock::now();
  if (pending_.empty()) hurry_ = false;
  return batch;
}

void InFlight::commit(std::span<const DeliveryPtr> batch, std::span<const Fate> fates, Clock::duration took) {
  const Lock lock(mutex_);
  const auto now = Clock::now();
  ++batches_;
  batch_messages_ += batch.size();
  write_time_ += took;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    Delivery& delivery = *batch[i];
    const Fate& fate = fates[i];
    count(fate, delivery.bus->books);
    batch_samples_ += delivery.made;
    for (const DeadLetter& letter : fate.dead_letters) {
      ++dead_letters_[letter.reason];
      if (!delivery.copied) offer_copy(letter);
    }
    if (!delivery.lost) post(delivery.bus, delivery.id, Settle::acknowledge);
    close_books(delivery, now);
  }
}

void InFlight::return_batch(std::span<const DeliveryPtr> batch) {
  const Lock lock(mutex_);
  const auto now = Clock::now();
  for (const DeliveryPtr& delivery : batch) requeue(*delivery, now);
}

void InFlight::report_store(const absl::Status& status, bool attempt) {
  std::string line;
  {
    const Lock lock(mutex_);
    if (!status.ok() && attempt) ++store_failures_;
    if (status.ok() && !store_ok_) line = "store " + options_.store.name + " is there";
    if (status.ok()) store_fault_log_.over();
    if (!status.ok() && store_fault_log_.due(to_std(status.message())))
      line = "store " + options_.store.name + " failed, tried again: " + std::string(status.message());
    store_ok_ = status.ok();
    store_tried_ = true;
    store_reason_ = status.ok() ? "" : std::string(status.message());
  }
  if (!line.empty()) log::write(status.ok() ? log::Level::info : log::Level::warning, line);
}

void InFlight::report_losses(const std::vector<Loss>& losses) {
  const Lock lock(mutex_);
  losses_.clear();
  lost_batches_ = 0;
  for (const Loss& loss : losses) {
    losses_.push_back(loss.text());
    lost_batches_ += loss.batches.empty() ? 1 : loss.batches.size();
  }
}

bool InFlight::pause_writer(Milliseconds pause, std::uint64_t store_version) {
  Lock lock(mutex_);
  const auto until = Clock::now() + pause;
  batch_.wait_until(lock, until, [&] { return quit_ || store_version != store_version_; });
  return !quit_;
}

std::uint64_t InFlight::store_version() const {
  const Lock lock(mutex_);
  return store_version_;
}

StoreOptions InFlight::store() const {
  const Lock lock(mutex_);
  return options_.store;
}

}  // namespace tally::collector
