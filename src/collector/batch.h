// One batch on its way into the store: written as a whole or, where the store refuses it for good, part by part until
// the message at fault stands alone and becomes a dead letter.
// Not for opening the store, pausing or settling: a writer's thread does (writer_thread.cc).
#ifndef TALLY_COLLECTOR_BATCH_H
#define TALLY_COLLECTOR_BATCH_H

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "collector/in_flight.h"

namespace tally::collector {

// One thread.
class Batch {
 public:
  // Looks into the deliveries, which must outlive this.
  explicit Batch(std::span<const DeliveryPtr> deliveries);

  // Whether every message was committed.
  bool done() const { return parts_.empty(); }
  // The part that is written next, and all that is not committed yet. REQUIRES: !done().
  std::span<const DeliveryPtr> part() const;
  std::span<const DeliveryPtr> rest() const;

  // Tries to write the part. With OK it is committed, and fates() has one for each of its messages.
  absl::Status write(plugin::StorageDriver& store, const plugin::BatchToken& token);
  std::span<const Fate> fates() const { return fates_; }
  // Goes on to what follows the part.
  void next() { parts_.pop_back(); }

  // After `status` of write(): true when something smaller is to be tried at once, false when the same is to be tried
  // again after a pause. A store that refuses even a dead letter is itself at fault, and all is as before the first
  // try.
  bool divide(const absl::Status& status);

 private:
  struct Part {
    std::size_t first, last;  // of deliveries_, the last not included
    std::string refusal;      // the store's words; not empty: one message, written as a dead letter
  };
  std::span<const tally_row> rows_of(const Part& part) const;
  Conclusion conclude(const Part& part, std::span<const RowResult> results);
  Fate fate_of(std::size_t at, const Part& part, std::span<const RowResult> results) const;

  std::span<const DeliveryPtr> deliveries_;
  std::vector<tally_row> rows_;
  std::vector<std::size_t> begins_;  // of each delivery's rows, and one past the last
  std::vector<Part> parts_;          // the next one is the last
  std::vector<Fate> fates_;          // of the last attempt
};

}  // namespace tally::collector

#endif
