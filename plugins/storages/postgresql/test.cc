// The PostgreSQL driver as a collector has it: what every driver must do.
// Not for its inner parts and for faults: see test_internals.cc and test_faults.cc.
#include <unistd.h>

#include "support/storage_conformance.h"
#include "support/storage_place.h"

namespace tally::test {
namespace {

// A schema of its own in the server that the test was given.
class PostgresqlPlace : public StoragePlace {
 public:
  std::unique_ptr<StorageDriver> open() override {
    const char* url = std::getenv("TALLY_TEST_POSTGRESQL");
    if (url == nullptr) {
      ADD_FAILURE() << "TALLY_TEST_POSTGRESQL names a server; run this by `meson test`";
      return nullptr;
    }
    return open_built_storage(url, {{"schema", schema_}});
  }

 private:
  static inline int made_ = 0;
  std::string schema_ = "c" + std::to_string(getpid()) + "_" + std::to_string(++made_);
};

std::unique_ptr<StoragePlace> make_place() { return std::make_unique<PostgresqlPlace>(); }

INSTANTIATE_TEST_SUITE_P(Postgresql, StorageConformance, ::testing::Values(&make_place));
INSTANTIATE_TEST_SUITE_P(Postgresql, StorageRecords, ::testing::Values(&make_place));

}  // namespace
}  // namespace tally::test
