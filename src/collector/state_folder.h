// A collector's state folder: the name of its writers, the store they wrote to, and the newest batches it answered for.
// Not for what follows from them: collector/loss_detector.h compares them with the store.
//
// `writer.json` is written whole, synced, and put in place by a rename, when something changes that is not a batch.
// `batches` is a ring of lines of 64 bytes, one a batch, each with a checksum, written after the store's answer and
// never synced: a kill of the process loses none of them, since the pages are the kernel's; a host that loses its power
// loses the newest ones, or damages them, and a damaged line is left out. So what is read is always a lower bound:
// nothing is in the ring that was not answered for.
#ifndef TALLY_COLLECTOR_STATE_FOLDER_H
#define TALLY_COLLECTOR_STATE_FOLDER_H

#include <tally/kit/descriptor.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collector/losses.h"

namespace tally::collector {

struct WriterRecord {
  std::string name;          // 30 hexadecimal digits; each thread adds two of its own
  std::string store_id;      // empty: not known yet
  std::string store;         // its URL without secrets
  std::vector<Loss> losses;  // noticed, and not yet acknowledged
  std::string place{};       // where the folder is: StateFolder::place(); empty: not said
  std::uint64_t begun = 0;   // the sequence with which the last process of this name began to count
};

struct Remembered {
  WriterRecord writer;
  std::vector<Commit> commits;  // oldest first
};

// One thread at a time.
class StateFolder {
 public:
  static constexpr std::size_t kMostCommits = 4096;

  // Takes `folder`, made where it is not there, for as long as this lives: two collectors would tell the store
  // each other's numbers. An error says what the way out is.
  static absl::StatusOr<StateFolder> open(const std::filesystem::path& folder);
  // What is there, for one who only looks; none where there is nothing that can be read.
  static std::optional<Remembered> read(const std::filesystem::path& folder);

  const Remembered& remembered() const { return remembered_; }
  // What of it could not be read when it was opened, in words; empty: all was whole, or there was nothing.
  const std::string& damage() const { return damage_; }
  // Another one for a copy of the folder, and on another host.
  std::string place(const std::string& host) const;
  absl::Status put(const WriterRecord& writer);
  absl::Status add(const Commit& commit);
  absl::Status forget_commits();

 private:
  std::filesystem::path folder_;
  Fd lock_;
  Fd batches_;
  std::size_t next_ = 0;  // line of the ring
  Remembered remembered_;
  std::string damage_;
};

}  // namespace tally::collector

#endif
