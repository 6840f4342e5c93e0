#include <algorithm>
#include <array>
#include <cstdio>
#include <random>

#include "collector/batch.h"
#include "collector/threads.h"
#include "core/glob.h"
#include "core/log.h"
#include "core/strings.h"

namespace tally::collector {
namespace {

// By which the store knows this run of this process; see host::BatchToken.
std::string random_writer() {
  std::random_device random;
  std::string text;
  for (int i = 0; i < 4; ++i) {
    std::array<char, 9> digits{};
    std::snprintf(digits.data(), digits.size(), "%08x", random());
    text += digits.data();
  }
  return text;
}

class Writer {
 public:
  Writer(Desk& desk, unsigned number) : desk_(desk), number_(number) {
    if (number > 0) next_expire_ = Clock::time_point::max();  // the first does it for all
  }

  void run() {
    while (!desk_.quitting()) {
      if (!desk_.wants_writer(number_)) {
        storage_ = nullptr;
        if (!desk_.wait_for_writer(number_)) return;
      }
      if (!until_open()) return;
      const std::vector<DeliveryPtr> batch = desk_.take_batch(next_expire_, version_);
      if (!batch.empty()) write(batch);
      if (storage_ && Clock::now() >= next_expire_) expire();
    }
  }

 private:
  // Opens the store as it is configured now, unless that one is open.
  absl::Status open() {
    const std::uint64_t wanted = desk_.store_version();
    if (storage_ && version_ == wanted) return absl::OkStatus();
    storage_ = nullptr;
    version_ = wanted;
    auto opened = desk_.store().open();
    absl::Status status = opened.status();
    if (status.ok())
      status = (*opened)->prepare(host::Prepare::init, [](std::span<const host::Cell> cells) {
        for (const host::Cell& cell : cells) log::debug(cell.value);
        return true;
      });
    if (status.ok()) storage_ = *std::move(opened);
    desk_.report_store(status, false);
    return status;
  }

  // False: the desk quits.
  bool until_open() {
    for (Milliseconds pause = first_pause(); !open().ok(); pause = longer(pause))
      if (!desk_.pause_writer(pause, version_)) return false;
    return true;
  }

  void write(const std::vector<DeliveryPtr>& deliveries) {
    Batch batch(deliveries);
    Milliseconds pause = first_pause();
    while (!batch.done()) {
      absl::Status status = open();
      const bool opened = status.ok();
      const Clock::time_point begun = Clock::now();
      if (opened) status = batch.write(*storage_, token_);
      if (opened && (status.ok() || batch.divide(status))) {
        ++token_.sequence;  // what comes next is another batch
        if (!status.ok()) continue;
        desk_.report_store(status, true);
        desk_.commit(batch.part(), batch.fates(), Clock::now() - begun);
        batch.next();
        pause = first_pause();
        continue;
      }
      if (opened) desk_.report_store(status, true);
      if (!desk_.pause_writer(pause, version_)) return desk_.return_batch(batch.rest());
      pause = longer(pause);
    }
  }

  void expire() {
    const CollectorOptions options = desk_.options();
    next_expire_ = Clock::now() + options.expire_every;
    const bool none = std::none_of(options.retention.begin(), options.retention.end(),
                                   [](const host::Retention& rule) { return rule.age.has_value(); });
    if (none) return;
    if (options.retention.front().meter == "*" &&
        options.retention.front().age) {  // one rule for all: a store can drop what is old as a whole
      report_expiry(expire_before(*options.retention.front().age, ""));
      return;
    }
    host::Query query;
    query.kind = host::QueryKind::meters;
    std::vector<std::string> meters;
    absl::Status status = storage_->query(query, [&meters](std::span<const host::Cell> cells) {
      for (const host::Cell& cell : cells)
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
    for (const host::Retention& rule : options.retention) {
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

  Milliseconds first_pause() const { return desk_.options().retry_first; }
  Milliseconds longer(Milliseconds pause) const { return std::min(pause * 2, desk_.options().retry_most); }

  Desk& desk_;
  const unsigned number_;
  host::BatchToken token_{random_writer(), 1};
  std::unique_ptr<host::Storage> storage_;
  std::uint64_t version_ = 0;
  Clock::time_point next_expire_ = Clock::now();
};

}  // namespace

void run_writer(Desk& desk, unsigned number) { Writer(desk, number).run(); }

}  // namespace tally::collector
