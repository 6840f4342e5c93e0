#include "daemon/command_line.h"

#include "base/build_config.h"
#include "base/exit_status.h"
#include "daemon/command_docs.h"

namespace tally::daemon {

void add_config_option(CLI::App& app, Arguments& arguments, const std::string& help) {
  app.add_option("--config", arguments.config_path, help)->type_name("FILE");
}

void add_log_options(CLI::App& app, Arguments& arguments) {
  app.add_option("--log-format", arguments.log_format, "How to log: text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORMAT");
  app.add_flag(
      "-v", [&arguments](std::int64_t times) { arguments.verbosity += static_cast<int>(times); }, "Log more");
  app.add_flag(
      "-q", [&arguments](std::int64_t times) { arguments.verbosity -= static_cast<int>(times); }, "Log less");
}

void describe(CLI::App& app, const Description& description, Arguments& arguments) {
  app.name(description.program);
  app.description(description.does);
  add_config_option(app, arguments, "The configuration; default " + description.config);
  add_log_options(app, arguments);
  app.footer(
      "Exit status: 0 done, 1 something failed, 64 wrong usage, 69 a service is away, 70 restart me, "
      "78 configuration invalid.");
  add_docs_option(app, {TALLY_VERSION, description.files, description.see_also});
  app.set_version_flag("--version", description.program + " " + TALLY_VERSION);
}

std::optional<int> parse(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_status::kDone : exit_status::kUsage;
  }
  return std::nullopt;
}

}  // namespace tally::daemon
