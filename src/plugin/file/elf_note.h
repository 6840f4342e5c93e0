// Finds Tally's note in an ELF64 file by its program headers.
// Not for what the note says: see plugin/file/manifest.h.
#ifndef TALLY_PLUGIN_FILE_ELF_NOTE_H
#define TALLY_PLUGIN_FILE_ELF_NOTE_H

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"

namespace tally::plugin {

// A file's bytes by offset. `read` fills exactly `size` bytes, or returns false; it is asked only for what lies below
// `size`.
struct Bytes {
  std::uint64_t size = 0;
  std::function<bool(std::uint64_t offset, char* into, std::size_t size)> read;
};

// The note's content. Errors say what is wrong with the file, without its name.
absl::StatusOr<std::string> find_note(const Bytes& file);

}  // namespace tally::plugin

#endif
