#include "plugin/call/instance.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "config/value.h"
#include "plugin/file/library.h"

namespace tally::plugin {
namespace {

const std::string* option(const PluginSettings& settings, std::string_view key) {
  for (const auto& [name, value] : settings.options) {
    if (name == key) return &value;
  }
  return nullptr;
}

absl::Status check_state(Entry& entry, const PluginSettings& settings) {
  if (entry.state == State::absent) {
    std::optional<std::string> unmet = unmet_precondition(
        entry.role, [&](std::string_view, std::string_view key) { return option(settings, key) != nullptr; });
    if (unmet) {
      entry.reason = std::move(*unmet);
      return absent(absl::StrCat(entry.key(), " is absent: ", entry.reason));
    }
    entry.state = State::on;
    entry.reason.clear();
  }
  if (entry.state == State::on) return absl::OkStatus();
  return permanent(absl::StrCat(entry.key(), " is ", to_absl(state_name(entry.state)), ": ", entry.reason));
}

absl::Status set_state(Entry& entry, State state, const absl::Status& status) {
  entry.state = state;
  entry.reason = std::string(status.message());
  return status;
}

}  // namespace

PluginSettings settings_for(const Entry& entry, const config::Config& config, std::string url) {
  const auto set = config.plugins.find(entry.key());
  std::vector<std::string> disabled;
  for (const config::DisableEntry& rule : config.disable.definitions) disabled.push_back(rule.pattern);
  return {set == config.plugins.end() ? config::PluginOptions() : set->second, std::move(url), config.host,
          std::move(disabled)};
}

absl::StatusOr<const void*> load_table(Entry& entry, Role role, const PluginSettings& settings) {
  if (entry.role.name.empty() || entry.role.role != role) {
    return permanent(absl::StrCat(entry.key(), " is no ", to_absl(role_name(role))));
  }
  if (absl::Status status = check_state(entry, settings); !status.ok()) return status;
  absl::StatusOr<const Library*> library = Library::open(entry.file, entry.manifest);
  if (!library.ok()) return set_state(entry, State::refused, library.status());
  const std::vector<RoleManifest>& roles = entry.manifest.roles;
  for (std::size_t i = 0; i < roles.size(); ++i) {
    if (roles[i].role == role && roles[i].name == entry.role.name) return (*library)->role(i).table;
  }
  return permanent(absl::StrCat(entry.key(), " is not among its manifest's roles"));
}

absl::StatusOr<void*> create_instance(Entry& entry, tally_create create, const PluginSettings& settings) {
  std::vector<std::optional<std::string>> values;
  for (const config::KeyDecl& key : entry.role.config) {
    if (const std::string* set = option(settings, key.name)) {
      values.emplace_back(*set);
    } else {
      absl::StatusOr<std::optional<std::string>> value = config::canonical_default(key);
      if (!value.ok()) return set_state(entry, State::refused, permanent(to_std(value.status().message())));
      values.push_back(*std::move(value));
    }
  }
  std::vector<tally_option> options;
  for (std::size_t i = 0; i < values.size(); ++i) {
    options.push_back({to_c(entry.role.config[i].name), to_c(values[i])});
  }
  std::vector<tally_str> disabled;
  for (const std::string& pattern : settings.disabled) disabled.push_back(to_c(pattern));
  const tally_config config = {
      sizeof(tally_config), options.data(),  options.size(), settings.url.empty() ? kNoText : to_c(settings.url),
      to_c(settings.host),  disabled.data(), disabled.size()};
  void* instance = nullptr;
  ErrorBuffer error;
  std::int32_t result = TALLY_OK;
  absl::Status status;
  cross(
      interned_name(entry.key()), [&] { result = create(&config, &instance, error.get()); },
      [&](const char* what) { status = threw(what); });
  if (status.ok()) status = error.status(result);
  if (status.ok()) return instance;
  if (status.code() == kAbsent) return set_state(entry, State::absent, status);
  if (status.code() == kTransient) return status;
  return set_state(entry, State::failed, status);
}

}  // namespace tally::plugin
