// The note is found in hand-made and in real files; no cut or changed byte makes the reader look beyond the end.
// Not for what the note says: manifest_test.cc.
#include "plugin/file/elf_note.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "plugin/plugin_places.h"

namespace tally::test {
namespace {

using ::testing::HasSubstr;

// Answers reads from `bytes`, and fails the test when asked for more than there is.
absl::StatusOr<std::string> find(const std::string& bytes) {
  return plugin::find_note({bytes.size(), [&bytes](std::uint64_t offset, char* into, std::size_t size) {
                              EXPECT_LE(offset, bytes.size());
                              EXPECT_LE(size, bytes.size() - offset);
                              std::memcpy(into, bytes.data() + offset, size);
                              return true;
                            }});
}

std::string read(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

template <class T>
void append(std::string& bytes, const T& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

std::string note(const std::string& owner, std::uint32_t type, const std::string& text) {
  std::string bytes;
  append(bytes, Elf64_Nhdr{static_cast<Elf64_Word>(owner.size() + 1), static_cast<Elf64_Word>(text.size()), type});
  bytes += owner + '\0';
  bytes.resize((bytes.size() + 3) & ~std::size_t{3});
  bytes += text;
  bytes.resize((bytes.size() + 3) & ~std::size_t{3});
  return bytes;
}

// A shared object with one segment of notes; the machine is taken from a real file.
std::string elf(const std::string& notes) {
  const std::string real = read(fixture("good"));
  Elf64_Ehdr header;
  std::memcpy(&header, real.data(), sizeof header);
  header.e_phoff = sizeof header;
  header.e_phnum = 1;
  Elf64_Phdr segment{};
  segment.p_type = PT_NOTE;
  segment.p_align = 4;
  segment.p_offset = sizeof header + sizeof segment;
  segment.p_filesz = notes.size();
  std::string bytes;
  append(bytes, header);
  append(bytes, segment);
  return bytes + notes;
}

TEST(ElfNote, IsFoundAmongOthers) {
  const auto text = find(elf(note("GNU", 3, "build") + note("Tally", 3, "other type") + note("Tally", 2, "{\"a\":1}")));
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, "{\"a\":1}");
}

TEST(ElfNote, IsFoundInARealFile) {
  const auto text = find(read(fixture("good")));
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_THAT(*text, HasSubstr("\"fixture\""));
}

TEST(ElfNote, MissingNoteIsSaid) {
  const auto text = find(elf(note("GNU", 1, "x")));
  ASSERT_FALSE(text.ok());
  EXPECT_THAT(std::string(text.status().message()), HasSubstr("no Tally plugin"));
}

TEST(ElfNote, ANoteOfHeadersThatWereNeverReleasedIsRefusedByName) {
  const auto text = find(elf(note("GNU", 1, "x") + note("Tally", 1, "{}")));
  ASSERT_FALSE(text.ok());
  EXPECT_THAT(std::string(text.status().message()), HasSubstr("build it again"));
}

TEST(ElfNote, OtherFilesAreRefused) {
  EXPECT_FALSE(find("").ok());
  EXPECT_FALSE(
      find("#!/bin/sh\necho this is not an ELF file, and it is longer than an ELF header, which has 64 bytes\n").ok());
  std::string bytes = elf(note("Tally", 2, "{}"));
  bytes[EI_CLASS] = ELFCLASS32;
  EXPECT_FALSE(find(bytes).ok());
  bytes[EI_CLASS] = ELFCLASS64;
  ASSERT_TRUE(find(bytes).ok());
  bytes[offsetof(Elf64_Ehdr, e_type)] = ET_EXEC;
  EXPECT_FALSE(find(bytes).ok());
}

std::string why_not(const std::string& bytes) {
  const auto text = find(bytes);
  EXPECT_FALSE(text.ok());
  return std::string(text.status().message());
}

TEST(ElfNote, ForeignFilesAreNamedForWhatTheyAre) {
  const std::string whole = elf(note("Tally", 2, "{}"));
  const auto with = [&](std::size_t at, int value, std::size_t size) {
    std::string bytes = whole;
    std::memset(bytes.data() + at, value, size);
    return bytes;
  };
  EXPECT_THAT(why_not(with(0, 'x', 4)), HasSubstr("not an ELF file"));
  EXPECT_THAT(why_not(with(EI_CLASS, ELFCLASS32, 1)), HasSubstr("not a 64-bit"));
  EXPECT_THAT(why_not(with(EI_DATA, whole[EI_DATA] == ELFDATA2LSB ? ELFDATA2MSB : ELFDATA2LSB, 1)),
              HasSubstr("other byte order"));
  EXPECT_THAT(why_not(with(offsetof(Elf64_Ehdr, e_machine), 0x7f, 2)), HasSubstr("another machine"));
  EXPECT_THAT(why_not(with(offsetof(Elf64_Ehdr, e_phentsize), 1, 1)), HasSubstr("unknown size"));
  EXPECT_THAT(why_not(with(offsetof(Elf64_Ehdr, e_phnum), 0xff, 2)), HasSubstr("more program headers"));
}

TEST(ElfNote, HugeNotesAreNotRead) {
  const std::string large = note("Tally", 2, std::string((1 << 20) + 1, ' '));
  EXPECT_THAT(why_not(elf(large)), HasSubstr("larger than 1 MiB"));
  EXPECT_TRUE(find(elf(note("Tally", 2, std::string((1 << 20) - 64, ' ')))).ok());
}

TEST(ElfNote, ManyEmptyNotesComeToAnEnd) {
  std::string notes;
  for (int i = 0; i < 50'000; ++i) append(notes, Elf64_Nhdr{0, 0, 0});
  EXPECT_THAT(why_not(elf(notes)), HasSubstr("no Tally plugin"));
}

TEST(ElfNote, EveryTruncationIsAnError) {
  const std::string whole = elf(note("Tally", 2, "{\"name\":\"x\"}"));
  ASSERT_TRUE(find(whole).ok());
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(find(whole.substr(0, size)).ok()) << size;
}

TEST(ElfNote, SizesThatOverflowAreErrors) {
  const std::string whole = elf(note("Tally", 2, "{}"));
  for (const std::size_t member : {offsetof(Elf64_Phdr, p_offset), offsetof(Elf64_Phdr, p_filesz)}) {
    std::string bytes = whole;
    std::memset(bytes.data() + sizeof(Elf64_Ehdr) + member, 0xff, 8);
    EXPECT_FALSE(find(bytes).ok());
  }
  std::string far = whole;
  std::memset(far.data() + offsetof(Elf64_Ehdr, e_phoff), 0xff, 8);
  EXPECT_FALSE(find(far).ok());
  for (const std::size_t member : {offsetof(Elf64_Nhdr, n_namesz), offsetof(Elf64_Nhdr, n_descsz)}) {
    std::string bytes = whole;
    std::memset(bytes.data() + sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + member, 0xff, 4);
    EXPECT_FALSE(find(bytes).ok());
  }
}

TEST(ElfNote, NoChangedByteReadsBeyondTheEnd) {
  const std::string whole = elf(note("GNU", 1, "abc") + note("Tally", 2, "{\"name\":\"x\"}"));
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const int value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(value);
      const auto text = find(bytes);  // `find` itself checks each read
      EXPECT_LE(text.ok() ? text->size() : 0, whole.size());
    }
  }
}

}  // namespace
}  // namespace tally::test
