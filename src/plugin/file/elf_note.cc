#include "plugin/file/elf_note.h"

#include <elf.h>
#include <tally/abi/base.h>

#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace tally::plugin {
namespace {

constexpr std::uint64_t kLargestNotes = 1 << 20;  // of one PT_NOTE segment
constexpr std::size_t kMostSegments = 256;
constexpr Elf64_Word kUnreleasedType = 1;  // of headers that were never released

#if defined(__x86_64__)
constexpr Elf64_Half kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr Elf64_Half kMachine = EM_AARCH64;
#elif defined(__riscv)
constexpr Elf64_Half kMachine = EM_RISCV;
#elif defined(__powerpc64__)
constexpr Elf64_Half kMachine = EM_PPC64;
#elif defined(__s390x__)
constexpr Elf64_Half kMachine = EM_S390;
#else
constexpr Elf64_Half kMachine = EM_NONE;
#endif
constexpr unsigned char kByteOrder = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;

bool within(std::uint64_t offset, std::uint64_t size, std::uint64_t end) {
  return offset <= end && size <= end - offset;
}

template <class T>
bool read_struct(const Bytes& file, std::uint64_t offset, T& into) {
  return within(offset, sizeof into, file.size) && file.read(offset, reinterpret_cast<char*>(&into), sizeof into);
}

absl::Status check_header(const Elf64_Ehdr& header) {
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return permanent("not an ELF file");
  if (header.e_ident[EI_CLASS] != ELFCLASS64) return permanent("not a 64-bit ELF file");
  if (header.e_ident[EI_DATA] != kByteOrder) return permanent("an ELF file of the other byte order");
  if (header.e_type != ET_DYN) return permanent("not a shared object");
  if (kMachine != EM_NONE && header.e_machine != kMachine) {
    return permanent(
        absl::StrCat("built for another machine (ELF machine ", header.e_machine, ", this host has ", kMachine, ")"));
  }
  if (header.e_phentsize != sizeof(Elf64_Phdr)) return permanent("its program headers have an unknown size");
  if (header.e_phnum > kMostSegments) return permanent("it has more program headers than any real file");
  return absl::OkStatus();
}

std::uint64_t aligned(std::uint64_t value, std::uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

// Looks through one PT_NOTE segment. True when the note was found and `content` is set.
absl::StatusOr<bool> search(const std::string& notes, std::uint64_t alignment, std::string& content) {
  constexpr std::size_t owner_size = sizeof TALLY_NOTE_OWNER;  // its NUL counts
  std::uint64_t at = 0;
  while (within(at, sizeof(Elf64_Nhdr), notes.size())) {
    Elf64_Nhdr note;
    std::memcpy(&note, notes.data() + at, sizeof note);
    const std::uint64_t name = at + sizeof note;
    const std::uint64_t text = aligned(name + note.n_namesz, alignment);
    if (!within(name, note.n_namesz, notes.size()) || !within(text, note.n_descsz, notes.size())) {
      return permanent("a note reaches beyond its segment");
    }
    const bool ours =
        note.n_namesz == owner_size && std::memcmp(notes.data() + name, TALLY_NOTE_OWNER, owner_size) == 0;
    if (ours && note.n_type == kUnreleasedType) {
      return permanent("built with headers from before ABI 1.0 was fixed; build it again with those of this version");
    }
    if (ours && note.n_type == TALLY_NOTE_TYPE) {
      content = notes.substr(text, note.n_descsz);
      while (!content.empty() && content.back() == '\0') content.pop_back();
      return true;
    }
    at = aligned(text + note.n_descsz, alignment);
  }
  return false;
}

}  // namespace

absl::StatusOr<std::string> find_note(const Bytes& file) {
  Elf64_Ehdr header;
  if (!read_struct(file, 0, header)) return permanent("too short for an ELF file");
  if (absl::Status status = check_header(header); !status.ok()) return status;

  for (std::uint64_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    if (!within(header.e_phoff, (i + 1) * sizeof segment, file.size) ||
        !read_struct(file, header.e_phoff + i * sizeof segment, segment)) {
      return permanent("cut off: its program headers lie beyond its end");
    }
    if (segment.p_type != PT_NOTE || segment.p_filesz == 0) continue;
    if (!within(segment.p_offset, segment.p_filesz, file.size))
      return permanent("cut off: its notes lie beyond its end");
    if (segment.p_filesz > kLargestNotes) return permanent("its notes are larger than 1 MiB");
    std::string notes(segment.p_filesz, '\0');
    if (!file.read(segment.p_offset, notes.data(), notes.size())) return permanent("its notes cannot be read");
    std::string content;
    absl::StatusOr<bool> found = search(notes, segment.p_align == 8 ? 8 : 4, content);
    if (!found.ok()) return found.status();
    if (*found) return content;
  }
  return permanent("no Tally plugin: it has no ELF note of the owner \"" TALLY_NOTE_OWNER "\"");
}

}  // namespace tally::plugin
