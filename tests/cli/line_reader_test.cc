// Lines in groups: which are given, and when there is a wait for more.
#include "cli/line_reader.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <utility>

namespace tally::cli {
namespace {

using Texts = std::vector<std::pair<std::uint64_t, std::string>>;

Texts texts(const absl::StatusOr<std::vector<Line>>& lines) {
  Texts out;
  EXPECT_TRUE(lines.ok()) << lines.status();
  if (lines.ok())
    for (const Line& line : *lines) out.emplace_back(line.number, line.text);
  return out;
}

class LineReaderTest : public testing::Test {
 protected:
  ~LineReaderTest() override { std::filesystem::remove(path_); }

  LineReader reader_of(const std::string& text) {
    std::ofstream(path_, std::ios::binary) << text;
    return *LineReader::open(path_);
  }

  const std::string path_ = testing::TempDir() + "/tally-lines-" + std::to_string(getpid());
};

void never() { FAIL() << "it waits"; }

TEST_F(LineReaderTest, BlankLinesCountAndAreNotGiven) {
  LineReader reader = reader_of("a\n\n \t\r\n b \r\n\nlast");
  EXPECT_EQ(texts(reader.next(10, never)), (Texts{{1, "a"}, {4, " b "}, {6, "last"}}));
  EXPECT_EQ(texts(reader.next(10, never)), Texts());
  EXPECT_EQ(texts(reader_of("").next(10, never)), Texts());
}

TEST_F(LineReaderTest, AGroupHasAsManyLinesAsAreWantedAndOneMebibyteAtTheMost) {
  LineReader reader = reader_of("1\n2\n3\n4\n5\n");
  EXPECT_EQ(texts(reader.next(2, never)), (Texts{{1, "1"}, {2, "2"}}));
  EXPECT_EQ(texts(reader.next(2, never)), (Texts{{3, "3"}, {4, "4"}}));
  EXPECT_EQ(texts(reader.next(2, never)), (Texts{{5, "5"}}));
  const std::string half(600'000, 'x');
  LineReader large = reader_of(half + "\n" + half + "\n" + half + "\n");
  EXPECT_EQ(texts(large.next(10, never)), (Texts{{1, half}, {2, half}}));
  EXPECT_EQ(texts(large.next(10, never)), (Texts{{3, half}}));
}

TEST_F(LineReaderTest, WhatIsThereIsGivenBeforeThereIsAWaitForMore) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  absl::StatusOr<LineReader> reader = LineReader::open("/dev/fd/" + std::to_string(ends[0]));
  ASSERT_TRUE(reader.ok()) << reader.status();
  ASSERT_EQ(::write(ends[1], "one\ntwo\nthr", 11), 11);
  EXPECT_EQ(texts(reader->next(10, never)), (Texts{{1, "one"}, {2, "two"}}));
  int waits = 0;
  const auto wait = [&] {
    ++waits;
    ASSERT_EQ(::write(ends[1], "ee\n", 3), 3);
  };
  EXPECT_EQ(texts(reader->next(10, wait)), (Texts{{3, "three"}}));
  EXPECT_EQ(waits, 1);
  ::close(ends[1]);
  EXPECT_EQ(texts(reader->next(10, never)), Texts());
  ::close(ends[0]);
}

TEST_F(LineReaderTest, SaysWhyThereIsNothingToRead) {
  EXPECT_NE(LineReader::open("/nowhere/at/all").status().message().find("No such file"), std::string::npos);
  EXPECT_NE(LineReader::open("/").status().message().find("folder"), std::string::npos);
}

}  // namespace
}  // namespace tally::cli
