// The rows of one batch on their way into the table: what can be kept, and which are there twice.
// Not for the server: see write.cc.
#ifndef TALLY_POSTGRESQL_ROWS_H
#define TALLY_POSTGRESQL_ROWS_H

#include <tally/sdk/storage.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dictionary_cache.h"

namespace tally::postgresql {

class Dictionary;

// A row that can be kept. Its views live as long as the batch's.
struct StorableRow {
  Row row;
  std::size_t index = 0;  // in the batch
  std::string id;         // see id_bytes()
  std::string volume;     // canonical
  TextHash series_hash{};
  TextHash metadata_hash{};  // zero: {}
  Time partition_end{0};
  std::int64_t series = 0;
  std::int64_t metadata = 0;  // 0: {}
};

// What makes a row with a known id a duplicate or a conflict.
struct Content {
  SampleType type = SampleType::gauge;
  std::string_view unit;
  std::string_view volume;
  std::optional<std::string_view> project_id;
  std::optional<std::string_view> user_id;
};
Content content_of(const StorableRow& kept);

// Duplicate, or conflict with what differs.
RowResult compared(const Content& there, const Content& here, std::string_view id);

// A batch's rows, parted. The first of equal (id, timestamp) is in `kept`; those after it are in `again`.
struct Incoming {
  struct Again {
    StorableRow row;
    std::size_t first = 0;  // in `kept`
  };
  std::vector<RowResult> results;  // by the batch's order; final for rejected rows alone
  std::vector<StorableRow> kept;
  std::vector<Again> again;
};
Incoming part(const Batch& batch, Dictionary& dictionary);

// Where a kept row is, and the beginning of its id.
struct Place {
  std::uint64_t beginning = 0;
  std::size_t index = 0;
};

// Finds a kept row by its id and time.
class ById {
 public:
  explicit ById(const std::vector<StorableRow>& kept);
  // Its place in the vector; none where it is not there.
  std::optional<std::size_t> find(std::string_view id, Time timestamp) const;

 private:
  const std::vector<StorableRow>& kept_;
  std::vector<Place> order_;
};

}  // namespace tally::postgresql

#endif
