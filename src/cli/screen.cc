#include "cli/screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <iostream>
#include <utility>

namespace tally::cli {

namespace {

constexpr std::size_t kMostLines = 100;  // kept for the end

}  // namespace

Screen::Screen(const log::Options& options) : live_(isatty(STDOUT_FILENO) == 1), options_(options) {
  if (!live_) return;
  log::Options inside = options_;
  if (isatty(STDERR_FILENO) == 1) inside.sink = [this](std::string_view line) { keep(line); };
  log::configure(std::move(inside));
  std::cout << "\x1b[?1049h\x1b[?25l" << std::flush;  // a screen of its own, no cursor
}

Screen::~Screen() {
  if (!live_) return;
  std::cout << "\x1b[H\x1b[J\x1b[?25h\x1b[?1049l"
            << std::flush;  // cleared: a resized terminal may keep what stood there
  log::configure(options_);
  for (const std::string& line : lines_) std::cerr << line << '\n';
}

void Screen::show(Snapshot snapshot) {
  if (live_) {
    {
      const std::lock_guard lock(mutex_);
      if (!lines_.empty()) snapshot.log = lines_.back();
    }
    winsize size{};
    const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0;
    std::cout << draw(snapshot, known ? size.ws_row : 24, known ? size.ws_col : 80) << std::flush;
    return;
  }
  // A cycle is told a second after it began, when its batch is stored.
  if (snapshot.agent.cycles == seen_cycles_ && seen_cycles_ != told_cycles_) {
    told_cycles_ = seen_cycles_;
    std::cout << one_line(snapshot) << std::endl;
  }
  seen_cycles_ = snapshot.agent.cycles;
}

void Screen::keep(std::string_view line) {
  const std::lock_guard lock(mutex_);
  if (lines_.size() >= kMostLines) lines_.pop_front();
  lines_.emplace_back(line);
}

}  // namespace tally::cli
