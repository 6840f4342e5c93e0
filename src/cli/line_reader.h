// Reads the lines of a file or of standard input in blocks, and knows which of them can be had without waiting.
// Not for what is in them.
#ifndef TALLY_CLI_LINE_READER_H
#define TALLY_CLI_LINE_READER_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tally::cli {

struct Line {
  std::string text;          // without its end
  std::uint64_t number = 0;  // from 1 on; lines that are blank count, too
};

// One thread.
class LineReader {
 public:
  // "-": standard input, which stays open.
  static absl::StatusOr<LineReader> open(const std::string& path);
  ~LineReader();
  LineReader(LineReader&& other) noexcept;
  LineReader& operator=(LineReader&&) = delete;

  // The next lines that are not blank: those that can be read without waiting, `most` and about 1 MiB at the most.
  // Waits for the first one, and calls `before_waiting` before it does. Empty at the end.
  absl::StatusOr<std::vector<Line>> next(std::size_t most, absl::FunctionRef<void()> before_waiting);

 private:
  LineReader(std::string path, int file) : path_(std::move(path)), file_(file) {}
  bool cut(std::vector<Line>& lines);
  void fill();

  std::string path_;
  int file_;
  std::string buffer_;
  std::size_t at_ = 0;        // what is before it was given out
  std::size_t searched_ = 0;  // from `at_` up to here there is no line's end
  std::uint64_t number_ = 0;  // of the last line
  bool ended_ = false;
  absl::Status status_;
};

}  // namespace tally::cli

#endif
