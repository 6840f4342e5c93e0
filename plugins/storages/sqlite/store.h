// Keeps samples, dead letters and the books in one SQLite file, and answers queries from it.
// Not for what the calls mean to the host: see tally/abi/storage.h.
#ifndef TALLY_SQLITE_STORE_H
#define TALLY_SQLITE_STORE_H

#include <tally/plugin.h>

#include <memory>
#include <string>

#include "database.h"
#include "dictionary.h"
#include "schema.h"

namespace tally::sqlite {

// Opens its file at the first call that needs it; after an error that may have left the connection unfit, it opens it
// again at the next call. A write prepares a new file by itself. One thread at a time; other instances and processes
// may use the same file.
class Store : public FullStorage {
 public:
  explicit Store(const Config& config);
  // `steps`: the schema's, other ones in tests of upgrading alone.
  Store(std::string path, const Options& options, Steps steps = schema_steps());

  void prepare(Prepare how, RowSink& report) override;
  void write(const Batch& batch) override;
  void query(const QueryView& query, RowSink& rows) override;
  std::uint64_t purge_dead_letters(std::span<const std::string_view> digests) override;
  std::uint64_t expire(Time before, std::optional<std::string_view> meter) override;
  std::size_t put_records(std::span<const RecordView> records) override;
  void list_records(std::string_view kind, std::string_view prefix, RowSink& rows) override;
  WriterState last_batch(std::string_view writer) override;

 private:
  // The open file, its schema made or checked. Valid until the next call of either.
  Database& opened(Access access);
  Database& connected(Access access);
  void check(Database& database, RowSink& report);
  // One transaction, or nothing where the batch is there already.
  void write_rows(Database& database, const Batch& batch);
  // The number of the batch that begins now.
  std::int64_t begin_batch(Database& database);

  std::string path_;
  Options options_;
  Steps steps_;
  std::unique_ptr<Database> database_;
  bool ready_ = false;  // the schema of `database_` was found current
  Dictionary dictionary_;
  std::int64_t generation_ = -1;  // of the texts that `dictionary_` remembers
};

// The file that a URL names: sqlite:///ABSOLUTE/PATH, percent-encoded where needed. Throws Error::permanent otherwise.
std::string path_of(const std::string& url);

}  // namespace tally::sqlite

#endif
