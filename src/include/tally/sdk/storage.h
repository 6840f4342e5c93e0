// Role "storage": keeps samples, dead letters and the books; answers queries.
// Not for deciding what is dead or counted: the host does, in Batch::conclude. The whole contract of each call stands
// in tally/abi/storage.h; here it is said again in C++ types.
#ifndef TALLY_SDK_STORAGE_H
#define TALLY_SDK_STORAGE_H

#include <tally/abi/storage.h>
#include <tally/model/sample.h>
#include <tally/model/time.h>
#include <tally/sdk/boundary.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace tally {

// A sample ready to be kept. Views live until the write returns.
struct Row {
  std::string_view id;
  std::string_view name;
  SampleType type = SampleType::gauge;
  std::string_view unit;
  std::string_view volume;  // canonical: no exponent, no trailing zeros
  std::string_view resource_id;
  std::optional<std::string_view> project_id;
  std::optional<std::string_view> project_name;
  std::optional<std::string_view> user_id;
  std::optional<std::string_view> user_name;
  Time timestamp;
  std::string_view resource_metadata;  // a JSON object
  std::string_view source;
  std::optional<double> monotonic_time;
  Time received;
};

enum class RowStatus : std::int32_t {
  stored = TALLY_STORED,
  duplicate =
      TALLY_DUPLICATE,  // id and time there with the same type, unit, volume, project, user; also within the batch
  conflict = TALLY_CONFLICT,  // there with other ones: not kept by the driver
  rejected = TALLY_REJECTED,  // can never be kept; the rest of the batch is
};

struct RowResult {
  RowStatus status = RowStatus::stored;
  std::string reason;  // of conflict and rejected
};

// A message or sample that can never be stored. A digest that is there already is left alone.
struct DeadLetter {
  std::string_view digest;  // 32 hexadecimal digits
  std::string_view kind;    // "message" or "sample"
  std::string_view reason;  // a short token
  std::string_view detail;
  std::string_view bus;
  std::optional<std::string_view> event_type;
  std::optional<std::string_view> message_id;
  std::optional<std::string_view> handler;
  std::string_view body;
  Time received;
};

// Adds `count` to the books' line (bus, day, unit, outcome).
struct BookEntry {
  std::int64_t day = 0;  // days since 1970-01-01 UTC
  std::string_view bus;
  std::string_view unit;     // "messages" or "samples"
  std::string_view outcome;  // stored, duplicate, conflict, dead, filtered
  std::uint64_t count = 0;
};

// To be written in the batch's transaction. Views live until the write returns.
struct Conclusion {
  std::vector<DeadLetter> dead_letters;
  std::vector<BookEntry> entries;
  std::vector<std::string_view> settled_dead_letters;  // digests that are dead no longer: removed
};

// What one write is to keep: rows, and what follows from their fate. Lives for the call.
class Batch {
 public:
  explicit Batch(const tally_batch& batch) : batch_(batch) {}

  std::size_t size() const { return batch_.row_count; }

  Row operator[](std::size_t index) const {
    const tally_row& row = batch_.rows[index];
    const tally_sample& from = *row.sample;
    Row to;
    to.id = detail::view(from.id);
    to.name = detail::view(from.name);
    to.type = static_cast<SampleType>(from.type);
    to.unit = detail::view(from.unit);
    to.volume = detail::view(from.volume);
    to.resource_id = detail::view(from.resource_id);
    to.project_id = detail::optional_view(from.project_id);
    to.project_name = detail::optional_view(from.project_name);
    to.user_id = detail::optional_view(from.user_id);
    to.user_name = detail::optional_view(from.user_name);
    to.timestamp = Time{from.timestamp_us};
    to.resource_metadata = from.resource_metadata.data == nullptr ? "{}" : detail::view(from.resource_metadata);
    to.source = detail::view(from.source);
    if (from.has_monotonic_time != 0) to.monotonic_time = from.monotonic_time;
    to.received = Time{row.received_us};
    return to;
  }

  // Which batch this is; no writer: nobody will repeat it. Keep each writer's last sequence and the statuses of its
  // rows in the transaction; where the pair comes again, call conclude() with those statuses, change nothing, and
  // return.
  std::optional<std::string_view> writer() const { return detail::optional_view(batch_.writer); }
  std::uint64_t sequence() const { return batch_.sequence; }

  // To be called once per attempt, inside the transaction and before conclude(), by a FullStorage where there is a
  // writer: the last sequence that the store had of it until now; 0: it knows no such writer.
  void found(std::uint64_t last) const {
    if (batch_.found != nullptr) batch_.found(batch_.context, last);
  }

  // To be called once per attempt, inside the transaction, after the rows and before the commit, with one result a row.
  Conclusion conclude(std::span<const RowResult> results) const {
    std::vector<tally_row_result> out;
    out.reserve(results.size());
    for (const RowResult& result : results) {
      out.push_back({static_cast<std::int32_t>(result.status), 0, detail::text(result.reason)});
    }
    tally_conclusion from{};
    from.size = sizeof from;
    if (batch_.conclude != nullptr) batch_.conclude(batch_.context, out.data(), &from);
    return convert(from);
  }

