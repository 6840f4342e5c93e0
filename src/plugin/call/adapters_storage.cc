// The role "storage": a C table as a StorageDriver.
// Not for repeating a batch that failed: the caller does, and ids make it safe.
#include <tally/abi/storage.h>

#include <simdjson.h>

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "plugin/call/adapters.h"
#include "plugin/call/instance.h"

namespace tally::plugin {
namespace {

constexpr std::string_view kNumberBytes = "0123456789+-.eE";
constexpr std::size_t kMostCells = 1024;                       // of one row
constexpr std::size_t kLongestCell = std::size_t{256} << 20U;  // a message's body at most

// What a query or prepare() answers; false ends it.
struct Reading {
  const TakeRow& sink;
  std::vector<Cell> cells;
  absl::Status fault;
};
using ReadingGate = Gate<Reading>;

absl::StatusOr<Cell> checked_cell(const tally_cell& given) {
  if (given.kind < TALLY_CELL_NULL || given.kind > TALLY_CELL_JSON) {
    return absl::InternalError(absl::StrCat("the plugin's cell has the unknown kind ", given.kind));
  }
  if (given.value.size > kLongestCell) {
    return absl::InternalError(absl::StrCat("the plugin's cell has ", given.value.size, " bytes"));
  }
  const std::string_view value = from_c(given.value);
  const bool bytes = given.kind == TALLY_CELL_TEXT && from_c(given.name) == "body";  // a dead letter's, as they came
  const bool utf8 = bytes || simdjson::validate_utf8(value.data(), value.size());
  if (absl::Status name = check_text(given.name, {"a cell's name", 1, 1024}); !name.ok() || !utf8) {
    return absl::InternalError(name.ok() ? "the plugin's cell is not UTF-8" : std::string(name.message()));
  }
  const bool number = given.kind == TALLY_CELL_NUMBER;
  if (number && (value.empty() || value.find_first_not_of(kNumberBytes) != std::string_view::npos)) {
    return absl::InternalError(absl::StrCat("the plugin's cell \"", to_absl(from_c(given.name)), "\" is not a number"));
  }
  return from_c(given);
}

std::int32_t take_row(void* context, const tally_cell* cells, std::size_t count) {
  Reading* reading = static_cast<ReadingGate*>(context)->target();
  if (reading == nullptr || !reading->fault.ok() || (cells == nullptr && count != 0)) return TALLY_PERMANENT;
  if (count > kMostCells) {
    reading->fault = absl::InternalError("the plugin's row has more than 1024 cells");
    return TALLY_PERMANENT;
  }
  try {
    reading->cells.clear();
    for (std::size_t i = 0; i < count; ++i) {
      absl::StatusOr<Cell> cell = checked_cell(cells[i]);
      if (!cell.ok()) {
        reading->fault = cell.status();
        return TALLY_PERMANENT;
      }
      reading->cells.push_back(*cell);
    }
    return !reading->sink || reading->sink(reading->cells) ? TALLY_OK : TALLY_PERMANENT;
  } catch (...) {
    reading->fault = transient("out of memory while rows were taken");
    return TALLY_TRANSIENT;
  }
}

// One write(): its rows, and what the caller concludes from their fate.
class Writing {
 public:
  Writing(std::span<const tally_row> rows, const Conclude& conclude, const BatchToken& token)
      : rows_(rows), conclude_(conclude), token_(token) {}

  std::span<const tally_row> rows() const { return rows_; }
  bool concluded() const { return concluded_; }
  const absl::Status& fault() const { return fault_; }

  // One result a row.
  void conclude(std::span<const tally_row_result> results, tally_conclusion* out) {
    std::vector<RowResult> fates;
    fates.reserve(results.size());
    for (const tally_row_result& result : results) fates.push_back(fate(result));
    conclusion_ = conclude_ ? conclude_(fates) : Conclusion();
    concluded_ = true;
    in_c_.emplace(conclusion_);
    *out = in_c_->get();
  }
  void found(std::uint64_t last) {
    if (token_.found) token_.found(last);
  }
  void failed(absl::Status fault) { fault_ = std::move(fault); }

 private:
  // A status that is none would lose the row silently: it is told as rejected.
  static RowResult fate(const tally_row_result& result) {
    if (result.status < TALLY_STORED || result.status > TALLY_REJECTED) {
      return {RowStatus::rejected,
              absl::StrCat("the storage driver answered ", result.status, ", which is not a status")};
    }
    const std::string_view reason = from_c(result.reason);
    return {static_cast<RowStatus>(result.status), reason.empty() ? std::string() : readable_text(reason)};
  }

  std::span<const tally_row> rows_;
  const Conclude& conclude_;
  const BatchToken& token_;
  Conclusion conclusion_;
  std::optional<ConclusionInC> in_c_;  // of conclusion_
  bool concluded_ = false;
  absl::Status fault_;
};
using WritingGate = Gate<Writing>;

void take_conclusion(void* context, const tally_row_result* results, tally_conclusion* conclusion) {
  Writing* writing = static_cast<WritingGate*>(context)->target();
  if (writing == nullptr || conclusion == nullptr || conclusion->size < sizeof(tally_conclusion)) return;
  if (results == nullptr && !writing->rows().empty()) return;
  try {
    writing->conclude({results, writing->rows().size()}, conclusion);
  } catch (...) {
    writing->failed(transient("out of memory while a batch was concluded"));
  }
}

void take_found(void* context, std::uint64_t last) {
  Writing* writing = static_cast<WritingGate*>(context)->target();
  if (writing == nullptr) return;
  try {
    writing->found(last);
  } catch (...) {
    writing->failed(transient("out of memory while a writer's last batch was compared"));
  }
}

class LoadedStorage final : public StorageDriver {
 public:
  explicit LoadedStorage(Instance<tally_storage_table> instance) : instance_(std::move(instance)) {}

