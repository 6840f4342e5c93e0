// The in-flight table's side towards the workers: who gets which message, what is tried again and what is given up.
// Not for handlers: see worker_thread.cc.
#include <tally/kit/backoff.h>

#include <algorithm>
#include <utility>

#include "collector/in_flight.h"

namespace tally::collector {
namespace {

constexpr Milliseconds kGather{2};
constexpr Milliseconds kLastAgain{60'000};
constexpr std::size_t kMostParkedTypes = 100;  // named in readiness; what is beyond is only counted

}  // namespace

// The time at which a worker should take work, or none while nothing waits. A single message waits a moment for others,
// so that workers wake once for a group and not once for each message.
std::optional<Clock::time_point> InFlight::work_due() const {
  std::optional<Clock::time_point> due;
  if (!queued_.empty())
    due = queued_.size() >= kMostWork ? Clock::time_point::min() : queued_.front()->arrived + kGather;
  if (!held_.empty()) due = std::min(due.value_or(Clock::time_point::max()), held_.begin()->first);
  return due;
}

std::vector<DeliveryPtr> InFlight::due_work(Clock::time_point now) {
  std::vector<DeliveryPtr> taken;
  while (taken.size() < kMostWork && !held_.empty() && held_.begin()->first <= now) {
    taken.push_back(held_.begin()->second);
    held_.erase(held_.begin());
  }
  while (taken.size() < kMostWork && !queued_.empty()) {
    taken.push_back(std::move(queued_.front()));
    queued_.pop_front();
  }
  for (const DeliveryPtr& delivery : taken) delivery->stage = Stage::working;
  working_ += taken.size();
  return taken;
}

std::vector<DeliveryPtr> InFlight::take_work(std::uint64_t generation) {
  Lock lock(mutex_);
  while (!quit_ && generation == generation_) {
    const auto now = Clock::now();
    const auto due = work_due();
    if (due && *due <= now) {
      std::vector<DeliveryPtr> taken = due_work(now);
      if (!queued_.empty()) work_.notify_one();
      return taken;
    }
    if (due)
      work_.wait_until(lock, *due);
    else
      work_.wait(lock);
  }
  return {};
}

void InFlight::done_work(const std::vector<DeliveryPtr>& deliveries) {
  const Lock lock(mutex_);
  const auto now = Clock::now();
  for (const DeliveryPtr& delivery : deliveries) {
    --working_;
    const Processed& processed = *delivery->processed;
    for (const std::string& name : processed.parked) {
      std::set<std::string>& types = parked_[name];
      if (types.size() < kMostParkedTypes) types.emplace(processed.event_type);
    }
    if (!processed.parked.empty()) ++parked_messages_;
    if (delivery->lost)
      requeue(*delivery, now);
    else if (processed.again)
      hold_or_dead_letter(delivery, now);
    else
      make_pending(delivery, now);
  }
  const auto due = batch_due();
  if (due && !writers_wake_.empty() && *due < *writers_wake_.begin()) batch_.notify_all();
}

void InFlight::return_work(std::vector<DeliveryPtr> deliveries) {
  const Lock lock(mutex_);
  const auto now = Clock::now();
  std::reverse(deliveries.begin(), deliveries.end());
  for (DeliveryPtr& delivery : deliveries) {
    --working_;
    delivery->stage = Stage::queued;
    if (delivery->lost)
      requeue(*delivery, now);
    else
      queued_.push_front(std::move(delivery));
  }
  work_.notify_all();
}

void InFlight::hold_or_dead_letter(const DeliveryPtr& delivery, Clock::time_point now) {
  if (delivery->tries++ == 0) delivery->first_try = now;
  if (closing_ || delivery->bus->closing) return requeue(*delivery, now);
  Processed& processed = *delivery->processed;
  if (delivery->tries < options_.again_tries && now - delivery->first_try < options_.again_time) {
    delivery->due = now + Backoff(options_.again_first, kLastAgain).after(delivery->tries);
    delivery->stage = Stage::held;
    held_.emplace(delivery->due, delivery);
    work_.notify_one();
    return;
  }
  processed.dead_message = dead_message(delivery->message, processed, "again limit",
                                        processed.again_handler + " asked " + std::to_string(delivery->tries) +
                                            " times to try again; the last time: " + processed.again_why,
                                        processed.again_handler);
  make_pending(delivery, now);
}

void InFlight::make_pending(const DeliveryPtr& delivery, Clock::time_point now) {
  delivery->made = delivery->processed->made;
  delivery->bus->books.samples.made += delivery->made;
  delivery->bus->books.samples.in_flight += delivery->made;
  delivery->stage = Stage::pending;
  last_pending_ = now;
  if (pending_.empty()) pending_since_ = last_pending_;
  pending_samples_ += delivery->made;
  pending_.push_back(delivery);
}

std::uint64_t InFlight::generation() const {
  const Lock lock(mutex_);
  return generation_;
}

void InFlight::next_generation() {
  const Lock lock(mutex_);
  ++generation_;
  work_.notify_all();
}

void InFlight::pause_worker(Milliseconds pause) {
  Lock lock(mutex_);
  work_.wait_until(lock, Clock::now() + pause, [&] { return quit_; });
}

}  // namespace tally::collector
