// Runs the deployer's commands on the timer and emits the samples that they write.
// Not for daemons: a command ends by itself within the time limit, or is killed.
#include <tally/plugin.h>

#include "command.h"
#include "output.h"

namespace {

class Exec : public tally::Pollster {
 public:
  explicit Exec(const tally::Config& config)
      : host_(config.host()),
        commands_(config.list("commands")),
        limits_{std::chrono::duration_cast<std::chrono::milliseconds>(config.duration("timeout")),
                config.bytes("output")} {
    if (commands_.empty()) throw tally::Error::absent("no commands configured");
  }

  // One command's trouble does not keep the others from running; the call ends with all of it together.
  void poll(const tally::Poll& poll, tally::Emitter& emit) override {
    std::string problems;
    for (const std::string& command : commands_) {
      const CommandResult result = run_command(command, limits_);
      emit_lines(command, result.output, poll, emit);
      if (!result.problem.empty()) problems += (problems.empty() ? "" : "; ") + command + ": " + result.problem;
    }
    if (!problems.empty()) throw tally::Error::transient(problems);
  }

 private:
  // Emits the lines that can be read; each that cannot is a fault of its own, of the command.
  void emit_lines(const std::string& command, std::string_view output, const tally::Poll& poll,
                  tally::Emitter& emit) const {
    for (std::size_t number = 1; !output.empty(); ++number) {
      const std::size_t end = std::min(output.find('\n'), output.size());
      const std::string_view line = output.substr(0, end);
      output.remove_prefix(std::min(end + 1, output.size()));
      if (is_comment(line)) continue;
      std::string why;
      if (const auto sample = read_line(line, host_, why)) {
        emit(*sample);
      } else {
        poll.fault(command.substr(0, 200), tally::Error::transient("line " + std::to_string(number) + ": " + why));
      }
    }
  }

  std::string host_;
  std::vector<std::string> commands_;
  CommandLimits limits_;
};

}  // namespace

// clang-format off
TALLY_PLUGIN(Exec, {
  "name": "exec", "version": "1.0.0",
  "roles": [{
    "role": "pollster", "name": "exec", "namespace": "host",
    "summary": "Samples that the deployer's own commands write", "single": true, "limit": "300s", "meters": [],
    "config": [
      {"key": "commands", "type": "list", "default": [], "help": "what /bin/sh runs each cycle, one after the other"},
      {"key": "timeout", "type": "duration", "default": "10s", "min": "100ms", "max": "60s", "help": "how long one command may take"},
      {"key": "output", "type": "bytes", "default": "1MiB", "min": "1KiB", "max": "64MiB", "help": "how much one command may write"}]
  }]
})
