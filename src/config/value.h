// Text to value for the types of configuration keys, and the canonical form that plugins are given.
// Not for files and places: config_reader.h has those.
#ifndef TALLY_CONFIG_VALUE_H
#define TALLY_CONFIG_VALUE_H

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "config/config.h"

namespace tally::config {

// "500ms", "60s", "5m", "1h30m", "90d", "2w", and "0"; never negative.
absl::StatusOr<std::chrono::microseconds> parse_duration(std::string_view text);
// The shortest such text.
std::string format_duration(std::chrono::microseconds duration);

// "4096", "64MiB", "1GB": k, M, G, T are powers of 1000, Ki, Mi, Gi, Ti of 1024; the B may be left out.
absl::StatusOr<std::uint64_t> parse_bytes(std::string_view text);
std::string format_bytes(std::uint64_t bytes);

absl::StatusOr<bool> parse_boolean(std::string_view text);
absl::StatusOr<std::int64_t> parse_integer(std::string_view text);

// One scalar in the canonical form of tally/abi/base.h, checked against the declaration's type, range and choices.
// For KeyType::list: `text` is one item, and so is the answer.
absl::StatusOr<std::string> canonical_value(const KeyDecl& decl, std::string_view text);

// A JSON array of strings, and back; empty when `text` is none.
std::string list_to_json(std::span<const std::string> items);
std::optional<std::vector<std::string>> list_from_json(std::string_view text);

// Where nothing is set: the declaration's default in canonical form; a null optional without one.
absl::StatusOr<std::optional<std::string>> canonical_default(const KeyDecl& decl);

// The candidate nearest to `word` when it is near enough to have been meant, else empty.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

// `, did you mean "X"?` or nothing.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace tally::config

#endif
