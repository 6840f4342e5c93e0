// Keeps small texts by (kind, key), and says what is remembered of a writer.
// Not for remembering writers: see repeats.cc.
#include <tally/kit/answer.h>

#include "batch_tokens.h"
#include "store.h"

namespace tally::postgresql {

namespace {

// Whether the version was the one that is there.
bool put_record(Connection& connection, const RecordView& record) {
  Parameters parameters;
  parameters.add(record.kind).add(record.key).add(record.value);
  if (record.version == 0) {
    return connection
               .ask("INSERT INTO record (kind, key, version, value) VALUES ($1, $2, 1, $3) ON CONFLICT DO NOTHING",
                    parameters)
               .changed() > 0;
  }
  parameters.add(static_cast<std::int64_t>(record.version));
  return connection
             .ask("UPDATE record SET value = $3, version = version + 1 WHERE kind = $1 AND key = $2 AND version = $4",
                  parameters)
             .changed() > 0;
}

}  // namespace

std::size_t Store::put_records(std::span<const RecordView> records) {
  Connection& connection = opened(Access::existing);
  Transaction transaction(connection);
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (!put_record(connection, records[i])) return i;
  }
  transaction.commit();
  return records.size();
}

void Store::list_records(std::string_view kind, std::string_view prefix, RowSink& rows) {
  Connection& connection = opened(Access::existing);
  connection.limit(options_.query_timeout, true);
  Answer answer(rows, std::nullopt);
  connection.each(
      "SELECT key, version, value FROM record WHERE kind = $1 AND starts_with(key, $2) ORDER BY key",
      Parameters().add(kind).add(prefix), [&](const Result& row) {
        answer.text("key", row.text(0, 0)).number("version", row.integer(0, 1)).text("value", row.text(0, 2));
        return answer.send();
      });
}

WriterState Store::last_batch(std::string_view writer) { return remembered(opened(Access::existing), writer); }

}  // namespace tally::postgresql
