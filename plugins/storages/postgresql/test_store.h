// What the inner tests share: a schema of one's own, rows in one line, answers as text.
// Not part of the plugin.
#ifndef TALLY_POSTGRESQL_TEST_STORE_H
#define TALLY_POSTGRESQL_TEST_STORE_H

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "store.h"

namespace tally::postgresql {

constexpr std::int64_t kDay_us = Time::kDay;
constexpr std::int64_t kStart_us = 1'767'571'200'000'000;  // Monday, 2026-01-05

// One sample; what is not said is the same for all.
struct Given {
  std::string id;
  std::int64_t timestamp_us = kStart_us;
  std::string volume = "1";
  std::string resource = "r";
  std::string meter = "cpu";
  std::string metadata = "{}";
};

inline std::string hex_id(int number) {
  char text[33];
  std::snprintf(text, sizeof text, "%08x%024d", static_cast<unsigned>(number) * 2'654'435'761U, number);
  return text;
}

// Takes an answer's rows as "a b|c d".
class Reader {
 public:
  const tally_rows& rows() const { return rows_; }
  const std::string& text() const { return text_; }

 private:
  static std::int32_t row(void* context, const tally_cell* cells, std::size_t count) {
    std::string& text = static_cast<Reader*>(context)->text_;
    if (!text.empty()) text += '|';
    for (std::size_t i = 0; i < count; ++i) text += (i == 0 ? "" : " ") + std::string(from_c(cells[i].value));
    return TALLY_OK;
  }

  std::string text_;
  tally_rows rows_{sizeof(tally_rows), this, row};
};

inline std::string ask(Store& store, const QueryView& query) {
  Reader reader;
  RowSink sink(reader.rows());
  store.query(query, sink);
  return reader.text();
}

inline std::string prepare(Store& store, Prepare how) {
  Reader reader;
  RowSink sink(reader.rows());
  store.prepare(how, sink);
  return reader.text();
}

// A batch as the host gives it. Counts what is stored in the books of "bus", so that they can be compared.
class GivenBatch {
 public:
  explicit GivenBatch(std::vector<Given> given, std::string writer = {}, std::uint64_t sequence = 0)
      : given_(std::move(given)), writer_(std::move(writer)) {
    for (const Given& from : given_) {
      tally_sample& sample = samples_.emplace_back();
      sample.size = sizeof sample;
      sample.type = TALLY_GAUGE;
      sample.timestamp_us = from.timestamp_us;
      sample.id = to_c(from.id);
      sample.name = to_c(from.meter);
      sample.unit = to_c("%");
      sample.volume = to_c(from.volume);
      sample.resource_id = to_c(from.resource);
      sample.source = to_c("test");
      sample.resource_metadata = to_c(from.metadata);
    }
    for (const tally_sample& sample : samples_) rows_.push_back({sizeof(tally_row), &sample, sample.timestamp_us + 5});
    batch_ = {sizeof batch_, rows_.data(), rows_.size(), this, conclude, {}, sequence};
    if (!writer_.empty()) batch_.writer = to_c(writer_);
  }
  GivenBatch(const GivenBatch&) = delete;
  GivenBatch& operator=(const GivenBatch&) = delete;

  // The answers, one letter a row: s d c r.
  std::string write(Store& store) {
    store.write(Batch(batch_));
    return letters_;
  }
  const std::string& reason() const { return reason_; }  // the last that was given
  tally_sample& sample(std::size_t index) { return samples_[index]; }

  std::function<void()> in_transaction;  // called before the commit

 private:
  static void conclude(void* context, const tally_row_result* results, tally_conclusion* conclusion) {
    auto& self = *static_cast<GivenBatch*>(context);
    self.letters_.clear();
    for (std::size_t i = 0; i < self.rows_.size(); ++i) {
      self.letters_ += "?sdcr"[results[i].status];
      if (results[i].reason.size > 0) self.reason_ = from_c(results[i].reason);
    }
    self.entry_ = {
        sizeof self.entry_, 1,
        to_c("bus"),        to_c("samples"),
        to_c("stored"),     static_cast<std::uint64_t>(std::count(self.letters_.begin(), self.letters_.end(), 's'))};
    conclusion->entries = &self.entry_;
    conclusion->entry_count = 1;
    if (self.in_transaction) self.in_transaction();
  }

  std::vector<Given> given_;
  std::string writer_;
  std::deque<tally_sample> samples_;
  std::vector<tally_row> rows_;
  tally_batch batch_{};
  tally_book_entry entry_{};
  std::string letters_;
  std::string reason_;
};

inline std::string write(Store& store, std::vector<Given> given) { return GivenBatch(std::move(given)).write(store); }

// The text of what a call throws.
inline std::string message(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return (error.outcome() == Outcome::transient ? "transient: " : "permanent: ") + std::string(error.what());
  }
  return "(no error)";
}

inline std::string test_url() {
  const char* url = std::getenv("TALLY_TEST_POSTGRESQL");
  if (url == nullptr) ADD_FAILURE() << "TALLY_TEST_POSTGRESQL names a server; run this by `meson test`";
  return url == nullptr ? "" : url;
}

// A schema of the test's own in the server that it was given.
class PostgresqlStore : public ::testing::Test {
 protected:
  PostgresqlStore() {
    static int made = 0;
    options_.url = test_url();
    options_.schema = "i" + std::to_string(getpid()) + "_" + std::to_string(++made);
  }

  Store& store() {
    if (store_ == nullptr) store_ = std::make_unique<Store>(options_);
    return *store_;
  }

  // SQL in the schema, by a connection of its own.
  std::int64_t number(const std::string& sql) { return Connection(options_).integer(sql); }
  void sql(const std::string& sql) { Connection(options_).run(sql); }

  std::string stored() { return std::to_string(number("SELECT count(*) FROM sample")); }
  std::string booked() { return std::to_string(number("SELECT coalesce(sum(count), 0)::bigint FROM book")); }

  Options options_;

 private:
  std::unique_ptr<Store> store_;
};

}  // namespace tally::postgresql

#endif