 private:
  static Conclusion convert(const tally_conclusion& from) {
    using detail::optional_view, detail::view;
    Conclusion to;
    for (const tally_dead_letter& letter : std::span(from.dead_letters, from.dead_letter_count)) {
      to.dead_letters.push_back({view(letter.digest), view(letter.kind), view(letter.reason), view(letter.detail),
                                 view(letter.bus), optional_view(letter.event_type), optional_view(letter.message_id),
                                 optional_view(letter.handler), view(letter.body), Time{letter.received_us}});
    }
    for (const tally_book_entry& entry : std::span(from.entries, from.entry_count)) {
      to.entries.push_back({entry.day, view(entry.bus), view(entry.unit), view(entry.outcome), entry.count});
    }
    for (const tally_str& digest : std::span(from.settled_dead_letters, from.settled_dead_letter_count)) {
      to.settled_dead_letters.push_back(view(digest));
    }
    return to;
  }

  const tally_batch& batch_;
};

enum class QueryKind : std::int32_t {
  meters = TALLY_QUERY_METERS,
  resources = TALLY_QUERY_RESOURCES,
  samples = TALLY_QUERY_SAMPLES,
  statistics = TALLY_QUERY_STATISTICS,
  dead_letters = TALLY_QUERY_DEAD_LETTERS,
  books = TALLY_QUERY_BOOKS,
  size = TALLY_QUERY_SIZE,
};

// `field` equals `value`; fields: resource_id, project_id, user_id, source, unit, type, metadata.<key>.
struct Filter {
  std::string_view field;
  std::string_view value;
};

// Views live for the call.
struct Query {
  QueryKind kind = QueryKind::meters;
  bool descending = false;            // samples: newest first
  std::optional<Time> start;          // inclusive
  std::optional<Time> end;            // exclusive
  std::optional<std::int64_t> as_of;  // only what batches up to this number brought
  std::int64_t period_us = 0;         // statistics: a window's width, aligned to `start` or else to 1970; 0: one window
  std::optional<std::int64_t> limit;
  std::optional<std::string_view> meter;   // exact, or with `*` for any run of characters
  std::optional<std::string_view> digest;  // dead letters: this one alone
  std::vector<Filter> filters;             // all must hold
  std::vector<std::string_view> group_by;  // resource_id, project_id, user_id, source, meter, metadata.<key>
};

enum class CellKind : std::int32_t {
  null = TALLY_CELL_NULL,
  text = TALLY_CELL_TEXT,
  number = TALLY_CELL_NUMBER,  // exact decimal text
  json = TALLY_CELL_JSON,      // any JSON text
};

struct Cell {
  std::string_view name;
  CellKind kind = CellKind::null;
  std::string_view value;
};

// Takes an answer row by row, during the call.
class RowSink {
 public:
  explicit RowSink(const tally_rows& rows) : rows_(rows) {}

  // The views need to live for this call alone. False: the reader has enough, end the query without an error.
  [[nodiscard]] bool operator()(std::span<const Cell> cells) {
    out_.clear();
    for (const Cell& cell : cells) {
      out_.push_back({detail::text(cell.name), static_cast<std::int32_t>(cell.kind), 0, detail::text(cell.value)});
    }
    return rows_.row(rows_.context, out_.data(), out_.size()) == TALLY_OK;
  }

 private:
  const tally_rows& rows_;
  std::vector<tally_cell> out_;
};

enum class Prepare : std::int32_t {
  check = TALLY_PREPARE_CHECK,      // reachable, schema of this version, intact
  init = TALLY_PREPARE_INIT,        // make it
  upgrade = TALLY_PREPARE_UPGRADE,  // bring it to this version
};

// A small text by (kind, key). Views live for the call.
struct Record {
  std::string_view kind;      // 1 to 64 bytes
  std::string_view key;       // 1 to 512 bytes
  std::string_view value;     // at most 1 MiB
  std::uint64_t version = 0;  // that must be there for a put; 0: there must be none. Each put adds one.
};

// What the store remembers of one writer.
struct WriterState {
  std::uint64_t last = 0;     // the sequence of its last batch; 0: it knows no such writer
  std::optional<Time> used;   // when that was written, by the store's clock
  std::optional<Time> since;  // writers that wrote last before this may be forgotten; none: none was forgotten yet
};

// What every driver offers.
class Storage {
 public:
  virtual ~Storage() = default;

  // `report` takes lines for the person who asked.
  virtual void prepare(Prepare how, RowSink& report) = 0;

  // One transaction. An error means that nothing was committed, or that this is not known: the host repeats the batch.
  // Error::permanent: this batch will never be written, though others may be: the host splits it until the message at
  // fault stands alone. A store that is unfit for any batch (away, full, damaged, read-only) says Error::transient.
  virtual void write(const Batch& batch) = 0;

  virtual void query(const Query& query, RowSink& rows) = 0;

  // Removes the dead letters of these digests, or all where none is given; returns how many.
  virtual std::uint64_t purge_dead_letters(std::span<const std::string_view> digests) = 0;

