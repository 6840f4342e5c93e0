// What was read, shown: the text of a fault, and `config show`.
#include <algorithm>
#include <array>
#include <utility>

#include "config/loader.h"

namespace tally::config {
namespace {

constexpr std::array<std::pair<KeyType, std::string_view>, 8> kTypeNames = {{{KeyType::string, "string"},
                                                                             {KeyType::path, "path"},
                                                                             {KeyType::integer, "integer"},
                                                                             {KeyType::number, "number"},
                                                                             {KeyType::boolean, "boolean"},
                                                                             {KeyType::duration, "duration"},
                                                                             {KeyType::bytes, "bytes"},
                                                                             {KeyType::list, "list"}}};

}  // namespace

std::string_view key_type_name(KeyType type) {
  const auto* at =
      std::find_if(kTypeNames.begin(), kTypeNames.end(), [&](const auto& pair) { return pair.first == type; });
  return at == kTypeNames.end() ? std::string_view() : at->second;
}

std::optional<KeyType> key_type_from(std::string_view name) {
  const auto* at =
      std::find_if(kTypeNames.begin(), kTypeNames.end(), [&](const auto& pair) { return pair.second == name; });
  return at == kTypeNames.end() ? std::nullopt : std::optional(at->first);
}

std::string place_text(const Place& place) {
  if (place.file.empty()) return "default";
  if (place.line == 0) return place.file;
  return place.file + ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
}

std::string shown_scalar(const std::string& text) {
  const bool plain = !text.empty() && text.find_first_of("#{}[]&*!|>'\"%@`,\n\t") == std::string::npos &&
                     text.find(": ") == std::string::npos && text.front() != ' ' && text.back() != ' ' &&
                     text.back() != ':' && text.front() != '-' && text.front() != '?';
  if (plain) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out += c == '\n' ? "\\n" : c == '\t' ? "\\t" : std::string(1, c);
  }
  return out + "\"";
}

std::string ConfigFault::to_string() const {
  return place_text({file, line, column}) + ": " + (warning ? "warning: " : "") + text;
}

bool LoadedConfig::valid() const {
  return std::all_of(faults.begin(), faults.end(), [](const ConfigFault& fault) { return fault.warning; });
}

std::string render_config(const LoadedConfig& loaded) {
  constexpr std::size_t kWidest = 60;  // a longer line does not push the origins of all others to the right
  std::size_t width = 0;
  for (const Setting& setting : loaded.settings) {
    const std::size_t size = setting.key.size() + 2 + setting.value.size();
    if (size <= kWidest) width = std::max(width, size);
  }
  std::string out;
  for (const Setting& setting : loaded.settings) {
    std::string line = setting.key + ": " + setting.value;
    if (line.size() < width) line.append(width - line.size(), ' ');
    out += line + "  # " + setting.origin + "\n";
  }
  return out;
}

}  // namespace tally::config
