// What a storage is given and answers, to and from C.
// Not for judging what comes from the other side: the host checks foreign bytes beside its calls.
//
// No text is copied: what is made looks into what it was made of.
#ifndef TALLY_SDK_CONVERT_STORAGE_H
#define TALLY_SDK_CONVERT_STORAGE_H

#include <tally/abi/storage.h>
#include <tally/model/storage.h>
#include <tally/sdk/convert.h>

#include <cstdint>
#include <span>
#include <vector>

namespace tally {

static_assert(static_cast<int>(RowStatus::stored) == TALLY_STORED &&
              static_cast<int>(RowStatus::duplicate) == TALLY_DUPLICATE &&
              static_cast<int>(RowStatus::conflict) == TALLY_CONFLICT &&
              static_cast<int>(RowStatus::rejected) == TALLY_REJECTED);
static_assert(static_cast<int>(QueryKind::meters) == TALLY_QUERY_METERS &&
              static_cast<int>(QueryKind::resources) == TALLY_QUERY_RESOURCES &&
              static_cast<int>(QueryKind::samples) == TALLY_QUERY_SAMPLES &&
              static_cast<int>(QueryKind::statistics) == TALLY_QUERY_STATISTICS &&
              static_cast<int>(QueryKind::dead_letters) == TALLY_QUERY_DEAD_LETTERS &&
              static_cast<int>(QueryKind::books) == TALLY_QUERY_BOOKS &&
              static_cast<int>(QueryKind::size) == TALLY_QUERY_SIZE);
static_assert(static_cast<int>(CellKind::null) == TALLY_CELL_NULL &&
              static_cast<int>(CellKind::text) == TALLY_CELL_TEXT &&
              static_cast<int>(CellKind::number) == TALLY_CELL_NUMBER &&
              static_cast<int>(CellKind::json) == TALLY_CELL_JSON);
static_assert(static_cast<int>(Prepare::check) == TALLY_PREPARE_CHECK &&
              static_cast<int>(Prepare::init) == TALLY_PREPARE_INIT &&
              static_cast<int>(Prepare::upgrade) == TALLY_PREPARE_UPGRADE);

// A sample that stands where its C form is, which the host makes once: to_c of a sample, and the time.
inline Row from_c(const tally_row& given) {
  Row row;
  from_c(*given.sample, row);
  row.volume = from_c(given.sample->volume);
  row.received = Time{given.received_us};
  return row;
}

inline tally_row_result to_c(const RowResult& result) {
  return {static_cast<std::int32_t>(result.status), 0, to_c(result.reason)};
}

template <class Text>
tally_dead_letter to_c(const BasicDeadLetter<Text>& letter) {
  return {sizeof(tally_dead_letter), to_c(letter.digest), to_c(letter.kind),       to_c(letter.reason),
          to_c(letter.detail),       to_c(letter.bus),    to_c(letter.event_type), to_c(letter.message_id),
          to_c(letter.handler),      to_c(letter.body),   letter.received.us};
}
inline DeadLetterView from_c(const tally_dead_letter& given) {
  return {from_c(given.digest),
          from_c(given.kind),
          from_c(given.reason),
          from_c(given.detail),
          from_c(given.bus),
          optional_from_c(given.event_type),
          optional_from_c(given.message_id),
          optional_from_c(given.handler),
          from_c(given.body),
          Time{given.received_us}};
}

template <class Text>
tally_book_entry to_c(const BasicBookEntry<Text>& entry) {
  return {sizeof(tally_book_entry), entry.day, to_c(entry.bus), to_c(entry.unit), to_c(entry.outcome), entry.count};
}
inline BookEntryView from_c(const tally_book_entry& given) {
  return {given.day, from_c(given.bus), from_c(given.unit), from_c(given.outcome), given.count};
}

// A conclusion as its C struct, with the lists that this looks into. The conclusion must outlive it.
class ConclusionInC {
 public:
  template <class Text>
  explicit ConclusionInC(const BasicConclusion<Text>& conclusion) {
    for (const auto& letter : conclusion.dead_letters) letters_.push_back(to_c(letter));
    for (const auto& entry : conclusion.entries) entries_.push_back(to_c(entry));
    for (const auto& digest : conclusion.settled_dead_letters) settled_.push_back(to_c(digest));
  }
  // Valid as long as this.
  tally_conclusion get() const {
    return {sizeof(tally_conclusion), letters_.data(), letters_.size(), entries_.data(),
            entries_.size(),          settled_.data(), settled_.size()};
  }

