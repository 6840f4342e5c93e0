// What a spool answers, and how it reads its files.
// Not for the bytes in them: format.h.
#ifndef TALLY_SPOOL_FILES_H
#define TALLY_SPOOL_FILES_H

#include <fcntl.h>
#include <tally/kit/descriptor.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace tally::spool {

enum class SpoolCode {
  ok,
  full,       // no room until records are acknowledged
  too_large,  // this record will never fit
  transient,  // may succeed later: no space left on the device, an I/O error, held by another process
};

struct [[nodiscard]] SpoolStatus {
  SpoolCode code = SpoolCode::ok;
  std::string text;  // names the thing, the place and the way out
  bool ok() const { return code == SpoolCode::ok; }
};

inline SpoolStatus failed(const std::filesystem::path& path, const std::string& what, int error_number) {
  return {SpoolCode::transient, path.string() + ": cannot " + what + ": " + system_error_text(error_number)};
}

// Reads one file forwards, in blocks.
class Reader {
 public:
  // Whether this file is the one open already, or can be opened.
  bool use(const std::filesystem::path& path) {
    if (fd_ && path == path_) return true;
    fd_ = open_file(path, O_RDONLY);
    path_ = path;
    block_.clear();
    return static_cast<bool>(fd_);
  }

  void close() { fd_.close(); }

  // The bytes [offset, offset + size), fewer where they cannot be had; valid until the next call. What is behind `end`
  // is not looked at: it may still change.
  std::string_view view(std::uint64_t offset, std::size_t size, std::uint64_t end) {
    if (offset >= end) return {};
    size = static_cast<std::size_t>(std::min<std::uint64_t>(size, end - offset));
    if (offset < start_ || offset + size > start_ + block_.size()) {
      constexpr std::uint64_t kBlock = 128 * 1024;
      block_ = read_at(
          fd_.get(), offset,
          static_cast<std::size_t>(std::min<std::uint64_t>(std::max<std::uint64_t>(size, kBlock), end - offset)));
      start_ = offset;
    }
    return std::string_view(block_).substr(static_cast<std::size_t>(offset - start_), size);
  }

 private:
  Fd fd_;
  std::filesystem::path path_;
  std::string block_;
  std::uint64_t start_ = 0;
};

}  // namespace tally::spool

#endif
