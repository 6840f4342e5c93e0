#include "window.h"

#include <algorithm>

namespace tally::kafka {

Window::Entry* Window::find(std::int64_t offset) {
  const auto found = std::lower_bound(entries_.begin(), entries_.end(), offset,
                                      [](const Entry& entry, std::int64_t wanted) { return entry.offset < wanted; });
  return found == entries_.end() || found->offset != offset ? nullptr : &*found;
}

Window::Entry* Window::find_open(std::int64_t offset) {
  Entry* entry = find(offset);
  return entry == nullptr || entry->mark != Mark::open ? nullptr : entry;
}

Window::Arrival Window::arrived(std::int64_t offset) {
  if (offset >= end_) {
    entries_.push_back({offset, Mark::open});
    end_ = offset + 1;
    ++open_;
    if (entries_.size() == 1) done_up_to_ = offset;
    return Arrival::fresh;
  }
  Entry* entry = find(offset);
  if (entry == nullptr || entry->mark != Mark::returned) return Arrival::known;
  entry->mark = Mark::open;
  ++open_;
  --returned_;
  return Arrival::again;
}

bool Window::acknowledge(std::int64_t offset) {
  Entry* entry = find_open(offset);
  if (entry == nullptr) return false;
  entry->mark = Mark::done;
  --open_;
  advance();
  return true;
}

bool Window::requeue(std::int64_t offset) {
  Entry* entry = find_open(offset);
  if (entry == nullptr) return false;
  entry->mark = Mark::returned;
  --open_;
  ++returned_;
  return true;
}

void Window::advance() {
  while (!entries_.empty() && entries_.front().mark == Mark::done) entries_.pop_front();
  done_up_to_ = entries_.empty() ? end_ : entries_.front().offset;
}

std::int64_t Window::oldest_returned() const {
  if (returned_ == 0) return -1;
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [](const Entry& entry) { return entry.mark == Mark::returned; });
  return found->offset;
}

}  // namespace tally::kafka