 private:
  std::vector<tally_dead_letter> letters_;
  std::vector<tally_book_entry> entries_;
  std::vector<tally_str> settled_;
};
inline ConclusionView from_c(const tally_conclusion& given) {
  ConclusionView conclusion;
  for (const auto& letter : std::span(given.dead_letters, given.dead_letter_count))
    conclusion.dead_letters.push_back(from_c(letter));
  for (const auto& entry : std::span(given.entries, given.entry_count)) conclusion.entries.push_back(from_c(entry));
  for (const tally_str& digest : std::span(given.settled_dead_letters, given.settled_dead_letter_count))
    conclusion.settled_dead_letters.push_back(from_c(digest));
  return conclusion;
}

// A query as its C struct, with the lists that this looks into. The query must outlive it.
class QueryInC {
 public:
  template <class Text>
  explicit QueryInC(const BasicQuery<Text>& query) {
    for (const auto& filter : query.filters) filters_.push_back({to_c(filter.field), to_c(filter.value)});
    for (const auto& group : query.group_by) groups_.push_back(to_c(group));
    query_.size = sizeof query_;
    query_.kind = static_cast<std::int32_t>(query.kind);
    query_.descending = query.descending ? 1 : 0;
    query_.start_us = to_c(query.start);
    query_.end_us = to_c(query.end);
    query_.as_of = query.as_of.value_or(-1);
    query_.period_us = query.period_us;
    query_.limit = query.limit.value_or(-1);
    query_.meter = to_c_unless_empty(query.meter);
    query_.digest = to_c_unless_empty(query.digest);
    query_.filters = filters_.data();
    query_.filter_count = filters_.size();
    query_.group_by = groups_.data();
    query_.group_by_count = groups_.size();
  }
  QueryInC(const QueryInC&) = delete;
  QueryInC& operator=(const QueryInC&) = delete;
  const tally_query& get() const { return query_; }

 private:
  std::vector<tally_filter> filters_;
  std::vector<tally_str> groups_;
  tally_query query_{};
};
inline QueryView from_c(const tally_query& given) {
  QueryView query;
  query.kind = static_cast<QueryKind>(given.kind);
  query.descending = given.descending != 0;
  query.start = time_from_c(given.start_us);
  query.end = time_from_c(given.end_us);
  if (given.as_of >= 0) query.as_of = given.as_of;
  query.period_us = given.period_us;
  if (given.limit >= 0) query.limit = given.limit;
  query.meter = from_c(given.meter);
  query.digest = from_c(given.digest);
  for (const tally_filter& filter : std::span(given.filters, given.filter_count))
    query.filters.push_back({from_c(filter.field), from_c(filter.value)});
  for (const tally_str& key : std::span(given.group_by, given.group_by_count)) query.group_by.push_back(from_c(key));
  return query;
}

inline tally_cell to_c(const Cell& cell) {
  return {to_c(cell.name), static_cast<std::int32_t>(cell.kind), 0, to_c(cell.value)};
}
inline Cell from_c(const tally_cell& given) {
  return {from_c(given.name), static_cast<CellKind>(given.kind), from_c(given.value)};
}

template <class Text>
tally_record to_c(const BasicRecord<Text>& record) {
  return {sizeof(tally_record), to_c(record.kind), to_c(record.key), to_c(record.value), record.version};
}
inline RecordView from_c(const tally_record& given) {
  return {from_c(given.kind), from_c(given.key), from_c(given.value), given.version};
}

inline tally_writer to_c(const WriterState& state) {
  return {sizeof(tally_writer), state.last, to_c(state.used), to_c(state.since)};
}
inline WriterState from_c(const tally_writer& given) {
  return {given.last, time_from_c(given.last_us), time_from_c(given.since_us)};
}

}  // namespace tally

#endif
