#include "cli/isolated_handlers.h"

#include <poll.h>
#include <sys/wait.h>
#include <tally/kit/json.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <iostream>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/log.h"
#include "base/status.h"
#include "collector/wiring.h"
#include "config/value.h"

namespace tally::cli {
namespace {

using std::chrono::steady_clock;

std::string to_json(const plugin::Survey& survey) {
  std::string made;
  for (const auto& [handler, definition] : survey.made) {
    JsonWriter one;
    one.text("handler", handler).text("name", definition.name).text("meter", definition.meter);
    one.text("type", definition.type)
        .text("unit", definition.unit)
        .text("disabled", definition.disabled ? "yes" : "no");
    one.raw("event_types", config::list_to_json(definition.event_types));
    made += (made.empty() ? "" : ",") + one.str();
  }
  return JsonWriter().raw("twice", config::list_to_json(survey.twice)).raw("made", "[" + made + "]").str();
}

std::vector<std::string> texts(const Json* list) {
  std::vector<std::string> out;
  if (list != nullptr)
    for (const Json& item : list->items()) out.emplace_back(item.text().value_or(""));
  return out;
}

plugin::Survey from_json(const Json& json) {
  plugin::Survey survey;
  survey.twice = texts(json.at("twice"));
  const Json* const made = json.at("made");
  for (std::size_t i = 0; made != nullptr && made->at(i) != nullptr; ++i) {
    const Json& one = *made->at(i);
    const auto text = [&](const char* key) { return std::string(one.find_text(key).value_or("")); };
    MeterDefinition definition{text("name"),
                               text("meter"),
                               text("type"),
                               text("unit"),
                               texts(one.at("event_types")),
                               {},
                               text("disabled") == "yes"};
    survey.made.push_back({text("handler"), std::move(definition)});
  }
  return survey;
}

void write_all(int to, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(to, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

// What comes until the other end is closed, within `limit`.
std::string read_all(int from, std::chrono::milliseconds limit) {
  std::string all;
  std::array<char, 4096> some;
  const auto end = steady_clock::now() + limit;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - steady_clock::now()).count();
    pollfd waiting = {from, POLLIN, 0};
    if (left <= 0 || ::poll(&waiting, 1, static_cast<int>(left)) <= 0) return all;
    const ssize_t got = read(from, some.data(), some.size());
    if (got <= 0) return all;
    all.append(some.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

absl::StatusOr<plugin::Survey> survey_apart(plugin::Catalog& catalog, const config::Config& config, bool aloud) {
  constexpr std::chrono::seconds kLimit{20};
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) return transient("no pipe can be made");
  std::cout.flush();
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    if (!aloud) {
      log::Options quiet;
      quiet.program = "tally";
      quiet.level = log::Level::error;
      log::configure(quiet);
    }
    write_all(ends[1], to_json(collector::survey_handlers(catalog, config)));
    _exit(0);
  }
  close(ends[1]);
  const std::string answer = child > 0 ? read_all(ends[0], kLimit) : "";
  close(ends[0]);
  if (child <= 0) return transient("no process can be made");
  kill(child, SIGKILL);  // it has answered, or will not
  waitpid(child, nullptr, 0);
  const std::optional<Json> json = Json::parse(answer);
  if (!json)
    return transient(
        "the notification handlers cannot be asked what they make: one of them ended its process or hangs");
  return from_json(*json);
}

}  // namespace tally::cli
