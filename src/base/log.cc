#include "base/log.h"

// From its headers: the shared library would cost an agent half a megabyte for the little of it that is used.
#undef SPDLOG_COMPILED_LIB
#undef SPDLOG_SHARED_LIB
#define SPDLOG_HEADER_ONLY

#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <memory>
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

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
    case Level::off:
      break;
  }
  return spdlog::level::off;
}

// Puts the line together itself, so that text in it can neither break the JSON nor forge a line.
class LineFormatter final : public spdlog::formatter {
 public:
  LineFormatter(Format format, std::string program) : format_(format), program_(std::move(program)) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) override {
    std::string out = format_ == Format::json ? json(message) : text(message);
    out.push_back('\n');
    line.append(out.data(), out.data() + out.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<LineFormatter>(format_, program_);
  }

 private:
  static std::string time_of(const spdlog::details::log_msg& message) {
    const auto since = message.time.time_since_epoch();
    const std::time_t seconds = std::chrono::duration_cast<std::chrono::seconds>(since).count();
    const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(since).count() % 1000;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char buffer[40];
    const std::size_t size = std::strftime(buffer, sizeof buffer, "%Y-%m-%dT%H:%M:%S", &parts);
    std::snprintf(buffer + size, sizeof buffer - size, ".%03dZ", static_cast<int>(millis));
    return buffer;
  }
  static std::string_view level_of(const spdlog::details::log_msg& message) {
    switch (message.level) {
      case spdlog::level::debug:
        return "debug";
      case spdlog::level::info:
        return "info";
      case spdlog::level::warn:
        return "warning";
      default:
        return "error";
    }
  }
  static std::string_view payload(const spdlog::details::log_msg& message) {
    return {message.payload.data(), message.payload.size()};
  }
  std::string json(const spdlog::details::log_msg& message) const {
    std::string out = "{\"time\": \"" + time_of(message) + "\", \"level\": \"" + std::string(level_of(message)) + "\"";
    if (!program_.empty()) out += ", \"program\": " + json_quote(program_);
    return out + ", \"message\": " + json_quote(payload(message)) + "}";
  }
  std::string text(const spdlog::details::log_msg& message) const {
    std::string out = time_of(message) + " " + std::string(level_of(message)) + " ";
    if (!program_.empty()) out += program_ + ": ";
    for (const char c : payload(message)) {
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

  const Format format_;
  const std::string program_;
};

class CallbackSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit CallbackSink(std::function<void(std::string_view)> call) : call_(std::move(call)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    call_({line.data(), line.size() - 1});  // without the newline
  }
  void flush_() override {}

  const std::function<void(std::string_view)> call_;
};

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
  Log() { configure(Options{}); }

  void configure(Options options) {
    const std::lock_guard lock(mutex_);
    if (logger_ != nullptr) say_counts([](const Said&) { return true; });
    options_ = std::move(options);
    spdlog::sink_ptr sink;
    if (options_.sink) {
      sink = std::make_shared<CallbackSink>(options_.sink);
    } else {
      sink = std::make_shared<spdlog::sinks::stderr_sink_st>();
    }
    logger_ = std::make_unique<spdlog::logger>("tally", std::move(sink));
    logger_->set_formatter(std::make_unique<LineFormatter>(options_.format, options_.program));
    logger_->set_level(to_spdlog(options_.level));
    logger_->flush_on(spdlog::level::debug);
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

 private:
  void say(Level level, std::string_view text) {
    logger_->log(to_spdlog(level), spdlog::string_view_t(text.data(), text.size()));
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
  std::unique_ptr<spdlog::logger> logger_;
  std::unordered_map<std::string, Said> said_;
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
void tick() { the_log().tick(); }
void flush() { the_log().flush(); }

}  // namespace tally::log