  absl::Status prepare(Prepare how, const TakeRow& report) override {
    Reading reading{report, {}, absl::OkStatus()};
    const Opened<Reading> opened(*reading_, reading);
    absl::Status status = instance_.call(&tally_storage_table::prepare, static_cast<std::int32_t>(how), &taker_);
    return status.ok() ? reading.fault : status;
  }

  absl::Status write(std::span<const tally_row> rows, const Conclude& conclude, const BatchToken& token) override {
    Writing writing(rows, conclude, token);
    const Opened<Writing> opened(*writing_, writing);
    const tally_batch batch = {
        sizeof(tally_batch), writing.rows().data(),           writing.rows().size(), writing_,
        &take_conclusion,    to_c_unless_empty(token.writer), token.sequence,        &take_found};
    absl::Status status = instance_.call(&tally_storage_table::write, &batch);
    if (!status.ok()) return status;
    if (!writing.fault().ok()) return writing.fault();
    if (!writing.concluded()) {
      return absl::InternalError("the storage driver committed a batch without concluding it");
    }
    return absl::OkStatus();
  }

  absl::Status query(const Query& query, const TakeRow& rows) override {
    const QueryInC asked(query);
    Reading reading{rows, {}, absl::OkStatus()};
    const Opened<Reading> opened(*reading_, reading);
    absl::Status status = instance_.call(&tally_storage_table::query, &asked.get(), &taker_);
    return status.ok() ? reading.fault : status;
  }

  absl::StatusOr<std::uint64_t> purge_dead_letters(std::span<const std::string> digests) override {
    std::vector<tally_str> list;
    for (const std::string& digest : digests) list.push_back(to_c(digest));
    std::uint64_t removed = 0;
    absl::Status status = instance_.call(&tally_storage_table::purge_dead_letters, list.data(), list.size(), &removed);
    if (!status.ok()) return status;
    return removed;
  }

  absl::StatusOr<std::uint64_t> expire(Time before, const std::string& meter) override {
    std::uint64_t removed = 0;
    absl::Status status = instance_.call(&tally_storage_table::expire, before.us, to_c_unless_empty(meter), &removed);
    if (!status.ok()) return status;
    return removed;
  }

  absl::StatusOr<bool> put_records(std::span<const Record> records) override {
    if (!instance_.offers(&tally_storage_table::put_records)) return no_records();
    std::vector<tally_record> list;
    list.reserve(records.size());
    for (const Record& record : records) list.push_back(to_c(record));
    std::size_t refused = 0;
    absl::Status status = instance_.call(&tally_storage_table::put_records, list.data(), list.size(), &refused);
    if (!status.ok()) return status;
    return refused >= records.size();
  }

  absl::Status list_records(const std::string& kind, const std::string& prefix, const TakeRow& rows) override {
    if (!instance_.offers(&tally_storage_table::list_records)) return no_records();
    Reading reading{rows, {}, absl::OkStatus()};
    const Opened<Reading> opened(*reading_, reading);
    absl::Status status =
        instance_.call(&tally_storage_table::list_records, to_c(kind), to_c_unless_empty(prefix), &taker_);
    return status.ok() ? reading.fault : status;
  }

  absl::StatusOr<WriterState> last_batch(const std::string& writer) override {
    if (!instance_.offers(&tally_storage_table::last_batch)) return no_records();
    tally_writer found = {sizeof(tally_writer), 0, TALLY_NO_TIME, TALLY_NO_TIME};
    absl::Status status = instance_.call(&tally_storage_table::last_batch, to_c(writer), &found);
    if (!status.ok()) return status;
    return from_c(found);
  }

 private:
  Instance<tally_storage_table> instance_;
  ReadingGate* reading_ = ReadingGate::make();
  WritingGate* writing_ = WritingGate::make();
  tally_rows taker_ = {sizeof(tally_rows), reading_, &take_row};
};

}  // namespace

absl::StatusOr<std::vector<Record>> records_of(StorageDriver& storage, const std::string& kind,
                                               const std::string& prefix) {
  std::vector<Record> records;
  bool sound = true;
  const absl::Status status = storage.list_records(kind, prefix, [&](std::span<const Cell> cells) {
    Record& record = records.emplace_back();
    record.kind = kind;
    for (const Cell& cell : cells) {
      if (cell.name == "key") record.key = cell.value;
      if (cell.name == "value") record.value = cell.value;
      if (cell.name == "version") sound = absl::SimpleAtoi(to_absl(cell.value), &record.version) && sound;
    }
    return sound;
  });
  if (!status.ok()) return status;
  if (!sound) return absl::InternalError("the storage driver's record has a version that is not a whole number");
  return records;
}

absl::StatusOr<std::unique_ptr<StorageDriver>> make_storage(Entry& entry, const PluginSettings& settings) {
  auto instance = Instance<tally_storage_table>::make(entry, Role::storage, settings);
  if (!instance.ok()) return instance.status();
  return std::make_unique<LoadedStorage>(*std::move(instance));
}

}  // namespace tally::plugin
