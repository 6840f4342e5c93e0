// Comparing what is remembered with what a store has.
#include "collector/loss_detector.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"

namespace tally::collector {
namespace {

// More than a process writes beyond what it began with and what is remembered of it, before a kill.
constexpr std::uint64_t kAbove = 1'000'000;

std::string writer_name(const std::string& name, unsigned number) {
  std::array<char, 3> digits{};
  std::snprintf(digits.data(), digits.size(), "%02x", number & 0xFFU);
  return name + digits.data();
}

template <class Commits>
Loss make_loss(const std::string& writer, const std::string& host, const Commit& lost, std::uint64_t after,
               const Commits& commits) {
  const unsigned number = lost.number;
  const std::uint64_t last = lost.sequence;
  Loss loss{writer, host, after, last, commits.size() >= StateFolder::kMostCommits, {}};
  for (const Commit& commit : commits) {
    if (commit.number != number) continue;
    if (commit.sequence <= after) loss.more = false;  // what follows it is all there was
    if (commit.sequence > after && commit.sequence <= last) loss.batches.push_back(commit);
  }
  std::ranges::sort(loss.batches, {}, [](const Commit& commit) { return commit.sequence; });
  return loss;
}

// Whether a store that does not know the writer may have forgotten it: it keeps those that wrote last.
bool may_be_forgotten(const WriterState& state, Time last) {
  return state.last == 0 && state.since && last.us < state.since->us;
}

std::string forgotten_text(const std::string& writer, Time last) {
  return "the store has forgotten the writer " + writer + ", which wrote last at " + last.to_string() +
         ", since many others wrote after it: whether a batch of it is missing cannot be said";
}

std::map<unsigned, Commit> last_of(const std::vector<Commit>& commits) {
  std::map<unsigned, Commit> last;
  for (const Commit& commit : commits) {
    Commit& known = last.try_emplace(commit.number, commit).first->second;
    if (commit.sequence > known.sequence) known = commit;
  }
  return last;
}

}  // namespace

absl::StatusOr<std::vector<Loss>> compare(plugin::StorageDriver& storage, const Remembered& remembered,
                                          const std::string& host, std::vector<std::string>* forgotten) {
  std::vector<Loss> losses;
  for (const auto& [number, last] : last_of(remembered.commits)) {
    const std::string writer = writer_name(remembered.writer.name, number);
    const absl::StatusOr<WriterState> state = storage.last_batch(writer);
    if (state.status().code() == kAbsent) return losses;
    if (!state.ok()) return state.status();
    if (state->last >= last.sequence) continue;
    if (!may_be_forgotten(*state, last.time)) {
      losses.push_back(make_loss(writer, host, last, state->last, remembered.commits));
    } else if (forgotten != nullptr) {
      forgotten->push_back(forgotten_text(writer, last.time));
    }
  }
  return losses;
}

LossDetector::LossDetector(const std::filesystem::path& folder, std::string host) : host_(std::move(host)) {
  record_.name = random_id().substr(0, 30);
  record_.begun = 1;
  if (folder.empty()) return;
  absl::StatusOr<StateFolder> opened = StateFolder::open(folder);
  if (!opened.ok()) {
    log::warning(std::string(to_std(opened.status().message())) +
                 "; going on without it, so that a loss in the store that happens while this collector does not run "
                 "will not be noticed; name a folder by `data`");
    return;
  }
  folder_ = *std::move(opened);
  if (!folder_->damage().empty())
    log::warning(folder_->damage() +
                 ": a loss in the store from before now may not be noticed; compare `tally storage "
                 "books` with what was sent");
  record_ = folder_->remembered().writer;
  const std::vector<Commit>& commits = folder_->remembered().commits;
  commits_.assign(commits.begin(), commits.end());
  last_ = last_of(commits);
  const std::string place = folder_->place(host_);
  if (record_.place.empty()) {
    record_.place = place;
  } else if (record_.place != place) {
    own_name_ = random_id().substr(0, 30);
  }
  begin_to_count();
}

// Synced before the first batch: of a process that is killed before any batch of it is remembered, this is all that
// keeps the next one from using its numbers. A store takes a number that it has for the same batch, repeated.
void LossDetector::begin_to_count() {
  std::uint64_t above = record_.begun;
  for (const auto& [number, commit] : last_) above = std::max(above, commit.sequence);
  record_.begun = std::max(static_cast<std::uint64_t>(std::max<std::int64_t>(Time::now().us, 1)), above + kAbove);
  const absl::Status status = folder_->put(record_);
  if (status.ok()) return;
  log::warning(std::string(to_std(status.message())) +
               "; going on without the folder, so that a loss in the store that happens while this collector does not "
               "run will not be noticed");
  folder_.reset();
  const std::uint64_t begun = record_.begun;
  record_ = WriterRecord{random_id().substr(0, 30), "", "", {}};
  record_.begun = begun;
  own_name_.clear();
  commits_.clear();
  last_.clear();
}

std::string LossDetector::writer(unsigned number) const {
  const Lock lock(mutex_);
  return writer_name(own_name_.empty() ? record_.name : own_name_, number);
}

void LossDetector::save() {
  if (!folder_) return;
  if (const absl::Status status = folder_->put(record_); !status.ok())
    log::once_per("state folder", log::Level::warning, std::string(to_std(status.message())));
}

void LossDetector::start_over() {
  commits_.clear();
  last_.clear();
  record_.losses.clear();
  if (!folder_) return;
  if (const absl::Status status = folder_->forget_commits(); !status.ok())
    log::warning(std::string(to_std(status.message())));
}

// In this order: what is written down under one name is never compared under another, whenever a kill comes.
void LossDetector::take_own_name() {
  if (own_name_.empty()) return;
  commits_.clear();
  last_.clear();
  if (const absl::Status status = folder_->forget_commits(); !status.ok()) {
    log::warning(std::string(to_std(status.message())));
  }
  record_.name = std::exchange(own_name_, {});
  record_.place = folder_->place(host_);
  save();
}

absl::Status LossDetector::opened(plugin::StorageDriver& storage, const std::string& name) {
  const absl::StatusOr<std::string> id = store_id(storage);
  if (!id.ok()) return id.status();
  bool first = false;
  {
    const Lock lock(mutex_);
    first = compared_ != name;
    // A store of another name and another id is another store, by someone's choice. One of the same name is what was
    // put in its place, and one of the same id what it was copied to.
    const bool other = record_.store != name && record_.store_id != *id && !record_.store.empty();
    if (other) {
      if (!last_.empty())
        log::info("the store is another one now: what was written to " + record_.store + " is not compared with it");
      start_over();
    }
    if (record_.store != name || record_.store_id != *id) {
      record_.store = name;
      record_.store_id = *id;
      save();
    }
  }
  if (!first) return absl::OkStatus();
  if (absl::Status status = compare_all(storage); !status.ok()) return status;
  const Lock lock(mutex_);
  compared_ = name;
  take_own_name();
  return absl::OkStatus();
}

absl::Status LossDetector::compare_all(plugin::StorageDriver& storage) {
  Remembered remembered;
  {
    const Lock lock(mutex_);
    again_ = false;
    remembered.writer.name = record_.name;
    remembered.commits.assign(commits_.begin(), commits_.end());
  }
  std::vector<std::string> forgotten;
  absl::StatusOr<std::vector<Loss>> losses = compare(storage, remembered, host_, &forgotten);
  if (!losses.ok()) {
    const Lock lock(mutex_);
    again_ = true;
    return losses.status();
  }
  const Lock lock(mutex_);
  for (const std::string& line : forgotten)
    if (forgotten_.insert(line).second) log::warning(line);
  for (Loss& loss : *losses) add(std::move(loss));
  return absl::OkStatus();
}

std::uint64_t LossDetector::first_sequence() const {
  const Lock lock(mutex_);
  return record_.begun;
}

void LossDetector::add(Loss loss) {
  const std::string key = loss.key();
  if (acknowledged_.contains(key)) return;
  if (std::ranges::any_of(record_.losses, [&](const Loss& known) { return known.key() == key; })) return;
  record_.losses.push_back(std::move(loss));
  news_ = true;
  save();
}

void LossDetector::found(unsigned number, std::uint64_t last) {
  const Lock lock(mutex_);
  const auto known = last_.find(number);
  if (known == last_.end() || last >= known->second.sequence) return;
  add(make_loss(writer_name(record_.name, number), host_, known->second, last, commits_));
  again_ = true;
}

void LossDetector::committed(const Commit& commit) {
  const Lock lock(mutex_);
  last_[commit.number] = commit;
  commits_.push_back(commit);
  if (commits_.size() > StateFolder::kMostCommits) commits_.pop_front();
  if (!folder_) return;
  if (const absl::Status status = folder_->add(commit); !status.ok())
    log::once_per("state folder", log::Level::warning, std::string(to_std(status.message())));
}

bool LossDetector::any() const {
  const Lock lock(mutex_);
  return !record_.losses.empty();
}

bool LossDetector::news() const {
  const Lock lock(mutex_);
  return news_;
}

std::vector<Loss> LossDetector::losses() const {
  const Lock lock(mutex_);
  return record_.losses;
}

// A store that did not know the writer may only have forgotten it; whether that can be is known outside a transaction.
absl::Status LossDetector::resolve(plugin::StorageDriver& storage) {
  for (const Loss& loss : losses()) {
    if (loss.after != 0 || loss.batches.empty() || told_.contains(loss.key())) continue;
    const absl::StatusOr<WriterState> state = storage.last_batch(loss.writer);
    if (!state.ok()) return state.status();
    const Time last = loss.batches.back().time;
    if (!may_be_forgotten({0, std::nullopt, state->since}, last)) continue;
    log::warning(forgotten_text(loss.writer, last));
    const Lock lock(mutex_);
    std::erase_if(record_.losses, [&](const Loss& other) { return other.key() == loss.key(); });
    save();
  }
  return absl::OkStatus();
}

absl::Status LossDetector::forget_acknowledged(plugin::StorageDriver& storage) {
  const absl::StatusOr<std::vector<Record>> done = plugin::records_of(storage, kAcknowledgedKind);
  if (!done.ok()) return done.status();
  const absl::StatusOr<std::string> id = store_id(storage);
  if (!id.ok()) return id.status();
  const Lock lock(mutex_);
  for (const Record& record : *done) acknowledged_.insert(record.key);
  const std::size_t forgotten =
      std::erase_if(record_.losses, [&](const Loss& loss) { return acknowledged_.contains(loss.key()); });
  if (forgotten == 0) return absl::OkStatus();
  record_.store_id = *id;
  save();
  log::info("store " + record_.store + ": what is missing was acknowledged");
  return absl::OkStatus();
}

absl::Status LossDetector::tell(plugin::StorageDriver& storage) {
  const Lock telling(telling_);
  bool again = false;
  {
    const Lock lock(mutex_);
    again = again_;
    news_ = false;
  }
  if (again) {
    if (absl::Status status = compare_all(storage); !status.ok()) return status;
  }
  if (absl::Status status = resolve(storage); !status.ok() || !any()) return status;
  if (absl::Status status = forget_acknowledged(storage); !status.ok()) return status;
  const std::vector<Loss> open = losses();
  std::string name;
  {
    const Lock lock(mutex_);
    name = record_.store;
  }
  for (const Loss& loss : open) {
    if (!told_.insert(loss.key()).second) continue;
    log::error("store " + name + " has lost " + loss.text() +
               ", which it had answered for: bring them back or have them read again, then `tally storage "
               "acknowledge-loss`; what comes meanwhile is stored");
  }
  return keep_losses(storage, open);
}

}  // namespace tally::collector
