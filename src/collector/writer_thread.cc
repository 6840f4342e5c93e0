#include <algorithm>

#include "collector/threads.h"
#include "core/glob.h"
#include "core/log.h"
#include "core/strings.h"

namespace tally::collector {
namespace {

constexpr std::chrono::hours kExpireEvery{1};

// One batch as the store sees it: the rows of all its messages, one after another.
struct Batch {
  const std::vector<DeliveryPtr>& deliveries;
  std::vector<host::Row> rows;
  std::vector<std::size_t> begins;  // of each delivery's rows, and one past the last
  std::vector<Fate> fates;          // of the last attempt

  explicit Batch(const std::vector<DeliveryPtr>& given) : deliveries(given) {
    for (const DeliveryPtr& delivery : deliveries) {
      begins.push_back(rows.size());
      std::move(delivery->processed.rows.begin(), delivery->processed.rows.end(), std::back_inserter(rows));
      delivery->processed.rows.clear();
    }
    begins.push_back(rows.size());
  }

  host::Conclusion conclude(std::span<const host::RowResult> results) {
    host::Conclusion conclusion;
    fates.clear();
    for (std::size_t i = 0; i < deliveries.size(); ++i) {
      const Delivery& delivery = *deliveries[i];
      const std::size_t begin = begins[i], count = begins[i + 1] - begins[i];
      const std::size_t answered = std::min(results.size(), begins[i + 1]) - std::min(results.size(), begin);
      fates.push_back(decide(delivery.message, delivery.processed, std::span(rows).subspan(begin, count),
                             answered == 0 ? std::span<const host::RowResult>() : results.subspan(begin, answered)));
      const Fate& fate = fates.back();
      add_entries(fate, delivery.message.bus, day_of(delivery.message.received), conclusion.entries);
      conclusion.dead_letters.insert(conclusion.dead_letters.end(), fate.dead_letters.begin(), fate.dead_letters.end());
    }
    return conclusion;
  }
};

class Writer {
 public:
  explicit Writer(Desk& desk) : desk_(desk) {}

  void run() {
    while (!desk_.quitting()) {
      if (!until_open()) return;
      const std::vector<DeliveryPtr> batch = desk_.take_batch(next_expire_, version_);
      if (!batch.empty())
        write(batch);
      else if (Clock::now() >= next_expire_)
        expire();
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
    for (Milliseconds pause = first_pause();; pause = longer(pause)) {
      absl::Status status = open();
      if (status.ok()) {
        status = storage_->write(
            batch.rows, [&batch](std::span<const host::RowResult> results) { return batch.conclude(results); });
        if (status.ok() && batch.fates.size() != deliveries.size())
          status = absl::InternalError("the storage driver said that it wrote, but never asked for the conclusion");
        if (status.ok()) {
          desk_.report_store(status, true);
          desk_.commit(deliveries, batch.fates);
          return;
        }
        batch.fates.clear();
        desk_.report_store(status, true);
      }
      if (!desk_.pause_writer(pause, version_)) return desk_.return_batch(deliveries);
    }
  }

  void expire() {
    next_expire_ = Clock::now() + kExpireEvery;
    const CollectorOptions options = desk_.options();
    const bool none = std::none_of(options.retention.begin(), options.retention.end(),
                                   [](const host::Retention& rule) { return rule.age.has_value(); });
    if (none) return;
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
    if (!status.ok())
      log::warning("retention: cannot remove old samples, tried again in an hour: " +
                   std::string(to_std(status.message())));
  }

  absl::Status expire_meter(const CollectorOptions& options, const std::string& meter) {
    for (const host::Retention& rule : options.retention) {
      if (!glob_match(rule.meter, meter)) continue;
      if (!rule.age) return absl::OkStatus();
      const auto age = std::chrono::duration_cast<std::chrono::microseconds>(*rule.age).count();
      return storage_->expire(Time{Time::now().us - age}, meter).status();
    }
    return absl::OkStatus();
  }

  Milliseconds first_pause() const { return desk_.options().retry_first; }
  Milliseconds longer(Milliseconds pause) const { return std::min(pause * 2, desk_.options().retry_most); }

  Desk& desk_;
  std::unique_ptr<host::Storage> storage_;
  std::uint64_t version_ = 0;
  Clock::time_point next_expire_ = Clock::now();
};

}  // namespace

void run_writer(Desk& desk) { Writer(desk).run(); }

}  // namespace tally::collector
