#include <tally/kit/glob.h>

#include <algorithm>

#include "base/log.h"
#include "base/strings.h"
#include "collector/batch.h"
#include "collector/threads.h"

namespace tally::collector {
namespace {

class Writer {
 public:
  Writer(InFlight& in_flight, LossDetector& loss_detector, unsigned number)
      : in_flight_(in_flight), loss_detector_(loss_detector), number_(number) {
    token_.writer = loss_detector_.writer(number);
    token_.found = [this](std::uint64_t last) { loss_detector_.found(number_, last); };
    if (number > 0) next_expire_ = Clock::time_point::max();  // the first does it for all
  }

  void run() {
    while (!in_flight_.quitting()) {
      if (!in_flight_.wants_writer(number_)) {
        storage_ = nullptr;
        if (!in_flight_.wait_for_writer(number_)) return;
      }
      if (!until_open()) return;
      const std::vector<DeliveryPtr> batch = in_flight_.take_batch(wakes(), version_);
      if (!batch.empty()) write(batch);
      if (storage_ && loss_detector_.any() && Clock::now() >= next_losses_) tell_losses();
      if (storage_ && Clock::now() >= next_expire_) expire();
    }
  }

 private:
  // Opens the store as it is configured now, unless that one is open.
  absl::Status open() {
    const std::uint64_t wanted = in_flight_.store_version();
    if (storage_ && version_ == wanted) return absl::OkStatus();
    storage_ = nullptr;
    version_ = wanted;
    auto opened = in_flight_.store().open();
    absl::Status status = opened.status();
    if (status.ok()) status = prepare(**opened);
    if (status.ok()) status = loss_detector_.opened(**opened, in_flight_.store().name);
    if (status.ok()) storage_ = *std::move(opened);
    if (storage_ && token_.sequence == 0) token_.sequence = loss_detector_.first_sequence();
    if (storage_ && loss_detector_.any()) tell_losses();  // first: what is lost is never ready, not for a moment
    in_flight_.report_store(status, false);
    return status;
  }

  absl::Status prepare(plugin::StorageDriver& storage) {
    const absl::Status status = storage.prepare(Prepare::init, [](std::span<const Cell> cells) {
      for (const Cell& cell : cells) log::debug(cell.value);
      return true;
    });
    if (status.ok() || !in_flight_.store().upgrade) return status;
    return storage.prepare(Prepare::upgrade, [](std::span<const Cell> cells) {
      for (const Cell& cell : cells) log::info(cell.value);
      return true;
    });
  }

  // This thread's own batches are compared by each write; those of threads that do not write just now, here.
  void compare() {
    if (Clock::now() >= next_compare_) {
      static_cast<void>(loss_detector_.compare_all(*storage_));
      next_compare_ = Clock::now() + in_flight_.options().compare_every;
    }
    if (loss_detector_.news()) tell_losses();
  }

  // Whatever the store does not take now is told again later: the state folder has it.
  void tell_losses() {
    static_cast<void>(loss_detector_.tell(*storage_));
    in_flight_.report_losses(loss_detector_.losses());
    next_losses_ = Clock::now() + in_flight_.options().losses_every;
  }

  Clock::time_point wakes() const { return loss_detector_.any() ? std::min(next_expire_, next_losses_) : next_expire_; }

  // False: the in-flight table quits.
  bool until_open() {
    Backoff pauses = store_pauses();
    while (!open().ok())
      if (!in_flight_.pause_writer(pauses.next(), version_)) return false;
    return true;
  }

  void write(const std::vector<DeliveryPtr>& deliveries) {
    Batch batch(deliveries);
    Backoff pauses = store_pauses();
    while (!batch.done()) {
      absl::Status status = open();
      const bool opened = status.ok();
      const Clock::time_point begun = Clock::now();
      if (opened) status = batch.write(*storage_, token_);
      if (opened && (status.ok() || batch.divide(status))) {
        const std::uint64_t sequence = token_.sequence++;  // what comes next is another batch
        if (!status.ok()) continue;
        loss_detector_.committed(commit_of(batch, sequence));
        compare();
        in_flight_.report_store(status, true);
        in_flight_.commit(batch.part(), batch.fates(), Clock::now() - begun);
        batch.next();
        pauses.reset();
        continue;
      }
      if (opened) in_flight_.report_store(status, true);
      next_compare_ = {};  // whatever was away may have come back as another one
      if (!in_flight_.pause_writer(pauses.next(), version_)) return in_flight_.return_batch(batch.rest());
    }
  }

  Commit commit_of(const Batch& batch, std::uint64_t sequence) const {
    Commit commit{number_, sequence, Time::now(), static_cast<std::uint32_t>(batch.part().size()), 0};
    for (const Fate& fate : batch.fates()) commit.samples += static_cast<std::uint32_t>(fate.stored);
    return commit;
  }

  void expire() {
    const CollectorOptions options = in_flight_.options();
    next_expire_ = Clock::now() + options.expire_every;
    const bool none = std::none_of(options.retention.begin(), options.retention.end(),
                                   [](const config::Retention& rule) { return rule.age.has_value(); });
    if (none) return;
    if (options.retention.front().meter == "*" &&
        options.retention.front().age) {  // one rule for all: a store can drop what is old as a whole
      report_expiry(expire_before(*options.retention.front().age, ""));
      return;
    }
    Query query;
    query.kind = QueryKind::meters;
    std::vector<std::string> meters;
    absl::Status status = storage_->query(query, [&meters](std::span<const Cell> cells) {
      for (const Cell& cell : cells)
        if (cell.name == "name") meters.emplace_back(cell.value);
      return true;
    });
    for (const std::string& meter : meters)
      if (status.ok()) status = expire_meter(options, meter);
    report_expiry(status);
  }

  static void report_expiry(const absl::Status& status) {
    if (!status.ok())
      log::warning("retention: cannot remove old samples, tried again later: " + std::string(to_std(status.message())));
  }

  absl::Status expire_meter(const CollectorOptions& options, const std::string& meter) {
    for (const config::Retention& rule : options.retention) {
      if (!glob_match(rule.meter, meter)) continue;
      if (!rule.age) return absl::OkStatus();
      return expire_before(*rule.age, meter);
    }
    return absl::OkStatus();
  }

  absl::Status expire_before(std::chrono::seconds age, const std::string& meter) {
    const auto age_us = std::chrono::duration_cast<std::chrono::microseconds>(age).count();
    return storage_->expire(Time{Time::now().us - age_us}, meter).status();
  }

  Backoff store_pauses() const { return {in_flight_.options().retry_first, in_flight_.options().retry_most}; }

  InFlight& in_flight_;
  LossDetector& loss_detector_;
  const unsigned number_;
  plugin::BatchToken token_;
  std::unique_ptr<plugin::StorageDriver> storage_;
  std::uint64_t version_ = 0;
  Clock::time_point next_expire_ = Clock::now();
  Clock::time_point next_compare_{};
  Clock::time_point next_losses_{};
};

}  // namespace

void run_writer(InFlight& in_flight, LossDetector& loss_detector, unsigned number) {
  Writer(in_flight, loss_detector, number).run();
}

}  // namespace tally::collector
