// `tally bus`: how the queues of each configured bus stand, the end of those that are Tally's own, and the way back to
// what was read since a time. Not for what is in them.
#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "base/url.h"
#include "cli/cli.h"
#include "plugin/managers/driver.h"

namespace tally::cli {
namespace {

constexpr std::uint32_t kBusTimeoutMs = 15'000;  // for one bus

using BusAction = absl::Status (plugin::TransportDriver::*)(std::uint32_t, const plugin::TakeQueue&);

// An agent's is the one it sends to.
std::vector<std::string> buses_of(const config::Config& config) {
  return config.listen.empty() ? std::vector<std::string>{config.publish} : config.listen;
}

void print(Output& output, const std::string& bus, const Queue& queue) {
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

void run(Context& context, BusAction act) {
  const bool reads = act == &plugin::TransportDriver::inspect;
  std::optional<Setup> setup =
      load_setup(context, config::Program::run, reads ? needs_role<plugin::Role::transport> : needs_all);
  if (!setup) return;
  const config::Config& config = setup->loaded.config;
  const auto output = Output::open(context.format_or(Format::table), std::cout,
                                   {"bus", "queue", "state", "messages", "consumers", "ours", "warning"});
  std::vector<absl::Status> failures;
  for (const std::string& url : buses_of(config)) {
    const std::string bus = redact_url(url);
    absl::StatusOr<plugin::Driver<plugin::TransportDriver>> transport =
        plugin::open_transport(setup->catalog, url, config);
    absl::Status status = transport.status();
    if (status.ok()) {
      status = ((**transport).*act)(kBusTimeoutMs, [&](const Queue& queue) { print(*output, bus, queue); });
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

// --- rewind ----------------------------------------------------------------------------------------------------------

RowBuilder& number(RowBuilder& row, const char* name, std::optional<std::int64_t> value) {
  return value ? row.number(name, std::to_string(*value)) : row.null(name);
}

void print(Output& output, const std::string& bus, const Rewound& queue) {
  RowBuilder row;
  row.text("bus", bus).text("queue", queue.name).text("state", queue.state);
  number(row, "from", queue.from);
  number(row, "to", queue.to);
  if (queue.messages) {
    row.number("messages", *queue.messages);
  } else {
    row.null("messages");
  }
  row.text("warning", queue.warning.empty() ? std::nullopt : std::optional(queue.warning));
  row.emit(output);
}

// Every bus is tried: one that cannot go back keeps no other from it.
void rewind(Context& context, const std::string& to, bool dry_run) {
  const std::optional<Time> time = Time::parse(to);
  if (!time) {
    context.exit_status =
        fail(kUsage, "--to \"" + to + "\" is not a time; write 2026-01-02 or 2026-01-02T03:04:05 (UTC)");
    return;
  }
  if (*time > Time::now()) {
    context.exit_status = fail(kUsage, "--to " + to + " is later than now; times are UTC");
    return;
  }
  std::optional<Setup> setup = load_setup(context, config::Program::run);
  if (!setup) return;
  const config::Config& config = setup->loaded.config;
  const auto output = Output::open(context.format_or(Format::table), std::cout,
                                   {"bus", "queue", "state", "from", "to", "messages", "warning"});
  std::vector<absl::Status> failures;
  for (const std::string& url : buses_of(config)) {
    const std::string bus = redact_url(url);
    absl::StatusOr<plugin::Driver<plugin::TransportDriver>> transport =
        plugin::open_transport(setup->catalog, url, config);
    absl::Status status = transport.status();
    if (status.ok()) {
      status = (*transport)->rewind(*time, dry_run, kBusTimeoutMs, [&](const Rewound& queue) {
        print(*output, bus, queue);
      });
    }
    if (!status.ok()) failures.emplace_back(status.code(), bus + ": " + std::string(to_std(status.message())));
  }
  output->finish();
  for (const absl::Status& failure : failures) context.exit_status = std::max(context.exit_status, fail(failure));
}

void add_rewind(CLI::App& group, Context& context) {
  struct BusArguments {
    std::string to;
    bool dry_run = false;
  };
  const auto arguments = std::make_shared<BusArguments>();
  CLI::App* command = group.add_subcommand("rewind", "Have what was read since a time delivered again (Kafka)");
  add_common_options(*command, context);
  command->add_option("--to", arguments->to, "What the bus took from this time on, UTC")->type_name("TIME")->required();
  command->add_flag("--dry-run", arguments->dry_run, "Tell what would be delivered again, and change nothing");
  command->callback([&context, arguments] { rewind(context, arguments->to, arguments->dry_run); });
}

void add(CLI::App& group, Context& context, const char* name, const char* help, BusAction act) {
  CLI::App* command = group.add_subcommand(name, help);
  add_common_options(*command, context);
  command->callback([&context, act] { run(context, act); });
}

}  // namespace

void add_bus_command(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("bus", "The message buses: status, unsubscribe, rewind");
  group->require_subcommand(1);
  add(*group, context, "status", "Each queue, what waits in it, and whether anybody consumes it",
      &plugin::TransportDriver::inspect);
  add(*group, context, "unsubscribe", "Remove the queues that Tally made for itself",
      &plugin::TransportDriver::unsubscribe);
  add_rewind(*group, context);
}

}  // namespace tally::cli
