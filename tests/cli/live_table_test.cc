// The picture of `tally run`, to the column.
#include "cli/live_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

namespace tally::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Snapshot snapshot(int values) {
  Snapshot made;
  made.agent.books.samples.made = 7;
  made.collector.samples.stored = 5;
  made.collector.samples.duplicate = 1;
  made.collector.samples.dead = 1;
  made.agent.plugins = {{"exec", "pollster", "1.0.0", "absent", "no commands configured"}};
  for (int at = 0; at < values; ++at) {
    agent::LastValue value;
    value.meter = "hardware.network.outgoing.packets";
    value.resource = "host-with-a-rather-long-name.eth" + std::to_string(at);
    value.unit = "packet";
    value.volume = "12345";
    value.per_second = 12.5;
    value.samples = 3;
    made.values.push_back(value);
  }
  made.hint = "ask in another shell: tally query meters";
  return made;
}

std::vector<std::string> lines_of(const Snapshot& from, int rows, int columns) {
  std::string text = draw(from, rows, columns);
  for (const char* code : {"\x1b[H", "\x1b[K", "\x1b[J", "\x1b[1m", "\x1b[0m", "\r"}) {
    for (std::size_t at; (at = text.find(code)) != std::string::npos;) text.erase(at, std::string(code).size());
  }
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::size_t columns_of(const std::string& line) {
  return static_cast<std::size_t>(
      std::count_if(line.begin(), line.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

TEST(LiveTable, FitsEverySize) {
  for (const auto& [rows, columns] : {std::pair{24, 80}, {50, 200}, {10, 60}}) {
    const std::vector<std::string> lines = lines_of(snapshot(100), rows, columns);
    EXPECT_LE(lines.size(), static_cast<std::size_t>(rows));
    for (const std::string& line : lines) EXPECT_LE(columns_of(line), static_cast<std::size_t>(columns)) << line;
  }
}

TEST(LiveTable, SaysWhatIsMeasuredAndWhatIsOffAndWhy) {
  const std::vector<std::string> lines = lines_of(snapshot(2), 24, 200);
  EXPECT_THAT(lines[0], HasSubstr("7 made, 5 stored, 1 duplicate, 1 dead"));
  EXPECT_THAT(lines[1], HasSubstr("LAST VALUE"));
  EXPECT_THAT(lines[2], HasSubstr("hardware.network.outgoing.packets"));
  EXPECT_THAT(lines[2], HasSubstr("12345 packet    12.50/s        3"));
  EXPECT_THAT(lines[4], HasSubstr("off: pollster:exec absent: no commands configured"));
  EXPECT_THAT(lines[5], HasSubstr("Ctrl-C ends"));
}

TEST(LiveTable, KeepsTheEndOfALongNameBecauseThatTellsThemApart) {
  const std::vector<std::string> lines = lines_of(snapshot(12), 24, 80);
  EXPECT_THAT(lines[2], HasSubstr("…"));
  EXPECT_THAT(lines[2], HasSubstr(".outgoing.packets  "));
  EXPECT_THAT(lines[13], HasSubstr("eth11  "));
}

TEST(LiveTable, ControlCharactersDoNotReachTheTerminal) {
  Snapshot bad = snapshot(1);
  bad.values[0].resource = "a\x1b[2Jb\nc";
  const std::string text = draw(bad, 24, 80);
  EXPECT_THAT(text, Not(HasSubstr("\x1b[2J")));
  EXPECT_THAT(text, HasSubstr("a [2Jb c"));
}

}  // namespace
}  // namespace tally::cli
