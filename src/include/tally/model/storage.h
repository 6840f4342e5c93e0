// What a storage driver is given to keep and to find, and what it answers.
// Not for what crosses the boundary in C: see tally/sdk/convert.h.
//
// Plain values; threads and lifetimes are their owner's affair. What has a `...View` beside it is one template over its
// text type: the one owns its texts, those of the view stand elsewhere and must live as long as it is used.
#ifndef TALLY_MODEL_STORAGE_H
#define TALLY_MODEL_STORAGE_H

#include <tally/model/sample.h>
#include <tally/model/time.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tally {

// The numbers of the enumerations are those of tally/abi/storage.h.

// A sample ready to be kept: `timestamp`, `source` and `resource_metadata` are set, and `volume` is canonical (no
// exponent, no trailing zeros).
struct Row : BasicSample<std::string_view, std::string_view> {
  Time received;
};

enum class RowStatus : std::int32_t {
  stored = 1,
  duplicate = 2,  // id and time there with the same type, unit, volume, project, user; also within the batch
  conflict = 3,   // there with other ones: not kept by the driver
  rejected = 4,   // can never be kept; the rest of the batch is
};

struct RowResult {
  RowStatus status = RowStatus::stored;
  std::string reason;  // of conflict and rejected
};

// A message or sample that can never be stored. A digest that is there already is left alone.
template <class Text>
struct BasicDeadLetter {
  Text digest;  // 32 hexadecimal digits
  Text kind;    // "message" or "sample"
  Text reason;  // a short token
  Text detail;
  Text bus;
  std::optional<Text> event_type;
  std::optional<Text> message_id;
  std::optional<Text> handler;
  Text body;
  Time received;
};
using DeadLetter = BasicDeadLetter<std::string>;
using DeadLetterView = BasicDeadLetter<std::string_view>;

// Adds `count` to the books' line (bus, day, unit, outcome).
template <class Text>
struct BasicBookEntry {
  std::int64_t day = 0;  // days since 1970-01-01 UTC
  Text bus;
  Text unit;     // "messages" or "samples"
  Text outcome;  // stored, duplicate, conflict, dead, filtered
  std::uint64_t count = 0;
};
using BookEntry = BasicBookEntry<std::string>;
using BookEntryView = BasicBookEntry<std::string_view>;

// What a batch adds beside its rows, known only when the fate of each row is; written in its transaction.
template <class Text>
struct BasicConclusion {
  std::vector<BasicDeadLetter<Text>> dead_letters;
  std::vector<BasicBookEntry<Text>> entries;
  std::vector<Text> settled_dead_letters;  // digests that are dead no longer: removed
};
using Conclusion = BasicConclusion<std::string>;
using ConclusionView = BasicConclusion<std::string_view>;

enum class QueryKind : std::int32_t {
  meters = 1,
  resources = 2,
  samples = 3,
  statistics = 4,
  dead_letters = 5,
  books = 6,
  size = 7,
};

// `field` equals `value`; fields: resource_id, project_id, user_id, source, unit, type, metadata.<key>.
template <class Text>
struct BasicFilter {
  Text field;
  Text value;
};
using Filter = BasicFilter<std::string>;
using FilterView = BasicFilter<std::string_view>;

template <class Text>
struct BasicQuery {
  QueryKind kind = QueryKind::meters;
  bool descending = false;            // samples: newest first
  std::optional<Time> start;          // inclusive
  std::optional<Time> end;            // exclusive
  std::optional<std::int64_t> as_of;  // only what batches up to this number brought
  std::int64_t period_us = 0;         // statistics: a window's width, aligned to `start` or else to 1970; 0: one window
  std::optional<std::int64_t> limit;
  Text meter;                              // exact, or with `*` for any run of characters; empty: all
  Text digest;                             // dead letters: this one alone; empty: all
  std::vector<BasicFilter<Text>> filters;  // all must hold
  std::vector<Text> group_by;              // resource_id, project_id, user_id, source, meter, metadata.<key>
};
using Query = BasicQuery<std::string>;
using QueryView = BasicQuery<std::string_view>;

enum class CellKind : std::int32_t {
  null = 0,
  text = 1,
  number = 2,  // exact decimal text
  json = 3,    // any JSON text
};

// One value of an answer's row.
struct Cell {
  std::string_view name;
  CellKind kind = CellKind::null;
  std::string_view value;
};

enum class Prepare : std::int32_t {
  check = 1,    // reachable, schema of this version, intact
  init = 2,     // make it
  upgrade = 3,  // bring it to this version
};

// A small text by (kind, key).
template <class Text>
struct BasicRecord {
  Text kind;                  // 1 to 64 bytes
  Text key;                   // 1 to 512 bytes
  Text value;                 // at most 1 MiB
  std::uint64_t version = 0;  // that must be there for a put; 0: there must be none. Each put adds one.
};
using Record = BasicRecord<std::string>;
using RecordView = BasicRecord<std::string_view>;

// What a store remembers of one writer.
struct WriterState {
  std::uint64_t last = 0;     // the sequence of its last batch; 0: it knows no such writer
  std::optional<Time> used;   // when that was written, by the store's clock
  std::optional<Time> since;  // writers that wrote last before this may be forgotten; none: none was forgotten yet
};

}  // namespace tally

#endif
