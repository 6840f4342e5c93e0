// Keeps samples, dead letters and the books in a PostgreSQL database, and answers queries from it.
// Not for what the calls mean to the host: see tally/abi/storage.h.
#ifndef TALLY_POSTGRESQL_STORE_H
#define TALLY_POSTGRESQL_STORE_H

#include <tally/plugin.h>

#include <memory>
#include <string>

#include "connection.h"
#include "copy_policy.h"
#include "dictionary.h"
#include "partitions.h"
#include "schema.h"

namespace tally::postgresql {

// Connects at the first call that needs it; after an error that may have left the connection unfit, again at the next
// call. A write prepares an empty database by itself where its role may. One thread at a time; other instances and
// processes may use the same database.
class Store : public FullStorage {
 public:
  explicit Store(const Config& config);
  // `steps`: the schema's, other ones in tests of upgrading alone.
  explicit Store(Options options, Steps steps = schema_steps());
  ~Store() override;

  void prepare(Prepare how, RowSink& report) override;
  void write(const Batch& batch) override;
  void query(const QueryView& query, RowSink& rows) override;
  std::uint64_t purge_dead_letters(std::span<const std::string_view> digests) override;
  std::uint64_t expire(Time before, std::optional<std::string_view> meter) override;
  std::size_t put_records(std::span<const RecordView> records) override;
  void list_records(std::string_view kind, std::string_view prefix, RowSink& rows) override;
  WriterState last_batch(std::string_view writer) override;

 private:
  enum class Access {
    create,    // make the schema where there is none
    existing,  // refuse where there is none
  };

  // The connection, its schema made or checked. Valid until the next call of either.
  Connection& opened(Access access);
  Connection& connected();
  void check(Connection& connection, RowSink& report);

  // One transaction, or nothing where the batch is there already. `concluded` once the host was asked.
  void write_once(const Batch& batch, bool& concluded);

  Options options_;
  Steps steps_;
  std::unique_ptr<Connection> connection_;
  Connection::Identity lost_;  // of a connection that broke, and may still be at work on the server
  bool ready_ = false;         // the schema of `connection_` was found current
  bool said_ = false;          // the notice of the connection is in the log
  Dictionary dictionary_;
  Partitions partitions_;
  std::int64_t generation_ = -1;  // of the texts that `dictionary_` remembers
  CopyPolicy copy_policy_;
};

}  // namespace tally::postgresql

#endif
