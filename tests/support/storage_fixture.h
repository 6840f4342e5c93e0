// What tests of storage drivers share: a fresh store for each, samples made in one line, answers as text.
// Not the tests: see storage_conformance.h.
#ifndef TALLY_TESTS_SUPPORT_STORAGE_FIXTURE_H
#define TALLY_TESTS_SUPPORT_STORAGE_FIXTURE_H

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "plugin/roles.h"
#include "support/owned_rows.h"

#define EXPECT_OK(expression) EXPECT_TRUE((expression).ok())
#define ASSERT_OK(expression)                       \
  do {                                              \
    const absl::Status status_of_it = (expression); \
    ASSERT_TRUE(status_of_it.ok()) << status_of_it; \
  } while (false)

namespace tally::test {

using namespace tally::plugin;  // NOLINT(google-build-using-namespace): the tests speak of nothing else

// An empty store, gone with this object. Each instance opened is a connection of its own.
class StoragePlace {
 public:
  virtual ~StoragePlace() = default;
  virtual std::unique_ptr<StorageDriver> open() = 0;
};
using MakePlace = std::unique_ptr<StoragePlace> (*)();

struct OwnedCell {
  std::string name;
  CellKind kind = CellKind::null;
  std::string value;
};
using AnswerRow = std::vector<OwnedCell>;
using Rows = std::vector<AnswerRow>;

inline Time at(int seconds) { return {seconds * Time::kSecond}; }

// Id `number` in 32 digits, unit "%", resource "r", source "test"; nothing else.
inline Sample make_sample(int number, std::string name, const std::string& volume, int seconds,
                          std::string resource_id = "r") {
  char id[33];
  std::snprintf(id, sizeof id, "%032x", static_cast<unsigned>(number));
  Sample sample;
  sample.id = id;
  sample.name = std::move(name);
  sample.unit = "%";
  sample.volume = Decimal::parse(volume).value();
  sample.resource_id = std::move(resource_id);
  sample.timestamp = at(seconds);
  sample.source = "test";
  return sample;
}

inline DeadLetter make_letter(int number, std::string detail) {
  DeadLetter letter;
  letter.digest = make_sample(number, "", "0", 0).id;
  letter.kind = "message";
  letter.reason = "not json";
  letter.detail = std::move(detail);
  letter.bus = "bus";
  letter.event_type = "compute.instance.exists";
  letter.body = "body \xff of " + std::to_string(number);
  letter.received = at(number);
  return letter;
}

inline OwnedRows as_rows(const std::vector<Sample>& samples) {
  OwnedRows rows;
  for (const Sample& sample : samples) rows.add(sample, *Time::parse("2026-01-02T03:04:05.000006Z"));
  return rows;
}

inline std::string value(const AnswerRow& row, std::string_view name) {
  for (const OwnedCell& cell : row) {
    if (cell.name == name) return cell.value;
  }
  return "(no column)";
}

inline CellKind kind(const AnswerRow& row, std::string_view name) {
  for (const OwnedCell& cell : row) {
    if (cell.name == name) return cell.kind;
  }
  ADD_FAILURE() << "no column " << name;
  return CellKind::null;
}

inline std::string names(const AnswerRow& row) {
  std::string text;
  for (const OwnedCell& cell : row) text += (text.empty() ? "" : " ") + cell.name;
  return text;
}

inline std::string line(const AnswerRow& row) {
  std::string text;
  for (const OwnedCell& cell : row) {
    text += (text.empty() ? "" : " ") + (cell.kind == CellKind::null ? "-" : cell.value);
  }
  return text;
}

inline std::string lines(const Rows& rows) {
  std::string text;
  for (const AnswerRow& row : rows) text += (text.empty() ? "" : "|") + line(row);
  return text;
}

inline Rows query_of(StorageDriver& storage, const Query& query) {
  Rows rows;
  const absl::Status status = storage.query(query, [&](std::span<const Cell> cells) {
    AnswerRow& row = rows.emplace_back();
    for (const Cell& cell : cells) row.push_back({std::string(cell.name), cell.kind, std::string(cell.value)});
    return true;
  });
  EXPECT_TRUE(status.ok()) << status;
  return rows;
}

class StorageConformance : public ::testing::TestWithParam<MakePlace> {
 protected:
  void SetUp() override {
    place_ = GetParam()();
    ASSERT_NE(place_, nullptr);
    store_ = place_->open();
    ASSERT_NE(store_, nullptr);
  }

  StorageDriver& store() { return *store_; }

  std::vector<RowStatus> write_to(StorageDriver& storage, const std::vector<Sample>& samples,
                                  const Conclusion& conclusion, const BatchToken& token = {}) {
    last_results_.clear();
    const OwnedRows rows = as_rows(samples);
    const auto conclude = [&](std::span<const RowResult> results) {
      last_results_.assign(results.begin(), results.end());
      return conclusion;
    };
    const absl::Status status = storage.write(rows.view(), conclude, token);
    EXPECT_TRUE(status.ok()) << status;
    std::vector<RowStatus> statuses;
    for (const RowResult& result : last_results_) statuses.push_back(result.status);
    return statuses;
  }

  std::vector<RowStatus> write(const std::vector<Sample>& samples, const Conclusion& conclusion = {}) {
    return write_to(store(), samples, conclusion);
  }

  Rows query(const Query& query) { return query_of(store(), query); }

  // One column of an answer, by default of all samples, with a space between.
  std::string column(std::string_view name, const Query& query = {.kind = QueryKind::samples}) {
    std::string text;
    for (const AnswerRow& row : this->query(query)) text += (text.empty() ? "" : " ") + value(row, name);
    return text;
  }

  std::unique_ptr<StoragePlace> place_;
  std::unique_ptr<StorageDriver> store_;
  std::vector<RowResult> last_results_;  // of the last write
};

}  // namespace tally::test

#endif
