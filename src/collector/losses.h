// Batches that a store had acknowledged and does not have any more: told, kept in the store, acknowledged by a person.
// Not for noticing them: collector/loss_detector.h does.
#ifndef TALLY_COLLECTOR_LOSSES_H
#define TALLY_COLLECTOR_LOSSES_H

#include <tally/model/time.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "plugin/roles.h"

namespace tally::collector {

// One batch that a store answered for.
struct Commit {
  unsigned number = 0;  // of the thread that wrote it
  std::uint64_t sequence = 0;
  Time time;  // of the answer, by this host's clock
  std::uint32_t messages = 0;
  std::uint32_t samples = 0;
};

// What is missing of one writer. `batches` are those that are remembered, oldest first.
struct Loss {
  std::string writer;
  std::string host;         // the collector's
  std::uint64_t after = 0;  // the last sequence that the store has; 0: it does not know the writer
  std::uint64_t last = 0;   // the last one that it had acknowledged
  bool more = false;        // there were batches before those that are remembered
  std::vector<Commit> batches;

  std::string key() const;  // of its record; the same for whoever notices it, and whenever
  std::uint64_t samples() const;
  // "the 2 batches that HOST wrote from TIME to TIME (1500 samples of 400 messages)"
  std::string text() const;
  std::string json() const;
  static std::optional<Loss> parse(std::string_view json);
};

// The kinds of their records.
inline constexpr const char* kLossKind = "loss";
inline constexpr const char* kAcknowledgedKind = "acknowledged loss";

// By which a store is known; empty where the driver keeps no records.
absl::StatusOr<std::string> store_id(plugin::StorageDriver& storage);

// Keeps them in the store, where they are not there yet.
absl::Status keep_losses(plugin::StorageDriver& storage, std::span<const Loss> losses);

// Those that nobody has acknowledged; none where the driver keeps no records.
absl::StatusOr<std::vector<Loss>> open_losses(plugin::StorageDriver& storage);

// Acknowledges all that are open, and gives the store another id: whatever was computed from the old one's batches is
// void. Answers with them. `note`: who says so, and why.
absl::StatusOr<std::vector<Loss>> acknowledge_losses(plugin::StorageDriver& storage, const std::string& note);

// 32 hexadecimal digits.
std::string random_id();

}  // namespace tally::collector

#endif
