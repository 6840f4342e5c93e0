// Runs one command of the deployer's and takes what it writes, within a time limit and a bound of bytes.
// Not for understanding the output: that is output.h.
#ifndef TALLY_PLUGINS_EXEC_COMMAND_H
#define TALLY_PLUGINS_EXEC_COMMAND_H

#include <chrono>
#include <string>

struct CommandLimits {
  std::chrono::milliseconds time;
  std::size_t output_bytes;
};

struct CommandResult {
  std::string output;   // what it wrote to its standard output, up to the bound
  std::string problem;  // empty: it ended by itself with exit status 0
};

// Runs `command` by /bin/sh in a process group of its own, which is killed whole when the command ends, at the time
// limit, or past the bound. Nothing of it runs on after the call, unless it left its process group on purpose.
CommandResult run_command(const std::string& command, const CommandLimits& limits);

#endif
