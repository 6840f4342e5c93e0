// One row of a storage driver's answer while it is put together.
// Not for what the rows say: the driver does.
#ifndef TALLY_KIT_ANSWER_H
#define TALLY_KIT_ANSWER_H

#include <tally/sdk/storage.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tally {

// Collects the cells of a row, gives them to the reader, and begins the next. Names must outlive the call of send().
class Answer {
 public:
  Answer(RowSink& sink, std::optional<std::int64_t> limit) : sink_(sink), left_(limit) {}

  Answer& text(std::string_view name, std::string_view value) { return put(name, CellKind::text, value); }
  Answer& text(std::string_view name, const std::optional<std::string>& value) {
    return value ? text(name, std::string_view(*value)) : null(name);
  }
  Answer& text(std::string_view name, const std::optional<std::string_view>& value) {
    return value ? text(name, *value) : null(name);
  }
  Answer& text(std::string_view name, const std::string& value) { return text(name, std::string_view(value)); }
  Answer& text(std::string_view name, const char* value) { return text(name, std::string_view(value)); }
  Answer& number(std::string_view name, std::string_view value) { return put(name, CellKind::number, value); }
  Answer& number(std::string_view name, std::int64_t value) { return number(name, std::to_string(value)); }
  Answer& json(std::string_view name, std::string_view value) { return put(name, CellKind::json, value); }
  Answer& time(std::string_view name, std::int64_t us) { return text(name, Time{us}.to_string()); }
  Answer& null(std::string_view name) { return put(name, CellKind::null, {}); }

  // Whether no more rows are wanted, now.
  bool full() const { return ended_ || (left_ && *left_ <= 0); }

  // False: no more rows are wanted.
  bool send() {
    if (full()) return false;
    cells_.resize(count_);
    for (std::size_t i = 0; i < count_; ++i) cells_[i] = {parts_[i].name, parts_[i].kind, parts_[i].value};
    count_ = 0;
    ended_ = !sink_(cells_);
    if (left_) --*left_;
    return !full();
  }

 private:
  struct Part {
    std::string_view name;
    CellKind kind;
    std::string value;
  };

  Answer& put(std::string_view name, CellKind kind, std::string_view value) {
    if (count_ == parts_.size()) parts_.emplace_back();
    Part& part = parts_[count_++];
    part.name = name;
    part.kind = kind;
    part.value = value;
    return *this;
  }

  RowSink& sink_;
  std::optional<std::int64_t> left_;
  bool ended_ = false;
  std::vector<Part> parts_;  // kept from row to row for their memory
  std::size_t count_ = 0;
  std::vector<Cell> cells_;
};

}  // namespace tally

#endif
