// Where `tally run` shows what it does: the live table on a terminal, or a line a cycle in a pipe.
// Not for what the picture is made of: see cli/live_table.h.
#ifndef TALLY_CLI_SCREEN_H
#define TALLY_CLI_SCREEN_H

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>

#include "base/log.h"
#include "cli/live_table.h"

namespace tally::cli {

// On a terminal log lines would tear the table: the newest is shown in it, and all that came go to stderr at the end.
// One thread; log lines may come from any.
class Screen {
 public:
  // `options` say how the program logs beside it, and count again from the screen's end on.
  explicit Screen(const log::Options& options);
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  // To be called about each second.
  void show(Snapshot snapshot);

 private:
  void keep(std::string_view line);

  const bool live_;
  const log::Options options_;
  std::mutex mutex_;  // guards lines_
  std::deque<std::string> lines_;
  std::uint64_t seen_cycles_ = 0;
  std::uint64_t told_cycles_ = 0;
};

}  // namespace tally::cli

#endif
