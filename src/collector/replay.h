// Gives one dead letter another try: through the pipeline and into the store, removed in the same transaction if it
// lives. Not for choosing which: `tally dead-letter replay` does.
#ifndef TALLY_COLLECTOR_REPLAY_H
#define TALLY_COLLECTOR_REPLAY_H

#include "absl/status/statusor.h"
#include "collector/books.h"
#include "collector/pipeline.h"
#include "plugin/roles.h"

namespace tally::collector {

struct Replayed {
  Outcome outcome = Outcome::dead;  // dead: still so, and the letter is kept
  std::string why;                  // if dead
  std::uint64_t stored = 0;
  std::uint64_t duplicate = 0;
};

// The store's books get the samples and the message under the bus "replay". An error: the store failed, or a handler
// said "again" (kTransient); nothing changed.
absl::StatusOr<Replayed> replay(Pipeline& pipeline, plugin::StorageDriver& store, const DeadLetter& letter);

}  // namespace tally::collector

#endif
