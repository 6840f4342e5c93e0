// Keeps nothing and counts it: for trying out what a collector makes, and for measuring all but the storage.
// Not for anything that is to be asked for later: every query's answer is empty.
#include <tally/plugin.h>

namespace {

// Every row of a batch counts as stored. Nothing is remembered, so a message delivered again counts again, and dead
// letters are gone.
class Null : public tally::Storage {
 public:
  void prepare(tally::Prepare, tally::RowSink& report) override {
    const tally::Cell cell{"report", tally::CellKind::text, "null: keeps nothing, nothing to prepare or check"};
    static_cast<void>(report({&cell, 1}));
  }

  // Its answer is never lost, so that no batch is ever repeated: there is nothing to remember of writers either.
  void write(const tally::Batch& batch) override {
    const std::vector<tally::RowResult> results(batch.size());
    static_cast<void>(batch.conclude(results));
  }

  void query(const tally::QueryView&, tally::RowSink&) override {}
  std::uint64_t purge_dead_letters(std::span<const std::string_view>) override { return 0; }
  std::uint64_t expire(tally::Time, std::optional<std::string_view>) override { return 0; }
};

}  // namespace

// clang-format off
TALLY_PLUGIN(Null, {
  "name": "null",
  "version": "1.0.0",
  "summary": "Keeps nothing and counts it",
  "roles": [{
    "role": "storage",
    "name": "null",
    "summary": "Keeps nothing and counts it",
    "schemes": ["null"]
  }]
});
