// The readings behind cli/arguments.h.
// Not for output.
#include "cli/arguments.h"

#include <charconv>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/line_reader.h"

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

absl::Status each_line(const std::string& path, const std::function<bool(std::string, std::uint64_t)>& take) {
  absl::StatusOr<LineReader> reader = LineReader::open(path);
  if (!reader.ok()) return reader.status();
  for (;;) {
    absl::StatusOr<std::vector<Line>> lines = reader->next(64, [] {});
    if (!lines.ok()) return lines.status();
    if (lines->empty()) return absl::OkStatus();
    for (Line& line : *lines)
      if (!take(std::move(line.text), line.number)) return absl::OkStatus();
  }
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
