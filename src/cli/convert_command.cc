// `tally convert`: notifications in, a line each; samples out, in order.
// Not for storing them, nor for talking to a bus.
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "cli/arguments.h"
#include "cli/cli.h"
#include "cli/sample_row.h"
#include "collector/pipeline.h"
#include "collector/wiring.h"
#include "plugin/call/marshal.h"

namespace tally::cli {
namespace {

struct ConvertArguments {
  std::vector<std::string> meters;
  std::string file = "-";
};

// What became of one line; false: it could not be read, or a part of it was lost.
bool print(const collector::Processed& done, std::uint64_t number, const std::string& file, Output& output) {
  for (const tally_sample& sample : done.samples) print_sample(plugin::view_of(sample), output);
  const std::string place = (file == "-" ? std::string("line ") : file + ":") + std::to_string(number) + ": ";
  if (done.again) {
    fail(kFailed, place + done.again_handler + ": " + done.again_why);
    return false;
  }
  if (done.dead_message) fail(kFailed, place + done.dead_message->reason + ": " + done.dead_message->detail);
  for (const plugin::DeadLetter& dead : done.dead_samples) fail(kFailed, place + dead.reason + ": " + dead.detail);
  return !done.dead_message && done.dead_samples.empty();
}

void run(Context& context, const ConvertArguments& arguments) {
  std::string joined;
  for (const std::string& path : arguments.meters) joined += (joined.empty() ? "" : ":") + path;
  if (!joined.empty()) setenv("TALLY_DEFINITIONS", joined.c_str(), 1);  // read by the handler of definitions
  std::optional<Setup> setup = load_setup(context, config::Program::run, needs_role<plugin::Role::notification>);
  if (!setup) return;
  absl::StatusOr<collector::Pipeline> pipeline = collector::make_pipeline(setup->catalog, setup->loaded.config);
  if (!pipeline.ok()) {
    context.exit_status = fail(pipeline.status());
    return;
  }
  const Format format = context.format_or(Format::jsonl);
  const auto output =
      Output::open(format, std::cout, format == Format::table ? sample_columns() : std::vector<std::string>());
  bool all_well = true;
  const absl::Status status = each_line(arguments.file, [&](std::string line, std::uint64_t number) {
    const collector::Processed done = pipeline->process({std::move(line), "convert", Time::now()});
    all_well = print(done, number, arguments.file, *output) && all_well;
    return static_cast<bool>(std::cout);
  });
  output->finish();
  if (!all_well) context.exit_status = kFailed;
  if (!status.ok()) context.exit_status = fail(status);
}

}  // namespace

void add_convert_command(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("convert", "Make samples of notifications and print them");
  add_common_options(*command, context);
  const auto arguments = std::make_shared<ConvertArguments>();
  command->add_option("--meters", arguments->meters, "Definitions to use instead of the configured ones")
      ->type_name("FILE-OR-DIR")
      ->allow_extra_args(false);
  command->add_option("FILE", arguments->file,
                      "One JSON object a line: bare, or in the bus envelope; - is standard input");
  command->callback([&context, arguments] { run(context, *arguments); });
}

}  // namespace tally::cli
