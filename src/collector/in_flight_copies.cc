// The in-flight table's side towards the copier: copies of dead letters that wait for another bus.
// Not for keeping them: the store has every one; what finds no room here is counted.
#include <algorithm>
#include <iterator>
#include <utility>

#include "collector/in_flight.h"

namespace tally::collector {
namespace {

constexpr std::size_t kMostBytes = 32 << 20;  // of copies that wait; one more may stand above it

}  // namespace

// REQUIRES: the lock.
void InFlight::offer_copy(const DeadLetter& letter) {
  if (options_.copies.name.empty()) return;
  if (copies_bytes_ >= kMostBytes) {
    ++copied_.missed;
    return;
  }
  copies_bytes_ += letter.body.size();
  copies_.push_back(letter);
  copy_.notify_one();
}

std::vector<DeadLetter> InFlight::take_copies() {
  Lock lock(mutex_);
  copy_.wait(lock, [&] { return quit_ || !copies_.empty(); });
  if (quit_) {
    copied_.missed += copies_.size();
    copies_.clear();
    copies_bytes_ = 0;
    return {};
  }
  const auto end = copies_.begin() + static_cast<std::ptrdiff_t>(std::min(copies_.size(), kMostCopies));
  std::vector<DeadLetter> taken(std::make_move_iterator(copies_.begin()), std::make_move_iterator(end));
  copies_.erase(copies_.begin(), end);
  for (const DeadLetter& letter : taken) copies_bytes_ -= letter.body.size();
  copying_ += taken.size();
  return taken;
}

void InFlight::count_copies(const CopyCounts& more) {
  const Lock lock(mutex_);
  copied_.sent += more.sent;
  copied_.refused += more.refused;
  copied_.missed += more.missed;
  copying_ -= more.sent + more.refused + more.missed;
  changed_.notify_all();
}

bool InFlight::pause_copier(Milliseconds pause) {
  Lock lock(mutex_);
  copy_.wait_until(lock, Clock::now() + pause, [&] { return quit_; });
  return !quit_;
}

}  // namespace tally::collector
