// Role "storage": keeps samples, dead letters and the books; answers queries.
// Not for deciding what is dead or counted: the host does, in Batch::conclude. The whole contract of each call stands
// in tally/abi/storage.h; here it is said again in C++ types.
#ifndef TALLY_SDK_STORAGE_H
#define TALLY_SDK_STORAGE_H

#include <tally/abi/storage.h>
#include <tally/model/storage.h>
#include <tally/model/time.h>
#include <tally/sdk/boundary.h>
#include <tally/sdk/convert_storage.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace tally {

// What one write is to keep: rows, and what follows from their fate. Lives for the call.
class Batch {
 public:
  explicit Batch(const tally_batch& batch) : batch_(batch) {}

  std::size_t size() const { return batch_.row_count; }

  Row operator[](std::size_t index) const { return from_c(batch_.rows[index]); }

  // Which batch this is; no writer: nobody will repeat it. Keep each writer's last sequence and the statuses of its
  // rows in the transaction; where the pair comes again, call conclude() with those statuses, change nothing, and
  // return.
  std::optional<std::string_view> writer() const { return optional_from_c(batch_.writer); }
  std::uint64_t sequence() const { return batch_.sequence; }

  // To be called once per attempt, inside the transaction and before conclude(), by a FullStorage where there is a
  // writer: the last sequence that the store had of it until now; 0: it knows no such writer.
  void found(std::uint64_t last) const {
    if (batch_.found != nullptr) batch_.found(batch_.context, last);
  }

  // To be called once per attempt, inside the transaction, after the rows and before the commit, with one result a row.
  ConclusionView conclude(std::span<const RowResult> results) const {
    std::vector<tally_row_result> out;
    out.reserve(results.size());
    for (const RowResult& result : results) out.push_back(to_c(result));
    tally_conclusion conclusion{};
    conclusion.size = sizeof conclusion;
    if (batch_.conclude != nullptr) batch_.conclude(batch_.context, out.data(), &conclusion);
    return from_c(conclusion);
  }

 private:
  const tally_batch& batch_;
};

// Takes an answer row by row, during the call.
class RowSink {
 public:
  explicit RowSink(const tally_rows& rows) : rows_(rows) {}

  // The views need to live for this call alone. False: the reader has enough, end the query without an error.
  [[nodiscard]] bool operator()(std::span<const Cell> cells) {
    out_.clear();
    for (const Cell& cell : cells) out_.push_back(to_c(cell));
    return rows_.row(rows_.context, out_.data(), out_.size()) == TALLY_OK;
  }

 private:
  const tally_rows& rows_;
  std::vector<tally_cell> out_;
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

  virtual void query(const QueryView& query, RowSink& rows) = 0;

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
  virtual std::size_t put_records(std::span<const RecordView> records) = 0;

  // Those of a kind whose keys begin so, by the bytes of their keys: columns key, version, value.
  virtual void list_records(std::string_view kind, std::string_view prefix, RowSink& rows) = 0;

  virtual WriterState last_batch(std::string_view writer) = 0;
};

namespace detail {

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
      self(instance).query(from_c(*query), sink);
    });
  }

  static std::int32_t purge_dead_letters(void* instance, const tally_str* digests, std::size_t count,
                                         std::uint64_t* removed, tally_error* error) noexcept {
    return guarded(error, [&] {
      std::vector<std::string_view> views;
      for (const tally_str& digest : std::span(digests, count)) views.push_back(from_c(digest));
      *removed = self(instance).purge_dead_letters(views);
    });
  }

  static std::int32_t expire(void* instance, std::int64_t before_us, tally_str meter, std::uint64_t* removed,
                             tally_error* error) noexcept {
    return guarded(error, [&] { *removed = self(instance).expire(Time{before_us}, optional_from_c(meter)); });
  }

  // The group that FullStorage adds; in the table where Plugin is one, alone.
  static FullStorage& full(void* instance) { return static_cast<FullStorage&>(self(instance)); }

  static std::int32_t put_records(void* instance, const tally_record* records, std::size_t count, std::size_t* refused,
                                  tally_error* error) noexcept {
    return guarded(error, [&] {
      std::vector<RecordView> views;
      for (const tally_record& record : std::span(records, count)) views.push_back(from_c(record));
      *refused = full(instance).put_records(views);
    });
  }

  static std::int32_t list_records(void* instance, tally_str kind, tally_str prefix, const tally_rows* rows,
                                   tally_error* error) noexcept {
    return guarded(error, [&] {
      RowSink sink(*rows);
      full(instance).list_records(from_c(kind), optional_from_c(prefix).value_or(""), sink);
    });
  }

  static std::int32_t last_batch(void* instance, tally_str writer, tally_writer* found, tally_error* error) noexcept {
    return guarded(error, [&] { *found = to_c(full(instance).last_batch(from_c(writer))); });
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
