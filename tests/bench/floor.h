// What the SQLite driver is held against: the same rows by a bare prepared-statement loop, and one naive wide table.
// Not a second driver: texts' numbers are known beforehand, nothing is checked, retried or concluded.
#ifndef TALLY_TESTS_BENCH_FLOOR_H
#define TALLY_TESTS_BENCH_FLOOR_H

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/roles.h"
#include "rows.h"

namespace tally::bench {

// One connection. Ends the program with a reason where anything fails.
class Sqlite {
 public:
  explicit Sqlite(const std::string& path);
  ~Sqlite();
  Sqlite(const Sqlite&) = delete;
  Sqlite& operator=(const Sqlite&) = delete;

  void run(const std::string& sql);
  std::int64_t integer(const std::string& sql);
  std::vector<std::string> texts(const std::string& sql);
  sqlite3_stmt* prepare(const std::string& sql);
  void step(sqlite3_stmt* statement);  // to its end, then reset

 private:
  void check(int result, std::string_view what);
  sqlite3* handle_ = nullptr;
};

// A sample as the driver's file holds it.
struct BareRow {
  std::int64_t series = 0, timestamp = 0, volume = 0, lag = 0, metadata = 0;
  std::string id;  // 16 bytes
};
std::vector<BareRow> bare_rows(const Rows& rows, const test::OwnedRows& from, std::int64_t first);

// Writes into `path`, with the tables and indexes of the driver's file `model` and its pragmas, what the driver writes
// for rows 0 to `bare.size()`, in transactions of `batch`. The processor's seconds from the first transaction on.
double write_bare(const std::string& path, const std::string& model, const Rows& rows, const std::vector<BareRow>& bare,
                  std::size_t batch);

// The same samples as one wide table with a unique index on the id and one on (meter, resource, time).
void write_wide(const std::string& path, const test::OwnedRows& rows, std::size_t batch);

// Rows that are in one of two files of the driver alone, over all its tables of samples.
std::int64_t differing_rows(const std::string& one, const std::string& other);

// The file's size once its log is worked in.
std::int64_t bytes_of(const std::string& path);

double cpu_seconds();  // of this process so far

}  // namespace tally::bench

#endif
