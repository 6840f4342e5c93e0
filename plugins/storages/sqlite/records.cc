// Keeps small texts by (kind, key), and says what is remembered of a writer.
// Not for remembering writers: see repeats.cc.
#include <tally/kit/answer.h>

#include "batch_tokens.h"
#include "store.h"

namespace tally::sqlite {

namespace {

// Whether the version was the one that is there.
bool put_record(Database& database, const RecordView& record) {
  if (record.version == 0) {
    Statement insert = database.prepare("INSERT OR IGNORE INTO record (kind, key, version, value) VALUES (?,?,1,?)");
    insert.add(record.kind).add(record.key).add(record.value).run();
  } else {
    Statement update =
        database.prepare("UPDATE record SET value=?, version=version+1 WHERE kind=? AND key=? AND version=?");
    update.add(record.value).add(record.kind).add(record.key).add(static_cast<std::int64_t>(record.version)).run();
  }
  return database.changes() > 0;
}

}  // namespace

std::size_t Store::put_records(std::span<const RecordView> records) {
  Database& database = opened(Access::existing);
  Transaction transaction(database, Transaction::Kind::write);
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (!put_record(database, records[i])) return i;
  }
  transaction.commit();
  return records.size();
}

void Store::list_records(std::string_view kind, std::string_view prefix, RowSink& rows) {
  Database& database = opened(Access::existing);
  const Transaction transaction(database, Transaction::Kind::read);
  Statement list = database.prepare("SELECT key, version, value FROM record WHERE kind=? AND key>=? ORDER BY key");
  list.add(kind).add(prefix);
  Answer answer(rows, std::nullopt);
  while (list.step() && list.text(0).starts_with(prefix)) {
    answer.text("key", list.text(0)).number("version", list.integer(1)).text("value", list.text(2));
    if (!answer.send()) return;
  }
}

WriterState Store::last_batch(std::string_view writer) {
  Database& database = opened(Access::existing);
  const Transaction transaction(database, Transaction::Kind::read);
  return remembered(database, writer);
}

}  // namespace tally::sqlite
