#include "plugin/supervise/descriptor_leaks.h"

#include <dirent.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>

#include "base/log.h"

namespace tally::plugin {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kFirstLooks = 128;
constexpr std::chrono::milliseconds kBetweenLooks{100};

struct Growth {
  std::int64_t grown = 0;
  std::int64_t at_first = -1;  // open in the process when it was first looked at
  bool warned = false;
  int looks = 0;
  Clock::time_point last_look{};
};

struct Ledger {
  std::mutex lock;
  std::map<std::string, Growth> plugins;
};

// Lives as long as the process, like the plugins.
Ledger& ledger() {
  static auto* const made = new Ledger;
  return *made;
}

// REQUIRES: the ledger's lock.
bool has_the_most(const Ledger& all, const Growth& mine) {
  return std::all_of(all.plugins.begin(), all.plugins.end(),
                     [&](const auto& other) { return &other.second == &mine || other.second.grown < mine.grown; });
}

}  // namespace

std::int64_t open_descriptors() {
  DIR* folder = opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  std::int64_t count = 0;
  while (readdir(folder) != nullptr) ++count;
  closedir(folder);
  return std::max<std::int64_t>(count - 3, 0);  // ".", "..", and the folder's own
}

bool worth_counting(const std::string& plugin, Clock::time_point now) {
  Ledger& all = ledger();
  const std::lock_guard guard(all.lock);
  Growth& growth = all.plugins[plugin];
  if (growth.looks >= kFirstLooks && now - growth.last_look < kBetweenLooks) return false;
  ++growth.looks;
  growth.last_look = now;
  return true;
}

bool note_descriptors(const std::string& plugin, std::int64_t before, std::int64_t after) {
  std::int64_t grown = 0;
  {
    Ledger& all = ledger();
    const std::lock_guard guard(all.lock);
    Growth& growth = all.plugins[plugin];
    if (growth.at_first < 0) growth.at_first = before;
    growth.grown = std::max<std::int64_t>(growth.grown + after - before, 0);
    const bool worth_it =
        growth.grown >= kDescriptorsWorthAWarning && after - growth.at_first >= kDescriptorsWorthAWarning;
    if (growth.warned || !worth_it || !has_the_most(all, growth)) return false;
    growth.warned = true;
    grown = growth.grown;
  }
  log::warning(plugin + " leaves file descriptors open: " + std::to_string(grown) +
               " more after its calls than before them, " + std::to_string(after) +
               " in the whole process; turn it off and restart before there are none left");
  return true;
}

void descriptor_metrics(MetricsPage& page) {
  page.family("process_open_fds", "gauge", "File descriptors that are open.");
  page.value({}, static_cast<std::uint64_t>(open_descriptors()));
  page.family("tally_plugin_descriptors_grown", "gauge", "Descriptors that a plugin's calls have left open, about.");
  Ledger& all = ledger();
  const std::lock_guard guard(all.lock);
  for (const auto& [plugin, growth] : all.plugins) {
    if (growth.grown > 0) page.value({{"plugin", plugin}}, static_cast<std::uint64_t>(growth.grown));
  }
}

}  // namespace tally::plugin
