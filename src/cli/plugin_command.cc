// `tally plugin list` and `tally plugin show NAME`: which plugins there are, what each is for, and why one is off.
// Loads none itself: what is shown stands in the files, or is what a running daemon says, or what notification handlers
// say of their definitions in a process of their own.
#include <tally/kit/json.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cli/cli.h"
#include "cli/http_get.h"
#include "cli/isolated_handlers.h"
#include "config/value.h"

namespace tally::cli {
namespace {

using plugin::Entry;

// What a daemon found out at run time, by "role:name version".
struct Live {
  std::string state;
  std::string reason;
  std::string skipped{};  // a JSON object; empty: nothing
};
using LiveStates = std::map<std::string, Live>;

std::string live_key(std::string_view role, std::string_view name, std::string_view version) {
  std::string key(role);
  return key.append(":").append(name).append(" ").append(version);
}

// Empty where no daemon answers, which is not an error: listing needs none.
LiveStates ask_daemon(const config::Config& config) {
  LiveStates states;
  if (config.http.address.empty()) return states;
  const absl::StatusOr<std::string> body = http_get(config.http.address, config.http.port, "/status");
  const std::optional<Json> status = body.ok() ? Json::parse(*body) : std::nullopt;
  const Json* plugins = status ? status->find("plugins") : nullptr;
  if (plugins == nullptr) return states;
  for (const Json& plugin : plugins->items()) {
    auto text = [&plugin](const char* key) { return std::string(plugin.find_text(key).value_or("")); };
    const Json* const skipped = plugin.at("skipped");
    states[live_key(text("role"), text("name"), text("version"))] = {
        text("state"), text("reason"), std::string(skipped != nullptr ? skipped->raw() : "")};
  }
  return states;
}

Live state_of(const Entry& entry, const LiveStates& states) {
  Live own{std::string(plugin::state_name(entry.state)), entry.reason};
  if (entry.state != plugin::State::on) return own;
  const auto live = states.find(live_key(plugin::role_name(entry.role.role), entry.role.name, entry.manifest.version));
  if (live != states.end() && !live->second.state.empty()) return live->second;
  own.reason = "not yet run";
  return own;
}

// The entry with the event types and meters of the definitions that its handler has loaded, where it tells them.
Entry with_definitions(const Entry& entry, const plugin::Survey& survey) {
  Entry shown = entry;
  std::vector<std::string> types;
  std::vector<plugin::MeterDecl> meters;
  for (const auto& [handler, definition] : survey.made) {
    if (handler != entry.key()) continue;
    for (const std::string& type : definition.event_types)
      if (std::find(types.begin(), types.end(), type) == types.end()) types.push_back(type);
    const auto known = [](const std::string& text) { return text.empty() ? "(the message's)" : text; };
    meters.push_back({known(definition.meter), known(definition.type), known(definition.unit),
                      definition.name + (definition.disabled ? ", disabled" : "")});
  }
  if (meters.empty()) return shown;
  shown.role.event_types = std::move(types);
  shown.role.meters = std::move(meters);
  return shown;
}

void list_plugins(Context& context) {
  std::optional<Setup> setup = load_setup(context, config::Program::run, needs_nothing);
  if (!setup) return;
  const LiveStates states = ask_daemon(setup->loaded.config);
  const auto output =
      Output::open(context.format_or(Format::table), std::cout, {"role", "name", "version", "state", "reason", "file"});
  for (const Entry& entry : setup->catalog.entries()) {
    const Live state = state_of(entry, states);
    const bool readable = !entry.role.name.empty();
    RowBuilder row;
    row.text("role", readable ? plugin::role_name(entry.role.role) : std::string_view());
    row.text("name", readable ? entry.role.name : entry.key());
    row.text("version", entry.manifest.version);
    row.text("state", state.state);
    row.text("reason", state.reason);
    row.text("file", entry.file.string());
    row.emit(*output);
  }
  output->finish();
  const auto survey = survey_apart(setup->catalog, setup->loaded.config, /*aloud=*/false);
  if (!survey.ok()) std::cerr << "tally: warning: " << survey.status().message() << '\n';
  if (survey.ok())
    for (const std::string& line : survey->twice) std::cerr << "tally: warning: " << line << '\n';
}

std::string json_list(const std::vector<std::string>& items) { return config::list_to_json(items); }

std::string meters_json(const plugin::RoleManifest& role) {
  std::string text = "[";
  for (const plugin::MeterDecl& meter : role.meters) {
    JsonObject object;
    object.set("name", meter.name).set("type", meter.type).set("unit", meter.unit);
    object.set("description", meter.description);
    text.append(text.size() > 1 ? "," : "").append(object.str());
  }
  return text + "]";
}

std::string keys_json(const std::vector<config::KeyDecl>& keys) {
  std::string text = "[";
  for (const config::KeyDecl& key : keys) {
    JsonObject object;
    object.set("key", key.name).set("type", config::key_type_name(key.type)).set("secret", key.secret);
    if (key.fallback) object.set("default", *key.fallback);
    object.set("help", key.help);
    text.append(text.size() > 1 ? "," : "").append(object.str());
  }
  return text + "]";
}

std::string precondition_text(const plugin::Precondition& need) {
  switch (need.kind) {
    case plugin::Precondition::Kind::path:
      return "path " + need.value;
    case plugin::Precondition::Kind::socket:
      return "socket " + need.value;
    case plugin::Precondition::Kind::library:
      return "library " + need.value;
    case plugin::Precondition::Kind::config:
      return "configuration key " + need.value;
    case plugin::Precondition::Kind::any: {
      std::string either;
      for (const plugin::Precondition& one : need.any)
        either += (either.empty() ? "" : " or ") + precondition_text(one);
      return either;
    }
  }
  return need.value;
}

std::vector<std::string> precondition_texts(const plugin::RoleManifest& role) {
  std::vector<std::string> texts;
  for (const plugin::Precondition& need : role.preconditions) texts.push_back(precondition_text(need));
  return texts;
}

void show_as_row(const Entry& entry, const Live& state, Output& output) {
  const plugin::RoleManifest& role = entry.role;
  RowBuilder row;
  const bool readable = !role.name.empty();
  row.text("role", readable ? plugin::role_name(role.role) : std::string_view());
  row.text("name", readable ? role.name : entry.key());
  row.text("plugin", entry.manifest.name).text("version", entry.manifest.version);
  row.text("state", state.state).text("reason", state.reason).text("file", entry.file.string());
  row.text("summary", role.summary.empty() ? entry.manifest.summary : role.summary);
  row.text("namespace", role.poll_namespace).text("discovery", role.discovery);
  row.json("event_types", json_list(role.event_types)).json("schemes", json_list(role.schemes));
  row.json("preconditions", json_list(precondition_texts(role)));
  row.json("meters", meters_json(role)).json("config", keys_json(role.config));
  row.json("query", role.query ? keys_json(*role.query) : "null");
  row.json("skipped", state.skipped);
  row.emit(output);
}

void show_for_reading(const Entry& entry, const Live& state) {
  const plugin::RoleManifest& role = entry.role;
  auto line = [](std::string_view name, std::string_view value) {
    if (!value.empty()) std::cout << name << ": " << value << '\n';
  };
  line("plugin", entry.key());
  line("summary", role.summary.empty() ? entry.manifest.summary : role.summary);
  line("file", entry.file.string());
  line("version", entry.manifest.version);
  line("state", state.state);
  line("reason", state.reason);
  line("namespace", role.poll_namespace);
  line("discovery", role.discovery);
  for (const std::string& type : role.event_types) line("event type", type);
  for (const std::string& scheme : role.schemes) line("URL", scheme + "://");
  for (const std::string& need : precondition_texts(role)) line("needs", need);
  for (const plugin::MeterDecl& meter : role.meters) {
    line("meter", meter.name + " (" + meter.type + ", " + meter.unit + ")" +
                      (meter.description.empty() ? "" : " " + meter.description));
  }
  const auto keys = [&](std::string_view what, const std::vector<config::KeyDecl>& all) {
    for (const config::KeyDecl& key : all) {
      std::string text = key.name + " (" + std::string(config::key_type_name(key.type));
      if (key.fallback) text += ", default " + *key.fallback;
      line(what, text + ")" + (key.help.empty() ? "" : " " + key.help));
    }
  };
  keys("key", role.config);
  if (role.query) keys("URL parameter", *role.query);
  if (const auto skipped = Json::parse(state.skipped); skipped && !state.skipped.empty())
    for (const Json& one : skipped->items())
      line("skipped", std::string(one.key()) + " found not enough in " + std::string(one.raw()) + " messages");
}

// Of a file that says nothing of itself: whether it is called as the plugin's would be, tally-ROLE-NAME.so.
bool is_file_of(const Entry& entry, std::string name) {
  if (!entry.role.name.empty()) return false;
  std::ranges::replace(name, ':', '-');
  const std::string stem = entry.file.stem().string();
  return stem == name || stem.ends_with("-" + name);
}

// NAME is "role:name", a role's name, a plugin's name, or a file's, with or without its folder.
bool is_named(const Entry& entry, const std::string& name) {
  return entry.key() == name || entry.role.name == name || entry.manifest.name == name ||
         entry.file.filename() == name || entry.file == name || is_file_of(entry, name);
}

int unknown(const plugin::Catalog& catalog, const std::string& name) {
  std::vector<std::string> names = catalog.names();
  for (const Entry& entry : catalog.entries()) names.push_back(entry.role.name);
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  return fail(kFailed, "no plugin is called \"" + name + "\"" + config::did_you_mean(name, candidates) +
                           " (`tally plugin list` has all)");
}

void show_plugin(Context& context, const std::string& name) {
  std::optional<Setup> setup = load_setup(context, config::Program::run, needs_nothing);
  if (!setup) return;
  const LiveStates states = ask_daemon(setup->loaded.config);
  const Format format = context.format_or(Format::table);
  const auto output = Output::open(format, std::cout);
  bool found = false;
  std::optional<plugin::Survey> survey;  // asked once, for who wants a handler
  for (const Entry& listed : setup->catalog.entries()) {
    if (!is_named(listed, name)) continue;
    if (!survey && listed.role.role == plugin::Role::notification && listed.usable()) {
      const auto asked = survey_apart(setup->catalog, setup->loaded.config, /*aloud=*/false);
      if (!asked.ok()) std::cerr << "tally: warning: " << asked.status().message() << '\n';
      survey = asked.ok() ? *asked : plugin::Survey();
    }
    const Entry entry = survey ? with_definitions(listed, *survey) : listed;
    const Live state = state_of(entry, states);
    if (format == Format::table) {
      if (found) std::cout << '\n';
      show_for_reading(entry, state);
    } else {
      show_as_row(entry, state, *output);
    }
    found = true;
  }
  if (found && format != Format::table) output->finish();
  if (!found) context.exit_status = unknown(setup->catalog, name);
}

}  // namespace

void add_plugin_command(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("plugin", "The plugins there are, their states and reasons");
  command->require_subcommand(1);
  CLI::App* list_command = command->add_subcommand("list", "Every plugin with its state and the reason");
  add_common_options(*list_command, context);
  list_command->callback([&context] { list_plugins(context); });

  CLI::App* show_command = command->add_subcommand("show", "One plugin: file, meters, keys, needs");
  auto name = std::make_shared<std::string>();
  show_command->add_option("name", *name, "role:name, or a name")->required();
  add_common_options(*show_command, context);
  show_command->callback([&context, name] { show_plugin(context, *name); });
}

}  // namespace tally::cli
