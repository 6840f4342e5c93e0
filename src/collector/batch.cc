// A batch's rows, its fates, and how it is divided.
// Not for opening the store, pausing or settling (writer_thread.cc).
#include "collector/batch.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"

namespace tally::collector {

Batch::Batch(std::span<const DeliveryPtr> deliveries) : deliveries_(deliveries) {
  begins_.reserve(deliveries_.size() + 1);
  for (const DeliveryPtr& delivery : deliveries_) {
    begins_.push_back(rows_.size());
    add_rows(*delivery->processed, delivery->message.received, rows_);
  }
  begins_.push_back(rows_.size());
  if (!deliveries_.empty()) parts_.push_back({0, deliveries_.size(), ""});
}

std::span<const DeliveryPtr> Batch::part() const {
  return deliveries_.subspan(parts_.back().first, parts_.back().last - parts_.back().first);
}

std::span<const DeliveryPtr> Batch::rest() const { return deliveries_.subspan(parts_.back().first); }

std::span<const tally_row> Batch::rows_of(const Part& part) const {
  return std::span(rows_).subspan(begins_[part.first], begins_[part.last] - begins_[part.first]);
}

absl::Status Batch::write(plugin::StorageDriver& store, const plugin::BatchToken& token) {
  const Part& part = parts_.back();
  fates_.clear();
  const std::span<const tally_row> rows = part.refusal.empty() ? rows_of(part) : std::span<const tally_row>();
  const absl::Status status = store.write(
      rows, [&](std::span<const RowResult> results) { return conclude(part, results); }, token);
  if (status.ok() && fates_.size() != part.last - part.first)
    return absl::InternalError("the storage driver said that it wrote, but never asked for the conclusion");
  return status;
}

Conclusion Batch::conclude(const Part& part, std::span<const RowResult> results) {
  Conclusion conclusion;
  fates_.clear();
  fates_.reserve(part.last - part.first);
  std::map<std::pair<std::string_view, std::int64_t>, Books> books;
  for (std::size_t at = part.first; at < part.last; ++at) {
    const Incoming& message = deliveries_[at]->message;
    const Fate& fate = fates_.emplace_back(fate_of(at, part, results));
    count(fate, books[{message.bus, day_of(message.received)}]);
    conclusion.dead_letters.insert(conclusion.dead_letters.end(), fate.dead_letters.begin(), fate.dead_letters.end());
  }
  for (const auto& [page, counts] : books) add_entries(counts, page.first, page.second, conclusion.entries);
  return conclusion;
}

// `results` are those of the whole part, perhaps fewer than its rows.
Fate Batch::fate_of(std::size_t at, const Part& part, std::span<const RowResult> results) const {
  const Delivery& delivery = *deliveries_[at];
  if (!part.refusal.empty()) return refuse(delivery.message, *delivery.processed, part.refusal);
  const std::size_t begin = std::min(results.size(), begins_[at] - begins_[part.first]);
  const std::size_t count = std::min(results.size() - begin, begins_[at + 1] - begins_[at]);
  return decide(delivery.message, *delivery.processed, results.subspan(begin, count));
}

bool Batch::divide(const absl::Status& status) {
  if (status.code() != kPermanent) return false;
  Part& part = parts_.back();
  if (!part.refusal.empty()) {
    parts_ = {{part.first, deliveries_.size(), ""}};
    return false;
  }
  const std::string why(to_std(status.message()));
  if (part.last - part.first == 1) {
    log::once_per("store refused", log::Level::warning,
                  "the store refuses a message for good, it becomes a dead letter: " + why);
    part.refusal = why.empty() ? "the store gave no reason" : why;
    return true;
  }
  const std::size_t middle = part.first + (part.last - part.first) / 2;
  const Part left{part.first, middle, ""};
  part.first = middle;
  parts_.push_back(left);
  return true;
}

}  // namespace tally::collector
