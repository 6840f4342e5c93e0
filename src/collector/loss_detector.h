// Remembers which batches the store has answered for, and notices where it does not have them any more: after a standby
// that lagged was promoted, a backup was restored, a file was put back.
// Not for the files of what is remembered (collector/state_folder.h), nor for what is kept of a loss in the store
// (collector/losses.h).
//
// A store keeps the sequence of each writer's last batch. Each write is told, within its transaction, which one that
// was; one that is older than what the store answered for before means that all between are gone. The same is compared
// when the store is opened for the first time. So that no loss is forgotten by a kill, the order is fixed:
//   1. within the transaction, before the commit: a loss that was found goes to the state folder, synced; from the
//      commit on the store has a newer sequence, and the loss could not be seen again;
//   2. commit, and the store's answer;
//   3. the batch goes to the state folder;
//   4. its messages are acknowledged.
// A kill between 2 and 3 leaves a batch that the state folder does not know: the store has more than is asked for,
// which is not a loss, and its messages come again. Between 3 and 4 the state folder knows more than was acknowledged.
// Nothing is ever claimed that was not committed.
#ifndef TALLY_COLLECTOR_LOSS_DETECTOR_H
#define TALLY_COLLECTOR_LOSS_DETECTOR_H

#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "collector/losses.h"
#include "collector/state_folder.h"

namespace tally::collector {

// The remembered batches that are missing in the store. `forgotten` gets a line for each writer that the store may have
// forgotten. `host`: the collector's.
absl::StatusOr<std::vector<Loss>> compare(plugin::StorageDriver& storage, const Remembered& remembered,
                                          const std::string& host, std::vector<std::string>* forgotten = nullptr);

// Any thread.
class LossDetector {
 public:
  // Without a folder (empty, or one that cannot be used, which is logged once with what it means) it remembers as long
  // as the process lives.
  LossDetector(const std::filesystem::path& folder, std::string host);

  // The name under which the store knows the batches of this thread.
  std::string writer(unsigned number) const;

  // A store was opened, `name` its URL without secrets: compares what is remembered with it, unless that was done.
  absl::Status opened(plugin::StorageDriver& storage, const std::string& name);
  // From which number on each thread's batches count: above all that any process of this name has used.
  std::uint64_t first_sequence() const;

  // Within a batch's transaction: the last sequence that the store had of this thread's.
  void found(unsigned number, std::uint64_t last);
  // The store has answered for the batch. To be called before its messages are acknowledged.
  void committed(const Commit& commit);

  // Compares all threads' batches with the store.
  absl::Status compare_all(plugin::StorageDriver& storage);

  // Losses that nobody has acknowledged yet.
  std::vector<Loss> losses() const;
  bool any() const;
  // Whether one was noticed since the last tell().
  bool news() const;
  // Keeps what was noticed in the store, logs it, and forgets what someone has acknowledged.
  absl::Status tell(plugin::StorageDriver& storage);

 private:
  using Lock = std::lock_guard<std::mutex>;
  void begin_to_count();  // by the constructor
  void add(Loss loss);    // REQUIRES: the lock
  void save();            // REQUIRES: the lock
  void start_over();      // REQUIRES: the lock
  void take_own_name();   // REQUIRES: the lock
  absl::Status resolve(plugin::StorageDriver& storage);
  absl::Status forget_acknowledged(plugin::StorageDriver& storage);

  const std::string host_;
  std::mutex telling_;          // one thread at a time
  std::set<std::string> told_;  // losses by their keys, in the log; under telling_
  mutable std::mutex mutex_;    // what follows
  std::optional<StateFolder> folder_;
  WriterRecord record_;
  std::string own_name_;  // where the folder is a copy of another's, which may go on under the name in it; until it is
                          // compared
  std::deque<Commit> commits_;       // the newest, oldest first
  std::map<unsigned, Commit> last_;  // of each thread
  std::string compared_;             // the name of the store that was compared
  bool again_ = false;               // a loss was found: what other threads wrote may be lost too
  bool news_ = false;
  std::set<std::string> acknowledged_;  // losses by their keys, which the store shows until their writer writes again
  std::set<std::string> forgotten_;     // lines that are in the log
};

}  // namespace tally::collector

#endif
