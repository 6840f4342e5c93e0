#include "window.h"

namespace tally::amqp {

Window::Mark* Window::mark(std::uint64_t tag) {
  if (tag < first_ || tag - first_ >= marks_.size() || marks_[tag - first_] != Mark::open) return nullptr;
  return &marks_[tag - first_];
}

bool Window::acknowledge(std::uint64_t tag, Clock::time_point now) {
  Mark* found = mark(tag);
  if (found == nullptr) return false;
  *found = Mark::done;
  waiting_.push_back({tag, now});
  return true;
}

bool Window::requeue(std::uint64_t tag) {
  Mark* found = mark(tag);
  if (found == nullptr) return false;
  *found = Mark::gone;
  return true;
}

void Window::flush(Clock::time_point until, const Acknowledge& send) {
  std::uint64_t last = 0;  // a range must end at a delivery that the broker still waits for
  std::uint64_t count = 0;
  while (!marks_.empty() && marks_.front() != Mark::open) {
    if (marks_.front() == Mark::done) {
      last = first_;
      ++count;
    }
    marks_.pop_front();
    ++first_;
  }
  if (count > 0) send(last, count > 1);
  for (; !waiting_.empty(); waiting_.pop_front()) {
    const auto [tag, since] = waiting_.front();
    if (tag < first_) continue;
    if (since > until) break;
    marks_[tag - first_] = Mark::gone;
    send(tag, false);
  }
}

}  // namespace tally::amqp
