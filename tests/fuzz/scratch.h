// A folder in memory for targets that need files; emptied for each input, gone with the process.
// Not for unit tests: support/scratch_folder.h.
#ifndef TALLY_TESTS_FUZZ_SCRATCH_H
#define TALLY_TESTS_FUZZ_SCRATCH_H

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "fuzz.h"

namespace tally::fuzz {

class Scratch {
 public:
  Scratch() {
    std::string name = "/dev/shm/tally-fuzz-XXXXXX";
    require(mkdtemp(name.data()) != nullptr, "(a folder can be made)");
    path_ = name;
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::filesystem::path& path() const { return path_; }
  void empty() const {
    for (const auto& entry : std::filesystem::directory_iterator(path_)) std::filesystem::remove_all(entry.path());
  }
  void write(const std::string& name, std::string_view bytes) const {
    const int file = ::open((path_ / name).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    require(file >= 0 && ::write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()),
            "(a file can be written)");
    ::close(file);
  }

 private:
  std::filesystem::path path_;
};

}  // namespace tally::fuzz

#endif
