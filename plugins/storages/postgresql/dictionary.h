// The texts that repeat from sample to sample, kept once and named by small numbers.
// Not for samples: see write.cc.
#ifndef TALLY_POSTGRESQL_DICTIONARY_H
#define TALLY_POSTGRESQL_DICTIONARY_H

#include <tally/sdk/storage.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "connection.h"
#include "dictionary_cache.h"
#include "rows.h"

namespace tally::postgresql {

// For use inside a batch's transaction, which holds Lock::texts: what is not there is inserted, in the order of its
// digest, so that two writers never wait for each other. What a transaction made is remembered once committed() says
// so. Numbers are to be forgotten when another process may have removed some. One thread at a time.
class Dictionary {
 public:
  Dictionary();

  // Before the first row of a batch: views of another one are no more.
  void begin() { last_row_.reset(); }

  // Hashes the row's texts. Returns why they can never be kept, or nothing.
  std::string look_at(StorableRow& kept);

  // Fills in `series` and `metadata` of each.
  void number(Connection& connection, std::span<StorableRow> rows);

  void committed();
  void undone();  // the transaction did not happen
  void forget();

 private:
  struct Pending {
    TextHash hash;
    Numbered numbered;
  };

  void number_series(Connection& connection, std::span<StorableRow> rows);
  void number_metadata(Connection& connection, std::span<StorableRow> rows);
  TextHash series_hash(const Row& row);

  TextHasher hash_;
  DictionaryCache series_;
  DictionaryCache metadata_;
  std::vector<Pending> new_series_;  // of this transaction
  std::vector<Pending> new_metadata_;
  std::string scratch_;
  std::optional<Row> last_row_;  // that look_at() saw in this batch, and its hashes
  TextHash last_resource_{};
  TextHash last_metadata_{};
};

}  // namespace tally::postgresql

#endif
