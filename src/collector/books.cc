#include "collector/books.h"

#include <utility>

namespace tally::collector {

MessageBooks& MessageBooks::operator+=(const MessageBooks& other) {
  received += other.received;
  stored += other.stored;
  duplicate += other.duplicate;
  dead += other.dead;
  filtered += other.filtered;
  returned += other.returned;
  in_flight += other.in_flight;
  return *this;
}

SampleBooks& SampleBooks::operator+=(const SampleBooks& other) {
  made += other.made;
  stored += other.stored;
  duplicate += other.duplicate;
  conflict += other.conflict;
  dead += other.dead;
  filtered += other.filtered;
  returned += other.returned;
  in_flight += other.in_flight;
  return *this;
}

Books& Books::operator+=(const Books& other) {
  messages += other.messages;
  samples += other.samples;
  return *this;
}

const char* to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::filtered:
      return "filtered";
    case Outcome::duplicate:
      return "duplicate";
    case Outcome::stored:
      return "stored";
    case Outcome::dead:
      break;
  }
  return "dead";
}

Fate decide(const Incoming& message, const Processed& processed, std::span<const host::Row> rows,
            std::span<const host::RowResult> results) {
  Fate fate;
  fate.filtered = processed.filtered;
  fate.dead = processed.dead_samples.size();
  fate.dead_letters = processed.dead_samples;
  if (processed.dead_message) fate.dead_letters.push_back(*processed.dead_message);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    // A driver that answers for fewer rows than it was given has not kept the others.
    const host::RowResult missing{host::RowStatus::rejected, "the storage driver gave no answer for this row"};
    const host::RowResult& result = i < results.size() ? results[i] : missing;
    switch (result.status) {
      case host::RowStatus::stored:
        ++fate.stored;
        break;
      case host::RowStatus::duplicate:
        ++fate.duplicate;
        break;
      case host::RowStatus::conflict:
        ++fate.conflict;
        fate.dead_letters.push_back(dead_row(rows[i], message, processed, "conflict", result.reason));
        break;
      case host::RowStatus::rejected:
        ++fate.dead;
        fate.dead_letters.push_back(dead_row(rows[i], message, processed, "rejected", result.reason));
        break;
    }
  }
  if (!fate.dead_letters.empty())
    fate.outcome = Outcome::dead;
  else if (fate.stored > 0)
    fate.outcome = Outcome::stored;
  else if (fate.duplicate > 0)
    fate.outcome = Outcome::duplicate;
  return fate;
}

Fate refuse(const Incoming& message, const Processed& processed, std::size_t rows, const std::string& why) {
  Fate fate;
  fate.outcome = Outcome::dead;
  fate.filtered = processed.filtered;
  fate.dead = rows + processed.dead_samples.size();
  host::DeadLetter letter = dead_message(message, processed, "store refused", why, "");
  if (processed.dead_message) {
    letter.detail += "; before that: " + processed.dead_message->detail;
    letter.handler = processed.dead_message->handler;
  }
  fate.dead_letters.push_back(std::move(letter));
  return fate;
}

std::int64_t day_of(Time time) { return time.us / Time::kDay - (time.us % Time::kDay < 0 ? 1 : 0); }

namespace {

void add_entry(std::vector<host::BookEntry>& entries, const std::string& bus, std::int64_t day, const char* unit,
               const char* outcome, std::uint64_t count) {
  if (count == 0) return;
  for (host::BookEntry& entry : entries)
    if (entry.day == day && entry.outcome == outcome && entry.unit == unit && entry.bus == bus) {
      entry.count += count;
      return;
    }
  entries.push_back({day, bus, unit, outcome, count});
}

}  // namespace

void add_entries(const Fate& fate, const std::string& bus, std::int64_t day, std::vector<host::BookEntry>& entries) {
  add_entry(entries, bus, day, "messages", to_string(fate.outcome), 1);
  add_entry(entries, bus, day, "samples", "stored", fate.stored);
  add_entry(entries, bus, day, "samples", "duplicate", fate.duplicate);
  add_entry(entries, bus, day, "samples", "conflict", fate.conflict);
  add_entry(entries, bus, day, "samples", "dead", fate.dead);
  add_entry(entries, bus, day, "samples", "filtered", fate.filtered);
}

}  // namespace tally::collector
