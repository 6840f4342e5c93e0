// `tally convert`: notifications in, a line each; samples out, in order.
// Not for storing them, nor for talking to a bus.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/cli.h"
#include "cli/line_reader.h"
#include "cli/sample_row.h"
#include "collector/pipeline.h"
#include "collector/pipeline_group.h"
#include "collector/wiring.h"
#include "plugin/call/marshal.h"

namespace tally::cli {
namespace {

constexpr std::size_t kGroup = 256;  // lines for which one change of threads is enough

struct ConvertArguments {
  std::vector<std::string> meters;
  std::string file = "-";
};

// What became of one line; false: it could not be read, or a part of it was lost.
bool print(const collector::Processed& done, std::uint64_t number, const std::string& file, Output& output) {
  for (const tally_sample& sample : done.samples) print_sample(from_c(sample), output);
  const std::string place = (file == "-" ? std::string("line ") : file + ":") + std::to_string(number) + ": ";
  if (done.again) {
    fail(kFailed, place + done.again_handler + ": " + done.again_why);
    return false;
  }
  if (done.dead_message) fail(kFailed, place + done.dead_message->reason + ": " + done.dead_message->detail);
  for (const DeadLetter& dead : done.dead_samples) fail(kFailed, place + dead.reason + ": " + dead.detail);
  return !done.dead_message && done.dead_samples.empty();
}

// Makes samples of groups of lines, and prints what became of each line in their order.
class Converter {
 public:
  Converter(std::function<absl::StatusOr<collector::Pipeline>()> make, std::string file, Output& output)
      : make_(std::move(make)), file_(std::move(file)), output_(output) {}

  // Makes the handlers; after a call that hangs, others.
  absl::Status prepare() {
    absl::StatusOr<collector::Pipeline> made = make_();
    if (made.ok()) pipeline_ = std::make_shared<collector::Pipeline>(*std::move(made));
    return made.status();
  }

  // REQUIRES: prepare() went well.
  absl::Status convert(std::vector<Line> lines) {
    std::vector<std::shared_ptr<const collector::Incoming>> messages;
    for (Line& line : lines)
      messages.push_back(
          std::make_shared<collector::Incoming>(collector::Incoming{std::move(line.text), "convert", Time::now()}));
    std::vector<std::unique_ptr<collector::Processed>> results;
    for (std::size_t done = 0; done < lines.size(); done += results.size()) {
      std::vector<std::shared_ptr<const collector::Incoming>> rest(messages.begin() + static_cast<std::ptrdiff_t>(done),
                                                                   messages.end());
      const absl::Status status = collector::process_group(thread_, pipeline_, std::move(rest), results);
      for (std::size_t i = 0; i < results.size(); ++i)
        all_well_ = print(*results[i], lines[done + i].number, file_, output_) && all_well_;
      if (!status.ok())
        if (absl::Status remade = prepare(); !remade.ok()) return remade;
    }
    return absl::OkStatus();
  }

  bool all_well() const { return all_well_; }

 private:
  const std::function<absl::StatusOr<collector::Pipeline>()> make_;
  const std::string file_;
  Output& output_;
  plugin::Worker thread_;
  std::shared_ptr<collector::Pipeline> pipeline_;
  bool all_well_ = true;
};

absl::Status convert_all(Converter& converter, const std::string& file) {
  absl::StatusOr<LineReader> reader = LineReader::open(file);
  if (!reader.ok()) return reader.status();
  while (std::cout) {
    absl::StatusOr<std::vector<Line>> lines = reader->next(kGroup, [] { std::cout.flush(); });
    if (!lines.ok()) return lines.status();
    if (lines->empty()) break;
    if (absl::Status status = converter.convert(*std::move(lines)); !status.ok()) return status;
  }
  return absl::OkStatus();
}

void run(Context& context, const ConvertArguments& arguments) {
  std::string joined;
  for (const std::string& path : arguments.meters) joined += (joined.empty() ? "" : ":") + path;
  if (!joined.empty()) setenv("TALLY_DEFINITIONS", joined.c_str(), 1);  // read by the handler of definitions
  std::optional<Setup> setup = load_setup(context, config::Program::run, needs_role<plugin::Role::notification>);
  if (!setup) return;
  static std::array<char, std::size_t{64} << 10U> block;
  std::setvbuf(stdout, block.data(), _IOFBF, block.size());
  const Format format = context.format_or(Format::jsonl);
  const auto output =
      Output::open(format, std::cout, format == Format::table ? sample_columns() : std::vector<std::string>());
  Converter converter(collector::pipeline_maker(setup->catalog, setup->loaded.config), arguments.file, *output);
  if (const absl::Status status = converter.prepare(); !status.ok()) {
    context.exit_status = fail(status);
    return;
  }
  const absl::Status status = convert_all(converter, arguments.file);
  output->finish();
  if (!converter.all_well()) context.exit_status = kFailed;
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
