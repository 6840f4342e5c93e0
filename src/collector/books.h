// The books: what was received or made, what became of it, what is still in flight.
// Not thread-safe: the collector keeps them under its one lock, so that the equations hold in every snapshot.
#ifndef TALLY_COLLECTOR_BOOKS_H
#define TALLY_COLLECTOR_BOOKS_H

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collector/pipeline.h"
#include "plugin/roles.h"

namespace tally::collector {

// received = stored + duplicate + dead + filtered + returned + in_flight
struct MessageBooks {
  std::uint64_t received = 0, stored = 0, duplicate = 0, dead = 0, filtered = 0, returned = 0, in_flight = 0;
  MessageBooks& operator+=(const MessageBooks& other);
  bool balanced() const { return received == stored + duplicate + dead + filtered + returned + in_flight; }
};

// made = stored + duplicate + conflict + dead + filtered + returned + in_flight
struct SampleBooks {
  std::uint64_t made = 0, stored = 0, duplicate = 0, conflict = 0, dead = 0, filtered = 0, returned = 0, in_flight = 0;
  SampleBooks& operator+=(const SampleBooks& other);
  bool balanced() const { return made == stored + duplicate + conflict + dead + filtered + returned + in_flight; }
};

struct Books {
  MessageBooks messages;
  SampleBooks samples;
  Books& operator+=(const Books& other);
};

// In order of badness: the worst of a message's parts is the message's outcome.
enum class Outcome { filtered, duplicate, stored, dead };
const char* to_string(Outcome outcome);

// The fate of one message and of each of its samples, known when the store has answered for its rows.
struct Fate {
  Outcome outcome = Outcome::filtered;
  std::uint64_t stored = 0, duplicate = 0, conflict = 0, dead = 0, filtered = 0;
  std::vector<DeadLetter> dead_letters;
};

// `results`: what the store said to each of processed.samples.
Fate decide(const Incoming& message, const Processed& processed, std::span<const RowResult> results);

// The fate of one message that the store refuses for good: it dies as a whole.
Fate refuse(const Incoming& message, const Processed& processed, const std::string& why);

// Counts the outcome of a message and of its samples, and nothing else.
void count(const Fate& fate, Books& books);

// What the store's books of that bus and day (days since 1970-01-01) are to grow by.
void add_entries(const Books& books, std::string_view bus, std::int64_t day, std::vector<BookEntry>& entries);
std::int64_t day_of(Time time);

}  // namespace tally::collector

#endif
