// `tally bus`: how the queues of each configured bus stand, and the end of those that are Tally's own.
// Not for what is in them.
#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "cli/cli.h"
#include "core/status.h"
#include "core/strings.h"
#include "core/url.h"
#include "plugin/driver.h"

namespace tally::cli {
namespace {

constexpr std::uint32_t kTimeoutMs = 15'000;  // for one bus

using Act = absl::Status (host::Transport::*)(std::uint32_t, const host::QueueSink&);

void print(Output& output, const std::string& bus, const host::QueueState& queue) {
  RowBuilder row;
  row.text("bus", bus).text("queue", queue.name).text("state", queue.state);
  for (const auto& [name, number] : {std::pair("messages", queue.messages), std::pair("consumers", queue.consumers)}) {
    if (number) {
      row.number(name, *number);
    } else {
      row.null(name);
    }
  }
  row.json("ours", queue.ours ? "true" : "false");
  row.text("warning", queue.warning.empty() ? std::nullopt : std::optional(queue.warning));
  row.emit(output);
}

void run(Context& context, Act act) {
  std::optional<Setup> setup = load_setup(context, host::Program::run);
  if (!setup) return;
  const host::Config& config = setup->loaded.config;
  const auto output = Output::open(context.format_or(Format::table), std::cout,
                                   {"bus", "queue", "state", "messages", "consumers", "ours", "warning"});
  std::vector<absl::Status> failures;
  const std::vector<std::string> sends_to = {config.publish};  // an agent's
  for (const std::string& url : config.listen.empty() ? sends_to : config.listen) {
    const std::string bus = redact_url(url);
    absl::StatusOr<host::Driver<host::Transport>> transport = host::open_transport(setup->catalog, url, config);
    absl::Status status = transport.status();
    if (status.ok()) {
      status = ((**transport).*act)(kTimeoutMs, [&](const host::QueueState& queue) { print(*output, bus, queue); });
    }
    if (status.code() == kAbsent) {
      if (context.verbosity >= 0) std::cerr << "tally: " << bus << ": " << to_std(status.message()) << '\n';
    } else if (!status.ok()) {
      failures.emplace_back(status.code(), bus + ": " + std::string(to_std(status.message())));
    }
  }
  output->finish();
  for (const absl::Status& failure : failures) context.exit_status = std::max(context.exit_status, fail(failure));
}

void add(CLI::App& group, Context& context, const char* name, const char* help, Act act) {
  CLI::App* command = group.add_subcommand(name, help);
  add_common_options(*command, context);
  command->callback([&context, act] { run(context, act); });
}

}  // namespace

void add_bus_command(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("bus", "The message buses: status, unsubscribe");
  group->require_subcommand(1);
  add(*group, context, "status", "Each queue, what waits in it, and whether anybody consumes it",
      &host::Transport::inspect);
  add(*group, context, "unsubscribe", "Remove the queues that Tally made for itself", &host::Transport::unsubscribe);
}

}  // namespace tally::cli
