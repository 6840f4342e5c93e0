// A plugin's own configuration: the keys that its manifest declares, checked by the host before they arrive.
// Not for the configuration file: a plugin sees its keys alone, each with its default where nothing is set.
#ifndef TALLY_SDK_CONFIG_H
#define TALLY_SDK_CONFIG_H

#include <tally/abi/base.h>
#include <tally/kit/json.h>
#include <tally/sdk/error.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tally {

// A value that may be copied and kept. Each getter throws Error::permanent where the manifest does not declare the key,
// or where it has no value; ask has() first where the manifest gives no default.
class Config {
 public:
  Config() = default;

  explicit Config(const tally_config& config) {
    for (std::size_t i = 0; i < config.option_count; ++i) {
      const tally_option& option = config.options[i];
      std::optional<std::string> value;
      if (option.value.data != nullptr) value.emplace(option.value.data, option.value.size);
      options_.insert_or_assign(std::string(option.key.data, option.key.size), std::move(value));
    }
    if (config.url.data != nullptr) url_.assign(config.url.data, config.url.size);
    if (config.host.data != nullptr) host_.assign(config.host.data, config.host.size);
    if (config.size < offsetof(tally_config, disabled_count) + sizeof config.disabled_count) return;
    for (std::size_t i = 0; i < config.disabled_count; ++i)
      disabled_.emplace_back(config.disabled[i].data, config.disabled[i].size);
  }

  // The host's name, the `resource_id` of what is measured on it.
  const std::string& host() const { return host_; }

  // Storage and transport: the URL configured, passwords included; else empty.
  const std::string& url() const { return url_; }

  // Handlers with definitions: the names of those that are disabled, `*` for any run of characters.
  const std::vector<std::string>& disabled() const { return disabled_; }

  // Whether the key has a value.
  bool has(std::string_view key) const {
    const auto found = options_.find(key);
    return found != options_.end() && found->second.has_value();
  }

  const std::string& text(std::string_view key) const {
    const auto found = options_.find(key);
    if (found == options_.end()) throw Error::permanent(quoted(key) + " is not declared in the plugin's manifest");
    if (!found->second) throw Error::permanent(quoted(key) + " has no value, set it in the configuration");
    return *found->second;
  }

  std::int64_t integer(std::string_view key) const { return parsed<std::int64_t>(key, "an integer"); }
  std::uint64_t bytes(std::string_view key) const { return parsed<std::uint64_t>(key, "a count of bytes"); }
  double number(std::string_view key) const { return parsed<double>(key, "a number"); }

  bool boolean(std::string_view key) const {
    const std::string& value = text(key);
    if (value != "true" && value != "false") wrong(key, "true or false");
    return value == "true";
  }

  std::chrono::microseconds duration(std::string_view key) const {
    const double seconds = parsed<double>(key, "a duration");
    if (!(std::abs(seconds) < 9e12)) wrong(key, "a duration");
    return std::chrono::microseconds(std::llround(seconds * 1e6));
  }

  // A key of type list.
  std::vector<std::string> list(std::string_view key) const;

 private:
  static std::string quoted(std::string_view key) { return "configuration key \"" + std::string(key) + "\""; }

  [[noreturn]] void wrong(std::string_view key, const char* wanted) const {
    throw Error::permanent(quoted(key) + ": \"" + text(key) + "\" is not " + wanted);
  }

  template <class Number>
  Number parsed(std::string_view key, const char* wanted) const {
    const std::string& value = text(key);
    Number number{};
    const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (problem != std::errc() || end != value.data() + value.size()) wrong(key, wanted);
    return number;
  }

  std::map<std::string, std::optional<std::string>, std::less<>> options_;
  std::string url_;
  std::string host_;
  std::vector<std::string> disabled_;
};

inline std::vector<std::string> Config::list(std::string_view key) const {
  const auto array = Json::parse(text(key));
  if (!array || array->kind() != Json::Kind::array) wrong(key, "a list of texts");
  std::vector<std::string> items;
  for (std::size_t i = 0; const Json* item = array->at(i); ++i) {
    if (!item->text()) wrong(key, "a list of texts");
    items.emplace_back(*item->text());
  }
  return items;
}

}  // namespace tally

#endif
