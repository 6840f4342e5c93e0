// Reads files as oslo.config does: groups, `name = value`, values that go on in indented lines, comments.
// Not for what the values mean: migration_options.cc.
#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/strings.h"
#include "cli/migration.h"

namespace tally::cli {
namespace {

std::string trimmed(std::string_view text) { return std::string(to_std(absl::StripAsciiWhitespace(to_absl(text)))); }

// A value in quotes stands for what is between them.
std::string unquoted(std::string value) {
  if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front()) {
    return value.substr(1, value.size() - 2);
  }
  return value;
}

}  // namespace

std::vector<IniValue> read_ini(std::string_view text, const std::string& file, std::vector<Finding>& findings) {
  std::vector<IniValue> values;
  std::string group = "DEFAULT";
  bool open = false;  // the last value may go on
  int number = 0;
  for (const absl::string_view raw : absl::StrSplit(to_absl(text), '\n')) {
    ++number;
    const std::string line = trimmed(to_std(raw));
    if (line.empty()) {
      open = false;
      continue;
    }
    if (line.front() == '#' || line.front() == ';') continue;
    if (open && absl::ascii_isspace(static_cast<unsigned char>(raw.front()))) {
      values.back().value += "\n" + line;
      continue;
    }
    if (line.front() == '[' && line.back() == ']' && line.size() > 2) {
      group = line.substr(1, line.size() - 2);
      open = false;
      continue;
    }
    const std::size_t separator = line.find_first_of(":=");
    if (separator == 0 || separator == std::string::npos) {
      findings.push_back(
          {Verdict::fault, file, number, line, "neither [group] nor NAME = VALUE; Ceilometer refuses it too"});
      open = false;
      continue;
    }
    values.push_back({group, trimmed(std::string_view(line).substr(0, separator)),
                      unquoted(trimmed(std::string_view(line).substr(separator + 1))), number});
    open = true;
  }
  return values;
}

std::vector<std::string> ini_list(std::string_view value) {
  std::vector<std::string> items;
  for (const absl::string_view part : absl::StrSplit(to_absl(value), absl::ByAnyChar(",\n"))) {
    const std::string item = unquoted(trimmed(to_std(part)));
    if (!item.empty()) items.push_back(item);
  }
  return items;
}

}  // namespace tally::cli
