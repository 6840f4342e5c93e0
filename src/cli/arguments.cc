// The readings behind cli/arguments.h.
// Not for output.
#include "cli/arguments.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "base/status.h"

namespace tally::cli {

std::optional<std::int64_t> duration_us(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0) return std::nullopt;
  const std::string unit(end, text.data() + text.size());
  std::int64_t factor = 0;
  if (unit == "ms") factor = 1'000;
  if (unit.empty() || unit == "s") factor = 1'000'000;
  if (unit == "m") factor = 60'000'000;
  if (unit == "h") factor = 3'600'000'000;
  if (unit == "d") factor = 86'400'000'000;
  std::int64_t result = 0;
  if (factor == 0 || __builtin_mul_overflow(number, factor, &result)) return std::nullopt;
  return result;
}

namespace {

// Opens it for reading; a folder would open too, and read as nothing.
absl::Status open_file(const std::string& path, std::ifstream& file) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return permanent(path + ": cannot be read: it is a folder");
  file.open(path, std::ios::binary);
  if (!file) return permanent(path + ": cannot be read: " + std::strerror(errno));
  return absl::OkStatus();
}

}  // namespace

absl::Status each_line(const std::string& path, const std::function<bool(std::string, std::uint64_t)>& take) {
  std::ifstream file;
  if (path != "-") {
    if (absl::Status status = open_file(path, file); !status.ok()) return status;
  }
  std::istream& in = path == "-" ? std::cin : file;
  std::string line;
  for (std::uint64_t number = 1; std::getline(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    if (line.back() == '\r') line.pop_back();
    if (!take(std::move(line), number)) break;
    line.clear();
  }
  if (in.bad()) return permanent(path + ": reading failed");
  return absl::OkStatus();
}

absl::Status read_all(const std::string& path, std::string& text) {
  std::ifstream file;
  if (path != "-") {
    if (absl::Status status = open_file(path, file); !status.ok()) return status;
  }
  std::ostringstream all;
  all << (path == "-" ? std::cin.rdbuf() : file.rdbuf());
  text = all.str();
  return absl::OkStatus();
}

std::optional<std::string> missing_store(const config::Config& config) {
  constexpr std::string_view kScheme = "sqlite://";
  if (config.storage.rfind(kScheme, 0) != 0) return std::nullopt;
  const std::string path = config.storage.substr(kScheme.size(), config.storage.find('?') - kScheme.size());
  if (path.empty() || path[0] != '/' || std::filesystem::exists(path)) return std::nullopt;
  return "there is no store at " + path +
         " yet; `tally run` or `tally storage init` makes one, or name another with --config FILE";
}

}  // namespace tally::cli
