// Writes what the host concludes from the fate of a batch's rows: dead letters and the books.
// Not for rows: see write.cc.
#include "conclusion.h"

#include <map>
#include <string>
#include <tuple>

namespace tally::postgresql {

namespace {

// Bytes come from anywhere, and a dead letter is the last place for them: what a text cannot hold is replaced.
std::string fit(std::string_view text) { return fits_text(text) ? std::string(text) : made_fit(text); }

void add(Array& array, const std::optional<std::string_view>& text) {
  if (text) {
    array.add(fit(*text));
  } else {
    array.null();
  }
}

void settle_letters(Connection& connection, const std::vector<std::string_view>& digests) {
  if (digests.empty()) return;
  Array array(Type::text);
  for (const std::string_view digest : digests) array.add(fit(digest));
  connection.ask(
      "DELETE FROM dead_letter WHERE digest IN "
      "(SELECT digest FROM dead_letter WHERE digest = ANY($1) ORDER BY digest FOR UPDATE)",
      Parameters().add(array));
}

void add_letters(Connection& connection, const std::vector<DeadLetterView>& letters) {
  if (letters.empty()) return;
  std::map<std::string_view, const DeadLetterView*> by_digest;
  for (const DeadLetterView& letter : letters) by_digest.emplace(letter.digest, &letter);  // the first of equal ones
  Array digests(Type::text), kinds(Type::text), reasons(Type::text), details(Type::text), buses(Type::text);
  Array events(Type::text), messages(Type::text), handlers(Type::text), bodies(Type::bytes), received(Type::time);
  for (const auto& [digest, letter] : by_digest) {
    add(digests, digest);
    add(kinds, letter->kind);
    add(reasons, letter->reason);
    add(details, letter->detail);
    add(buses, letter->bus);
    add(events, letter->event_type);
    add(messages, letter->message_id);
    add(handlers, letter->handler);
    bodies.add(letter->body);
    received.add(to_server(letter->received));
  }
  Parameters parameters;
  parameters.add(digests).add(kinds).add(reasons).add(details).add(buses).add(events).add(messages).add(handlers);
  connection.ask(
      "INSERT INTO dead_letter (digest, kind, reason, detail, bus, event_type, message_id, handler, body, received) "
      "SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
      parameters.add(bodies).add(received));
}

void add_entries(Connection& connection, const std::vector<BookEntryView>& entries) {
  if (entries.empty()) return;
  std::map<std::tuple<std::string, std::int64_t, std::string, std::string>, std::int64_t> sums;
  for (const BookEntryView& entry : entries) {
    sums[{fit(entry.bus), entry.day, fit(entry.unit), fit(entry.outcome)}] += static_cast<std::int64_t>(entry.count);
  }
  Array buses(Type::text), days(Type::bigint), units(Type::text), outcomes(Type::text), counts(Type::bigint);
  for (const auto& [line, count] : sums) {
    buses.add(std::get<0>(line));
    days.add(std::get<1>(line));
    units.add(std::get<2>(line));
    outcomes.add(std::get<3>(line));
    counts.add(count);
  }
  connection.ask(
      "INSERT INTO book (bus, day, unit, outcome, count) SELECT * FROM unnest($1, $2, $3, $4, $5) "
      "ON CONFLICT (bus, day, unit, outcome) DO UPDATE SET count = book.count + excluded.count",
      Parameters().add(buses).add(days).add(units).add(outcomes).add(counts));
}

}  // namespace

void write_conclusion(Connection& connection, const ConclusionView& conclusion) {
  settle_letters(connection, conclusion.settled_dead_letters);
  add_letters(connection, conclusion.dead_letters);
  add_entries(connection, conclusion.entries);
}

}  // namespace tally::postgresql
