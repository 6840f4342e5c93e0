#include "collector/replay.h"

#include <algorithm>

#include "collector/books.h"
#include "core/status.h"

namespace tally::collector {

absl::StatusOr<Replayed> replay(Pipeline& pipeline, host::Storage& store, const host::DeadLetter& letter) {
  const Incoming message{letter.body, letter.bus, letter.received};
  const Processed processed = letter.kind == "sample" ? pipeline.process_sample(message) : pipeline.process(message);
  if (processed.again) return passing(processed.again_handler + " says again: " + processed.again_why);
  // What is still dead as a whole would only be written as the letter that is there already.
  if (processed.samples.empty() && processed.dead_message)
    return Replayed{Outcome::dead, processed.dead_message->detail, 0, 0};
  std::vector<host::Row> rows;
  add_rows(processed, message.received, rows);
  Fate fate;
  const absl::Status status = store.write(rows, [&](std::span<const host::RowResult> results) {
    fate = decide(message, processed, results);
    host::Conclusion conclusion;
    Books books;
    count(fate, books);
    add_entries(books, "replay", day_of(Time::now()), conclusion.entries);
    conclusion.dead_letters = fate.dead_letters;
    const bool same = std::any_of(fate.dead_letters.begin(), fate.dead_letters.end(),
                                  [&](const host::DeadLetter& dead) { return dead.digest == letter.digest; });
    if (!same) conclusion.settled_dead_letters.push_back(letter.digest);
    return conclusion;
  });
  if (!status.ok()) return status;
  Replayed result{fate.outcome, "", fate.stored, fate.duplicate};
  if (!fate.dead_letters.empty()) result.why = fate.dead_letters.front().detail;
  return result;
}

}  // namespace tally::collector
