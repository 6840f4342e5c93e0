// `tally poll`: runs pollsters once and prints what they measure.
// Not for publishing or storing: that is the agent's.
#include <tally/kit/glob.h>

#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "agent/wiring.h"
#include "base/status.h"
#include "cli/cli.h"
#include "cli/sample_row.h"
#include "plugin/managers/poller.h"
#include "plugin/managers/shared_discovery.h"
#include "wire/ids.h"

namespace tally::cli {
namespace {

struct PollArguments {
  std::vector<std::string> names, namespaces;
};

bool wanted(const std::vector<std::string>& patterns, const std::string& name) {
  if (patterns.empty()) return true;
  for (const std::string& pattern : patterns) {
    if (glob_match(pattern, name) || glob_match(pattern, "pollster:" + name)) return true;
  }
  return false;
}

std::string nothing_matches(const PollArguments& arguments) {
  const auto list = [](const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "\"" : ", \"") + word + "\"";
    return text;
  };
  std::string text = "no pollster";
  if (!arguments.names.empty()) text += " is called " + list(arguments.names);
  if (!arguments.namespaces.empty()) text += " in namespace " + list(arguments.namespaces);
  return text + "; `tally plugin list` shows all";
}

void poll_one(Context& context, const agent::PollsterSource& source, plugin::Poller poller, Time now, bool named,
              const agent::Sources& sources, const config::Config& config, Output& output) {
  plugin::Poller::Answer answer = poller.poll(now);
  for (Sample& sample : answer.samples) {
    bool disabled = false;
    for (const std::string& pattern : sources.disabled_meters) disabled = disabled || glob_match(pattern, sample.name);
    if (disabled) continue;
    if (sample.source.empty()) sample.source = config.source;
    if (sample.id.empty()) sample.id = wire::poll_sample_id(sample, config.source);
    print_sample(sample, output);
  }
  for (const plugin::PollFault& fault : answer.faults) {
    context.exit_status = fail(
        kFailed, "pollster:" + source.name + ": " + fault.resource_id + ": " + std::string(fault.status.message()));
  }
  const std::string text = "pollster:" + source.name + ": " + std::string(answer.status.message());
  if (answer.status.code() == kAbsent) {
    if (named || context.verbosity > 0) std::cerr << "tally: " << text << " (absent)\n";
  } else if (!answer.status.ok()) {
    context.exit_status = fail(kFailed, text);
  }
}

void run(Context& context, const PollArguments& arguments) {
  std::optional<Setup> setup = load_setup(context, config::Program::run);
  if (!setup) return;
  config::Config& config = setup->loaded.config;
  config.polling.namespaces = {"host", "compute", "central"};
  if (!arguments.namespaces.empty()) config.polling.namespaces = arguments.namespaces;
  const agent::Sources sources = agent::find_sources(setup->catalog, setup->loaded, nullptr);
  const auto discovery = std::make_shared<plugin::SharedDiscovery>(sources.discoveries);
  const Format format = context.format_or(Format::table);
  const auto output =
      Output::open(format, std::cout, format == Format::table ? sample_columns() : std::vector<std::string>());
  const Time now = Time::now();
  bool any = false;
  for (const agent::PollsterSource& source : sources.pollsters) {
    if (!wanted(arguments.names, source.name)) continue;
    any = true;
    if (source.make) {
      poll_one(context, source, plugin::Poller(source, discovery), now, !arguments.names.empty(), sources, config,
               *output);
    } else if (!arguments.names.empty()) {
      std::cerr << "tally: pollster:" << source.name << " is " << source.state << ": " << source.reason << '\n';
    }
  }
  if (any) {
    output->finish();
  } else {
    context.exit_status = fail(kFailed, nothing_matches(arguments));
  }
}

}  // namespace

void add_poll_command(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("poll", "Run the pollsters once and print what they measure");
  add_common_options(*command, context);
  const auto arguments = std::make_shared<PollArguments>();
  command->add_option("NAME", arguments->names, "Which pollsters; * is any run of characters");
  command->add_option("--namespace", arguments->namespaces, "host, compute or central; default all")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->callback([&context, arguments] { run(context, *arguments); });
}

}  // namespace tally::cli
