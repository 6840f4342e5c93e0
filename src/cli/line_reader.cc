#include "cli/line_reader.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <utility>

#include "base/status.h"

namespace tally::cli {
namespace {

constexpr std::size_t kReadBytes = std::size_t{64} << 10U;
constexpr std::size_t kGroupBytes = std::size_t{1} << 20U;

// Waits at most `limit_ms` (-1: for ever). A file always has something to read: its end at the least.
bool readable(int file, int limit_ms) {
  pollfd waiting = {file, POLLIN, 0};
  return ::poll(&waiting, 1, limit_ms) != 0;
}

}  // namespace

absl::StatusOr<LineReader> LineReader::open(const std::string& path) {
  if (path == "-") return LineReader(path, STDIN_FILENO);
  std::error_code ignored;  // a folder would open too, and fail when it is read
  if (std::filesystem::is_directory(path, ignored)) return permanent(path + ": cannot be read: it is a folder");
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return permanent(path + ": cannot be read: " + std::strerror(errno));
  return LineReader(path, file);
}

LineReader::LineReader(LineReader&& other) noexcept
    : path_(std::move(other.path_)),
      file_(std::exchange(other.file_, STDIN_FILENO)),
      buffer_(std::move(other.buffer_)),
      at_(other.at_),
      searched_(other.searched_),
      number_(other.number_),
      ended_(other.ended_),
      status_(std::move(other.status_)) {}

LineReader::~LineReader() {
  if (file_ != STDIN_FILENO) ::close(file_);
}

absl::StatusOr<std::vector<Line>> LineReader::next(std::size_t most, absl::FunctionRef<void()> before_waiting) {
  std::vector<Line> lines;
  std::size_t bytes = 0;
  while (lines.size() < most && bytes < kGroupBytes) {
    const std::size_t had = lines.size();
    if (cut(lines)) {
      if (lines.size() > had) bytes += lines.back().text.size();
      continue;
    }
    if (ended_) break;
    if (!readable(file_, 0)) {
      if (!lines.empty()) break;
      before_waiting();
      readable(file_, -1);
    }
    fill();
  }
  if (lines.empty() && !status_.ok()) return status_;
  return lines;
}

// Takes the next line out of the buffer, whether blank or not; false where none is complete.
bool LineReader::cut(std::vector<Line>& lines) {
  std::size_t end = buffer_.find('\n', searched_);
  if (end == std::string::npos) {
    searched_ = buffer_.size();
    if (!ended_ || !status_.ok() || at_ == buffer_.size()) return false;
    end = buffer_.size();  // the last line need not have one
  }
  std::string_view text = std::string_view(buffer_).substr(at_, end - at_);
  at_ = searched_ = std::min(end + 1, buffer_.size());
  ++number_;
  if (text.find_first_not_of(" \t\r") == std::string_view::npos) return true;
  if (text.back() == '\r') text.remove_suffix(1);
  lines.push_back({std::string(text), number_});
  return true;
}

void LineReader::fill() {
  buffer_.erase(0, std::exchange(at_, 0));
  const std::size_t had = searched_ = buffer_.size();
  buffer_.resize(had + kReadBytes);
  const ssize_t got = ::read(file_, buffer_.data() + had, kReadBytes);
  const int error = errno;
  buffer_.resize(had + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (got > 0 || (got < 0 && (error == EINTR || error == EAGAIN))) return;
  ended_ = true;
  if (got < 0) status_ = permanent(path_ + ": reading failed");
}

}  // namespace tally::cli
