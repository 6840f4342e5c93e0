// `tally status`: what a running daemon says of itself, collector, agent or `tally run`.
// Not for what is stored: `tally query`; not for plugins that are not running: `tally plugin list`.
#include <tally/sdk/json.h>

#include <iostream>
#include <string>

#include "cli/cli.h"
#include "cli/http_get.h"

namespace tally::cli {
namespace {

void print_plugins(const Json& status, Output& output) {
  const Json* plugins = status.find("plugins");
  if (plugins == nullptr) return;
  for (const Json& plugin : plugins->items()) {
    RowBuilder row;
    for (const char* key : {"role", "name", "version", "state", "reason"}) {
      row.text(key, plugin.find_text(key).value_or(""));
    }
    row.emit(output);
  }
  output.finish();
}

void print_books(const Json& status) {
  for (const char* unit : {"messages", "samples", "cycles"}) {
    const Json* books = status.find(unit);
    if (books == nullptr) continue;
    std::cout << unit << ':';
    for (const Json& count : books->items()) std::cout << ' ' << count.key() << ' ' << count.raw();
    std::cout << '\n';
  }
}

void run(Context& context) {
  const std::optional<Setup> setup = load_setup(context, host::Program::run, needs_nothing);
  if (!setup) return;
  const auto& http = setup->loaded.config.http;
  if (http.address.empty()) {
    context.exit_status = fail(kAway, "the configuration says `http: none`: there is nothing to ask");
    return;
  }
  const absl::StatusOr<std::string> body = http_get(http.address, http.port, "/status");
  if (!body.ok()) {
    context.exit_status = fail(body.status());
    return;
  }
  const Format format = context.format_or(Format::table);
  if (format == Format::json || format == Format::jsonl) {
    std::cout << *body << (body->empty() || body->back() != '\n' ? "\n" : "");
    return;
  }
  const std::optional<Json> status = Json::parse(*body);
  if (!status) {
    context.exit_status =
        fail(kFailed, "the answer of " + http.address + ":" + std::to_string(http.port) + " is no JSON");
    return;
  }
  if (format == Format::table) {
    std::cout << "state: " << status->find_text("state").value_or("?") << '\n';
    print_books(*status);
    std::cout << '\n';
  }
  print_plugins(*status, *Output::open(format, std::cout, {"role", "name", "version", "state", "reason"}));
}

}  // namespace

void add_status_command(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("status", "What the running daemon says of itself");
  add_common_options(*command, context);
  command->callback([&context] { run(context); });
}

}  // namespace tally::cli
