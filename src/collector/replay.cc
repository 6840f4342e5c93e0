#include "collector/replay.h"

#include <algorithm>

#include "base/json.h"
#include "base/status.h"
#include "collector/books.h"

namespace tally::collector {

namespace {

// The message that a handler could not make this sample of; its other samples are duplicates by now.
std::optional<std::string> origin_of(const DeadLetter& letter) {
  if (letter.kind != "sample" || letter.reason != "bad sample" || letter.handler.value_or("").empty())
    return std::nullopt;
  const std::optional<Json> sample = python_json(letter.body);
  const std::optional<std::string_view> message = sample ? sample->find_text(kOrigin) : std::nullopt;
  return message ? std::optional<std::string>(*message) : std::nullopt;
}

}  // namespace

absl::StatusOr<Replayed> replay(Pipeline& pipeline, plugin::StorageDriver& store, const DeadLetter& letter) {
  // What a handler made, or what was read well, needs no signature; whoever wrote any other sample may choose its keys.
  const bool unverified =
      letter.reason == "bad signature" || (letter.reason == "bad sample" && letter.handler.value_or("").empty());
  const std::optional<std::string> origin = origin_of(letter);
  const Incoming message{origin.value_or(letter.body), letter.bus, letter.received, unverified};
  const bool alone = letter.kind == "sample" && !origin;
  const Processed processed = alone ? pipeline.process_sample(message) : pipeline.process(message);
  if (processed.again) return transient(processed.again_handler + " says again: " + processed.again_why);
  // What is still dead as a whole would only be written as the letter that is there already.
  if (processed.samples.empty() && processed.dead_message)
    return Replayed{Outcome::dead, processed.dead_message->detail, 0, 0};
  std::vector<tally_row> rows;
  add_rows(processed, message.received, rows);
  Fate fate;
  const absl::Status status = store.write(rows, [&](std::span<const RowResult> results) {
    fate = decide(message, processed, results);
    Conclusion conclusion;
    Books books;
    count(fate, books);
    add_entries(books, "replay", day_of(Time::now()), conclusion.entries);
    conclusion.dead_letters = fate.dead_letters;
    const bool same = std::any_of(fate.dead_letters.begin(), fate.dead_letters.end(),
                                  [&](const DeadLetter& dead) { return dead.digest == letter.digest; });
    if (!same) conclusion.settled_dead_letters.push_back(letter.digest);
    return conclusion;
  });
  if (!status.ok()) return status;
  Replayed result{fate.outcome, "", fate.stored, fate.duplicate};
  if (!fate.dead_letters.empty()) result.why = fate.dead_letters.front().detail;
  return result;
}

}  // namespace tally::collector