  // Removes samples measured before this, of meters that match (none: all); returns how many.
  virtual std::uint64_t expire(Time before, std::optional<std::string_view> meter) = 0;
};

// What a driver offers that also keeps records and remembers writers: derive from this instead of Storage, and the
// host uses it.
class FullStorage : public Storage {
 public:
  // Puts all of them in one transaction and returns their number; or none, and returns the first one's index whose
  // version was not there.
  virtual std::size_t put_records(std::span<const Record> records) = 0;

  // Those of a kind whose keys begin so, by the bytes of their keys: columns key, version, value.
  virtual void list_records(std::string_view kind, std::string_view prefix, RowSink& rows) = 0;

  virtual WriterState last_batch(std::string_view writer) = 0;
};

namespace detail {

inline Query convert(const tally_query& from) {
  Query to;
  to.kind = static_cast<QueryKind>(from.kind);
  to.descending = from.descending != 0;
  if (from.start_us != TALLY_NO_TIME) to.start = Time{from.start_us};
  if (from.end_us != TALLY_NO_TIME) to.end = Time{from.end_us};
  if (from.as_of >= 0) to.as_of = from.as_of;
  to.period_us = from.period_us;
  if (from.limit >= 0) to.limit = from.limit;
  to.meter = optional_view(from.meter);
  to.digest = optional_view(from.digest);
  for (const tally_filter& filter : std::span(from.filters, from.filter_count)) {
    to.filters.push_back({view(filter.field), view(filter.value)});
  }
  for (const tally_str& key : std::span(from.group_by, from.group_by_count)) to.group_by.push_back(view(key));
  return to;
}

template <class Plugin>
struct StorageRole {
  static constexpr std::int32_t kRole = TALLY_ROLE_STORAGE;

  static Storage& self(void* instance) { return *static_cast<Storage*>(instance); }

  static std::int32_t prepare(void* instance, std::int32_t how, const tally_rows* report, tally_error* error) noexcept {
    return guarded(error, [&] {
      RowSink sink(*report);
      self(instance).prepare(static_cast<Prepare>(how), sink);
    });
  }

  static std::int32_t write(void* instance, const tally_batch* batch, tally_error* error) noexcept {
    return guarded(error, [&] { self(instance).write(Batch(*batch)); });
  }

  static std::int32_t query(void* instance, const tally_query* query, const tally_rows* rows,
                            tally_error* error) noexcept {
    return guarded(error, [&] {
      RowSink sink(*rows);
      self(instance).query(convert(*query), sink);
    });
  }

  static std::int32_t purge_dead_letters(void* instance, const tally_str* digests, std::size_t count,
                                         std::uint64_t* removed, tally_error* error) noexcept {
    return guarded(error, [&] {
      std::vector<std::string_view> views;
      for (const tally_str& digest : std::span(digests, count)) views.push_back(view(digest));
      *removed = self(instance).purge_dead_letters(views);
    });
  }

  static std::int32_t expire(void* instance, std::int64_t before_us, tally_str meter, std::uint64_t* removed,
                             tally_error* error) noexcept {
    return guarded(error, [&] { *removed = self(instance).expire(Time{before_us}, optional_view(meter)); });
  }

  // The group that FullStorage adds; in the table where Plugin is one, alone.
  static FullStorage& full(void* instance) { return static_cast<FullStorage&>(self(instance)); }

  static std::int32_t put_records(void* instance, const tally_record* records, std::size_t count, std::size_t* refused,
                                  tally_error* error) noexcept {
    return guarded(error, [&] {
      std::vector<Record> views;
      for (const tally_record& record : std::span(records, count)) {
        views.push_back({view(record.kind), view(record.key), view(record.value), record.version});
      }
      *refused = full(instance).put_records(views);
    });
  }

  static std::int32_t list_records(void* instance, tally_str kind, tally_str prefix, const tally_rows* rows,
                                   tally_error* error) noexcept {
    return guarded(error, [&] {
      RowSink sink(*rows);
      full(instance).list_records(view(kind), optional_view(prefix).value_or(""), sink);
    });
  }

  static std::int32_t last_batch(void* instance, tally_str writer, tally_writer* found, tally_error* error) noexcept {
    return guarded(error, [&] {
      const WriterState state = full(instance).last_batch(view(writer));
      found->last = state.last;
      found->last_us = state.used ? state.used->us : TALLY_NO_TIME;
      found->since_us = state.since ? state.since->us : TALLY_NO_TIME;
    });
  }

  static constexpr tally_storage_table make_table() {
    tally_storage_table table{};
    table.size = sizeof table;
    table.create = create<Plugin, Storage>;
    table.destroy = destroy<Storage>;
    table.prepare = prepare;
    table.write = write;
    table.query = query;
    table.purge_dead_letters = purge_dead_letters;
    table.expire = expire;
    if constexpr (std::is_base_of_v<FullStorage, Plugin>) {
      table.put_records = put_records;
      table.list_records = list_records;
      table.last_batch = last_batch;
    }
    return table;
  }
  static constexpr tally_storage_table kTable = make_table();
};

}  // namespace detail

}  // namespace tally

#endif
