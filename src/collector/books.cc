#include "collector/books.h"

#include <utility>

#include "plugin/call/marshal.h"

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

Fate decide(const Incoming& message, const Processed& processed, std::span<const RowResult> results) {
  // A driver that answers for fewer rows than it was given has not kept the others.
  static const RowResult kMissing{RowStatus::rejected, "the storage driver gave no answer for this row"};
  Fate fate;
  fate.filtered = processed.filtered;
  fate.dead = processed.dead_samples.size();
  fate.dead_letters = processed.dead_samples;
  if (processed.dead_message) fate.dead_letters.push_back(*processed.dead_message);
  const auto kill = [&](std::size_t i, const char* reason, const std::string& why) {
    fate.dead_letters.push_back(dead_sample(from_c(processed.samples[i]), message, processed, reason, why));
  };
  for (std::size_t i = 0; i < processed.samples.size(); ++i) {
    const RowResult& result = i < results.size() ? results[i] : kMissing;
    switch (result.status) {
      case RowStatus::stored:
        ++fate.stored;
        break;
      case RowStatus::duplicate:
        ++fate.duplicate;
        break;
      case RowStatus::conflict:
        ++fate.conflict;
        kill(i, "conflict", result.reason);
        break;
      case RowStatus::rejected:
        ++fate.dead;
        kill(i, "rejected", result.reason);
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

Fate refuse(const Incoming& message, const Processed& processed, const std::string& why) {
  Fate fate;
  fate.outcome = Outcome::dead;
  fate.filtered = processed.filtered;
  fate.dead = processed.samples.size() + processed.dead_samples.size();
  DeadLetter letter = dead_message(message, processed, "store refused", why, "");
  if (processed.dead_message) {
    letter.detail += "; before that: " + processed.dead_message->detail;
    letter.handler = processed.dead_message->handler;
  }
  fate.dead_letters.push_back(std::move(letter));
  return fate;
}

std::int64_t day_of(Time time) { return time.us / Time::kDay - (time.us % Time::kDay < 0 ? 1 : 0); }

void count(const Fate& fate, Books& books) {
  MessageBooks& messages = books.messages;
  switch (fate.outcome) {
    case Outcome::stored:
      ++messages.stored;
      break;
    case Outcome::duplicate:
      ++messages.duplicate;
      break;
    case Outcome::dead:
      ++messages.dead;
      break;
    case Outcome::filtered:
      ++messages.filtered;
      break;
  }
  SampleBooks& samples = books.samples;
  samples.stored += fate.stored;
  samples.duplicate += fate.duplicate;
  samples.conflict += fate.conflict;
  samples.dead += fate.dead;
  samples.filtered += fate.filtered;
}

void add_entries(const Books& books, std::string_view bus, std::int64_t day, std::vector<BookEntry>& entries) {
  const auto add = [&](const char* unit, const char* outcome, std::uint64_t count) {
    if (count > 0) entries.push_back({day, std::string(bus), unit, outcome, count});
  };
  const auto add_common = [&](const char* unit, const auto& counts) {
    add(unit, "stored", counts.stored);
    add(unit, "duplicate", counts.duplicate);
    add(unit, "dead", counts.dead);
    add(unit, "filtered", counts.filtered);
  };
  add_common("messages", books.messages);
  add_common("samples", books.samples);
  add("samples", "conflict", books.samples.conflict);
}

}  // namespace tally::collector
