// The null driver as a collector has it: everything counts as stored, nothing is there.
// Not for what other drivers do: see tests/support/storage_conformance.h.
#include "support/storage_fixture.h"
#include "support/storage_place.h"

namespace tally::test {
namespace {

TEST(NullStorage, CountsEveryRowAsStoredAndConcludes) {
  const std::unique_ptr<StorageDriver> storage = open_built_storage("null://");
  ASSERT_NE(storage, nullptr);
  std::vector<RowStatus> statuses;
  const OwnedRows rows = as_rows({make_sample(1, "cpu", "1", 1), make_sample(1, "cpu", "2", 1)});
  ASSERT_OK(storage->write(rows.view(), [&](std::span<const RowResult> results) {
    for (const RowResult& result : results) statuses.push_back(result.status);
    return Conclusion{.dead_letters = {make_letter(1, "gone")}};
  }));
  EXPECT_THAT(statuses, ::testing::ElementsAre(RowStatus::stored, RowStatus::stored));
}

TEST(NullStorage, AnswersEveryQuestionWithNothing) {
  const std::unique_ptr<StorageDriver> storage = open_built_storage("null://");
  ASSERT_NE(storage, nullptr);
  for (const QueryKind kind : {QueryKind::meters, QueryKind::samples, QueryKind::statistics, QueryKind::dead_letters}) {
    EXPECT_THAT(query_of(*storage, {.kind = kind}), ::testing::IsEmpty());
  }
  EXPECT_EQ(*storage->purge_dead_letters({}), 0U);
  EXPECT_EQ(*storage->expire(at(1), ""), 0U);
  EXPECT_EQ(storage->put_records({}).status().code(), kAbsent);
  EXPECT_EQ(records_of(*storage, "store").status().code(), kAbsent);
  EXPECT_EQ(storage->last_batch("w").status().code(), kAbsent);
  EXPECT_OK(storage->prepare(Prepare::check, [](std::span<const Cell>) { return true; }));
}

}  // namespace
}  // namespace tally::test
