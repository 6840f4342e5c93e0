// Log lines to stderr, as text or JSON; a message repeated is said once and counted.
// Not for libraries: what can fail returns a status, and the program that takes it decides. Not for secrets, ever.
//
// Any thread may call all of this. Each line that is written allocates memory at least once, so
// do not log once per message.
#ifndef TALLY_BASE_LOG_H
#define TALLY_BASE_LOG_H

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace tally::log {

enum class Level { debug, info, warning, error, off };
enum class Format { text, json };

struct Options {
  Level level = Level::info;  // and above
  Format format = Format::text;
  std::string program;  // "tally-agent"
  // A line said again within this time of the last is only counted.
  std::chrono::milliseconds quiet{60'000};
  // Where lines go, without the newline; stderr where empty. Called under the log's lock.
  std::function<void(std::string_view)> sink;
};

// May be called again at any time; before the first, text from `info` up goes to stderr.
void configure(Options options);

// Level from a program's -v and -q: 0 is info, 1 and more debug, -1 warning, -2 and less error.
Level level_of(int verbosity);
bool enabled(Level level);

void debug(std::string_view text);
void info(std::string_view text);
void warning(std::string_view text);
void error(std::string_view text);
void write(Level level, std::string_view text);

// For a text that differs a little each time (a number, an id): what has the same key counts as the same message.
void once_per(std::string_view key, Level level, std::string_view text);

// Says "… (N times more)" for what was counted and has been quiet long enough. Programs call it from their tick, about
// each second.
void tick();

// How many lines of this level were written since the start; what is held back and counted is one line.
std::uint64_t lines(Level level);

// Says all counts at once, before the program ends.
void flush();

}  // namespace tally::log

#endif
