// `tally status`: what a running daemon says of itself, collector, agent or `tally run`.
// Not for what is stored: `tally query`; not for plugins that are not running: `tally plugin list`.
#include <tally/kit/json.h>

#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "cli/cli.h"
#include "cli/http_get.h"

namespace tally::cli {
namespace {

std::string text_of(const Json& object, std::string_view key) {
  return std::string(object.find_text(key).value_or(""));
}

// A number or a text as it is shown; null and what is missing: "-".
std::string value_of(const Json& object, std::string_view key) {
  const Json* value = object.find(key);
  if (value == nullptr || value->is_null()) return "-";
  return value->kind() == Json::Kind::string ? text_of(object, key) : std::string(value->raw());
}

std::vector<std::string> texts_of(const Json& object, std::string_view key) {
  std::vector<std::string> texts;
  const Json* list = object.find(key);
  if (list == nullptr) return texts;
  for (const Json& item : list->items()) texts.emplace_back(item.text().value_or(""));
  return texts;
}

std::string joined(const std::vector<std::string>& texts, std::string_view between) {
  std::string all;
  for (const std::string& text : texts) all.append(all.empty() ? "" : between).append(text);
  return all;
}

// "3d 4h", "12min 5s": the two largest units.
std::string span_of(std::int64_t seconds) {
  struct Unit {
    std::int64_t seconds;
    const char* name;
  };
  std::string text;
  int shown = 0;
  for (const Unit& unit : {Unit{86'400, "d"}, Unit{3'600, "h"}, Unit{60, "min"}, Unit{1, "s"}}) {
    const std::int64_t count = seconds / unit.seconds;
    if (shown == 2 || (count == 0 && unit.seconds > 1 && text.empty())) continue;
    if (count > 0 || text.empty()) text += (text.empty() ? "" : " ") + std::to_string(count) + unit.name;
    seconds %= unit.seconds;
    ++shown;
  }
  return text;
}

void line(std::string_view label, std::string_view text) { std::cout << label << ": " << text << '\n'; }

void print_head(const Json& status) {
  const std::string program = text_of(status, "program");
  if (program.empty()) return line("state", text_of(status, "state"));  // of a release that does not say more
  const Json* uptime = status.find("uptime_s");
  line("program", program + " " + text_of(status, "version") + ", process " + value_of(status, "pid") + ", up " +
                      span_of(uptime == nullptr ? 0 : uptime->integer().value_or(0)));
  const std::vector<std::string> files = texts_of(status, "configuration");
  line("configuration", files.empty() ? "none: the defaults" : joined(files, ", "));
  line("state", text_of(status, "state"));
  const std::vector<std::string> reasons = texts_of(status, "not_ready");
  line("ready", reasons.empty() ? "yes" : "no");
  for (const std::string& reason : reasons) std::cout << "  " << reason << '\n';
}

void print_buses(const Json& status) {
  const Json* buses = status.find("buses");
  if (buses == nullptr) return;
  for (const Json& bus : buses->items()) {
    line(text_of(bus, "use") == "publish" ? "publishes to" : "listens to",
         text_of(bus, "name") + ": " + text_of(bus, "state") + ", waiting " + value_of(bus, "waiting") +
             ", last message " + value_of(bus, "last_message"));
    if (const std::string reason = text_of(bus, "reason"); !reason.empty()) std::cout << "  " << reason << '\n';
    for (const std::string& warning : texts_of(bus, "warnings")) std::cout << "  warning: " << warning << '\n';
  }
}

void print_store(const Json& status) {
  const Json* store = status.find("store");
  if (store == nullptr) return;
  line("store", text_of(*store, "name") + ": " + text_of(*store, "state"));
  if (const std::string reason = text_of(*store, "reason"); !reason.empty()) std::cout << "  " << reason << '\n';
}

void print_counts(const Json& status, std::string_view key, std::string_view label) {
  const Json* books = status.find(key);
  if (books == nullptr) return;
  std::vector<std::string> counts;
  for (const Json& count : books->items()) counts.push_back(std::string(count.key()) + " " + std::string(count.raw()));
  line(label, counts.empty() ? "none" : joined(counts, ", "));
}

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

void run(Context& context) {
  const std::optional<Setup> setup = load_setup(context, config::Program::run, needs_nothing);
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
        fail(kFailed, "the answer of " + http.address + ":" + std::to_string(http.port) + " is not JSON");
    return;
  }
  if (format == Format::table) {
    print_head(*status);
    print_buses(*status);
    print_store(*status);
    for (const char* unit : {"messages", "samples", "cycles"}) print_counts(*status, unit, unit);
    print_counts(*status, "dead_letters", "dead letters since the start");
    std::cout << '\n';
  }
  print_plugins(*status, *Output::open(format, std::cout, {"role", "name", "version", "state", "reason"}));
}

}  // namespace

void add_status_command(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("status", "Whether the running daemon is ready, and what it does");
  add_common_options(*command, context);
  command->callback([&context] { run(context); });
}

}  // namespace tally::cli
