// A file that says it is a plugin: its note is found, and read, without looking beyond the file's end.
// Not for manifests alone: manifest.cc gets further into those.
#include "plugin/file/elf_note.h"

#include <cstring>

#include "fuzz.h"
#include "plugin/file/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using tally::fuzz::require;
  const auto note =
      tally::plugin::find_note({size, [&](std::uint64_t offset, char* into, std::size_t count) {
                                  require(offset <= size && count <= size - offset, "reads stay within the file");
                                  if (count > 0) std::memcpy(into, data + offset, count);
                                  return true;
                                }});
  if (!note.ok()) {
    require(!note.status().message().empty(), "an error says what is wrong");
    return 0;
  }
  require(note->size() <= size, "a note is no longer than its file");
  static_cast<void>(tally::plugin::parse_manifest(*note));
  return 0;
}
