#include "base/log.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "base/json_quote.h"

namespace tally::log {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostKeys = 1024;  // of messages remembered

std::string_view word_of(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warning:
      return "warning";
    case Level::error:
      return "error";
    case Level::off:
      break;
  }
  return "off";
}

std::string time_text() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  const std::time_t seconds = std::chrono::duration_cast<std::chrono::seconds>(since).count();
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(since).count() % 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char buffer[40];
  const std::size_t size = std::strftime(buffer, sizeof buffer, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(buffer + size, sizeof buffer - size, ".%03dZ", static_cast<int>(millis));
  return buffer;
}

std::string json_line(Level level, const std::string& program, std::string_view message) {
  std::string out = "{\"time\": \"" + time_text() + "\", \"level\": \"" + std::string(word_of(level)) + "\"";
  if (!program.empty()) out += ", \"program\": " + json_quote(program);
  return out + ", \"message\": " + json_quote(message) + "}";
}

// Text in the message can neither forge a line nor send control sequences.
std::string text_line(Level level, const std::string& program, std::string_view message) {
  std::string out = time_text() + " " + std::string(word_of(level)) + " ";
  if (!program.empty()) out += program + ": ";
  for (const char c : message) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\x%02x", byte);
      out += escape;
    } else {
      out.push_back(c);
    }
  }
  return out;
}

// What cannot be written is left out: there is nowhere to say so.
void write_to_stderr(std::string_view line) {
  while (!line.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
    if (written > 0)
      line.remove_prefix(static_cast<std::size_t>(written));
    else if (written == 0 || errno != EINTR)
      return;
  }
}

// What was said and how often it was held back since.
struct Said {
  Level level = Level::info;
  std::string text;
  Clock::time_point last;
  unsigned long held = 0;
};

// All state of the log, behind its one lock.
class Log {
 public:
  void configure(Options options) {
    const std::lock_guard lock(mutex_);
    say_counts([](const Said&) { return true; });
    options_ = std::move(options);
  }

  bool enabled(Level level) {
    const std::lock_guard lock(mutex_);
    return level >= options_.level && level != Level::off;
  }

  void write(std::string_view key, Level level, std::string_view text) {
    const std::lock_guard lock(mutex_);
    if (level < options_.level || level == Level::off) return;
    const Clock::time_point now = Clock::now();
    auto [at, fresh] = said_.try_emplace(std::string(word_of(level)) + ":" + std::string(key));
    Said& said = at->second;
    if (!fresh && now - said.last < options_.quiet) {
      ++said.held;
      said.text = text;
      return;
    }
    if (!fresh && said.held > 0) say_count(said);
    said = Said{level, std::string(text), now, 0};
    say(level, text);
    if (said_.size() > kMostKeys) forget();
  }

  // Says the counts of what has been quiet long enough, and forgets what was said long ago.
  void tick() {
    const std::lock_guard lock(mutex_);
    const Clock::time_point now = Clock::now();
    say_counts([&](const Said& said) { return now - said.last >= options_.quiet; });
    std::erase_if(said_, [&](const auto& entry) { return now - entry.second.last >= options_.quiet; });
  }

  void flush() {
    const std::lock_guard lock(mutex_);
    say_counts([](const Said&) { return true; });
    said_.clear();
  }

  std::uint64_t lines(Level level) {
    const std::lock_guard lock(mutex_);
    const auto at = lines_.find(level);
    return at == lines_.end() ? 0 : at->second;
  }

 private:
  void say(Level level, std::string_view text) {
    if (level < options_.level) return;
    ++lines_[level];
    std::string line = options_.format == Format::json ? json_line(level, options_.program, text)
                                                       : text_line(level, options_.program, text);
    if (options_.sink) return options_.sink(line);
    write_to_stderr(line += '\n');
  }
  void say_count(Said& said) {
    say(said.level, said.text + " (" + std::to_string(said.held) + (said.held == 1 ? " time more)" : " times more)"));
    said.held = 0;
  }
  template <typename Which>
  void say_counts(const Which& which) {
    for (auto& [key, said] : said_) {
      if (said.held > 0 && which(said)) say_count(said);
    }
  }
  void forget() {
    say_counts([](const Said&) { return true; });
    said_.clear();
  }

  std::mutex mutex_;
  Options options_;
  std::unordered_map<std::string, Said> said_;
  std::map<Level, std::uint64_t> lines_;
};

// Never destroyed: threads may log while the process ends.
Log& the_log() {
  static Log* log = new Log;
  return *log;
}

}  // namespace

void configure(Options options) { the_log().configure(std::move(options)); }

Level level_of(int verbosity) {
  if (verbosity > 0) return Level::debug;
  if (verbosity == 0) return Level::info;
  return verbosity == -1 ? Level::warning : Level::error;
}

bool enabled(Level level) { return the_log().enabled(level); }
void write(Level level, std::string_view text) { the_log().write(text, level, text); }
void debug(std::string_view text) { write(Level::debug, text); }
void info(std::string_view text) { write(Level::info, text); }
void warning(std::string_view text) { write(Level::warning, text); }
void error(std::string_view text) { write(Level::error, text); }
void once_per(std::string_view key, Level level, std::string_view text) { the_log().write(key, level, text); }
std::uint64_t lines(Level level) { return the_log().lines(level); }
void tick() { the_log().tick(); }
void flush() { the_log().flush(); }

}  // namespace tally::log
