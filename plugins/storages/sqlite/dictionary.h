// The texts that repeat from sample to sample, kept once and named by small numbers.
// Not for samples: see store.h.
#ifndef TALLY_SQLITE_DICTIONARY_H
#define TALLY_SQLITE_DICTIONARY_H

#include <tally/sdk/storage.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "database.h"

namespace tally::sqlite {

// For use inside a write transaction: what is not there is inserted. Remembers numbers, a bounded count of them; they
// are to be forgotten when a transaction that made some is undone, and when another process may have removed some.
// One thread at a time.
class Dictionary {
 public:
  // The number of the row's meter at the row's resource.
  std::int64_t series(Database& database, const Row& row);

  // The number of a metadata text; 0 for {}.
  std::int64_t metadata(Database& database, std::string_view text);

  void forget();

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using Numbers = std::unordered_map<std::string, std::int64_t, Hash, std::equal_to<>>;

  Numbers series_;
  Numbers metadata_;
  std::size_t metadata_bytes_ = 0;
  std::string scratch_;
};

}  // namespace tally::sqlite

#endif
