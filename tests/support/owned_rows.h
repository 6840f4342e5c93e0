// Samples as the rows that a storage driver is given, with what they look into.
// Not for the collector, whose messages own that: see collector/pipeline.h.
#ifndef TALLY_TESTS_SUPPORT_OWNED_ROWS_H
#define TALLY_TESTS_SUPPORT_OWNED_ROWS_H

#include <tally/model/sample.h>

#include <deque>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "plugin/call/marshal.h"
#include "plugin/roles.h"

namespace tally::test {

// One thread. Moving it moves no row.
class OwnedRows {
 public:
  OwnedRows() = default;
  OwnedRows(OwnedRows&&) = default;
  OwnedRows& operator=(OwnedRows&&) = default;

  void add(Sample sample, Time received) {
    One& one = all_.emplace_back();
    one.sample = std::move(sample);
    one.volume = one.sample.volume.to_string();
    one.crossing = to_c(one.sample, one.volume);
    rows_.push_back({sizeof(tally_row), &one.crossing, received.us});
  }

  std::size_t size() const { return rows_.size(); }
  const Sample& sample(std::size_t row) const { return all_[row].sample; }
  Time received(std::size_t row) const { return {rows_[row].received_us}; }
  std::span<const tally_row> view() const { return rows_; }

 private:
  struct One {
    Sample sample;
    std::string volume;
    tally_sample crossing{};
  };
  std::deque<One> all_;
  std::vector<tally_row> rows_;
};

}  // namespace tally::test

#endif
