// What a spool needs of the file system: an answer type, a file descriptor that closes itself, whole reads and writes.
// Not for use by itself: see spool.h.
#ifndef TALLY_SDK_SPOOL_FILES_H
#define TALLY_SDK_SPOOL_FILES_H

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace tally {

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

}  // namespace tally

namespace tally::spool_files {

// Owns a file descriptor; -1 is none.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { close(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_ = -1;
};

inline Fd open_file(const std::filesystem::path& path, int flags) {
  return Fd(::open(path.c_str(), flags | O_CLOEXEC, 0600));
}

inline std::string why(int error_number) { return std::generic_category().message(error_number); }

inline SpoolStatus failed(const std::filesystem::path& path, const std::string& what, int error_number) {
  return {SpoolCode::transient, path.string() + ": cannot " + what + ": " + why(error_number)};
}

// Writes all of it at `offset`; false with errno.
inline bool write_at(int fd, std::string_view bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written == 0) errno = EIO;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return true;
}

// Reads up to `size` bytes at `offset`: fewer at the end of the file, or where it cannot be read.
inline std::string read_at(int fd, std::uint64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t have = 0;
  while (have < size) {
    const ssize_t got = ::pread(fd, bytes.data() + have, size - have, static_cast<off_t>(offset + have));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
  }
  bytes.resize(have);
  return bytes;
}

// Makes names made or removed in the folder durable; false with errno.
inline bool sync_folder(const std::filesystem::path& folder) {
  const Fd fd = open_file(folder, O_RDONLY | O_DIRECTORY);
  return fd && ::fsync(fd.get()) == 0;
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

}  // namespace tally::spool_files

#endif
