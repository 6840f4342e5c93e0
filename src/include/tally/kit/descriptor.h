// A file descriptor that closes itself, and whole reads and writes at an offset. POSIX alone.
// Not for text files such as those of /proc: see files.h.
#ifndef TALLY_KIT_DESCRIPTOR_H
#define TALLY_KIT_DESCRIPTOR_H

#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace tally {

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

// What the system says of this errno.
inline std::string system_error_text(int error_number) { return std::generic_category().message(error_number); }

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

}  // namespace tally

#endif
