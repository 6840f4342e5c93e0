// What `tally run` shows while it runs: a table drawn again each second, or one line a cycle where there is no
// terminal. Not for measuring: it is handed two snapshots.
#ifndef TALLY_CLI_LIVE_TABLE_H
#define TALLY_CLI_LIVE_TABLE_H

#include <iosfwd>
#include <string>
#include <vector>

#include "agent/agent.h"
#include "collector/collector.h"

namespace tally::cli {

struct Snapshot {
  agent::AgentStatus agent;
  collector::CollectorStatus collector;
  std::vector<agent::LastValue> values;
  std::string storage;  // without secrets
  std::string hint;     // how to ask what is stored
  std::string log;      // the newest log line; empty where those go elsewhere
};

// The whole picture for a terminal of that size, from its top left corner; longer lines are cut, rows too many left out
// with their number said.
std::string draw(const Snapshot& snapshot, int rows, int columns);

// "12:00:05 37 meters, 120 samples made, 120 stored, 0 duplicate, 0 dead, 0 waiting; off: …"
std::string one_line(const Snapshot& snapshot);

// The last words: what was counted, and what is off and why.
std::string summary(const Snapshot& snapshot);

}  // namespace tally::cli

#endif
