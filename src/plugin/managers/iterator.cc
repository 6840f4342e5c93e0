// A thread per pollster.
// Not for the arithmetic of when: plugin/managers/schedule.h.
#include "plugin/managers/iterator.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "base/status.h"
#include "plugin/file/load_error.h"
#include "plugin/managers/schedule.h"

namespace tally::plugin {
namespace {

using Deadline = std::chrono::steady_clock::time_point;

// No later cycle can be better.
bool is_over(const absl::Status& status) {
  return status.code() == kHung || status.code() == kFailed || status.code() == kRefused;
}

// What a pollster's thread owns. Held by shared_ptr: a thread that hangs keeps it when the iterator is gone.
class PollTask {
 public:
  PollTask(TimedPollster timed, std::shared_ptr<SharedDiscovery> discovery, const IteratorOptions& options, Time start,
           Iterator::Sink sink)
      : poller_(std::move(timed), std::move(discovery)),
        timetable_(timetable_of(poller_.timed(), options, start)),
        sink_(std::move(sink)) {
    state_.name = poller_.timed().name;
    state_.state = poller_.timed().state;
    state_.reason = poller_.timed().reason;
  }

  const TimedPollster& timed() const { return poller_.timed(); }

  static void begin(const std::shared_ptr<PollTask>& task) {
    task->thread_ = std::thread([task] { task->run(); });
  }

  void use(std::shared_ptr<SharedDiscovery> discovery) {
    const std::lock_guard lock(mutex_);
    next_discovery_ = std::move(discovery);
  }

  void ask_to_end() {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }

  // False: it did not come back in time, and is left alone; its sink is not called any more.
  bool join(Deadline until) {
    ask_to_end();
    if (!thread_.joinable()) return true;
    std::unique_lock lock(mutex_);
    const bool back = changed_.wait_until(lock, until, [&] { return ended_; });
    lock.unlock();
    if (back) {
      thread_.join();
      return true;
    }
    thread_.detach();
    const std::lock_guard sink_lock(sink_mutex_);
    sink_ = nullptr;
    return false;
  }

  PollsterState state() const {
    const std::lock_guard lock(mutex_);
    return state_;
  }

 private:
  static Timetable timetable_of(const TimedPollster& timed, const IteratorOptions& options, Time start) {
    std::vector<Schedule> schedules;
    for (const PollSelection& selection : timed.selections) {
      const Schedule::Options timing{.interval_us = selection.interval_us,
                                     .offset_us = timed.offset_us,
                                     .recheck_us = options.recheck_us,
                                     .at_once = options.at_once};
      schedules.emplace_back(timing, start);
    }
    return Timetable(std::move(schedules));
  }

  // All pollsters of a cycle carry one time; a late one says when it really measured, and so does one whose time was
  // there before the clock was set back: the same time twice would be the same samples twice.
  Time cycle_time(Time due, Time now) {
    const bool late = now.us - due.us > 100'000;
    const Time cycle = late || due <= latest_ ? now : due;
    latest_ = std::max(latest_, cycle);
    return cycle;
  }

  void run() {
    std::unique_lock lock(mutex_);
    bool alive = true;
    while (alive && wait_until_due(lock)) {
      if (next_discovery_) poller_.use(std::move(next_discovery_));
      lock.unlock();
      const Time now = Time::now();
      const std::vector<std::size_t> part = timetable_.begin(now);
      const Time cycle = cycle_time(timetable_.due(), now);
      Poller::Answer answer = poller_.poll(cycle, part);
      timetable_.finished(part, Time::now(), answer.status);
      alive = !is_over(answer.status);
      hand_over(cycle, std::move(answer));
      lock.lock();
    }
    ended_ = true;
    changed_.notify_all();
  }

  // False: it shall end.
  bool wait_until_due(std::unique_lock<std::mutex>& lock) {
    while (!stopping_) {
      const Time now = Time::now();
      timetable_.check_clock(now);
      const std::int64_t left = timetable_.due().us - now.us;
      if (left <= 0) return true;
      changed_.wait_for(lock, std::chrono::microseconds(std::min<std::int64_t>(left, 1'000'000)));
    }
    return false;
  }

  void hand_over(Time cycle, Poller::Answer answer) {
    Polled polled{timed().name, cycle, answer.status, std::move(answer.samples), std::move(answer.faults), {}, {}};
    note(polled);
    const std::lock_guard lock(sink_mutex_);
    if (sink_) sink_(std::move(polled));
  }

  void note(Polled& polled) {
    const absl::Status& status = polled.status;
    polled.state = "on";
    if (status.code() == kAbsent) polled.state = "absent";
    if (status.code() == kHung || status.code() == kFailed) polled.state = "failed";
    if (status.code() == kRefused) polled.state = "refused";
    const bool error = !status.ok() && polled.state == "on";
    if (error && timetable_.failures_in_a_row() >= 5) polled.state = "quarantined";
    const std::lock_guard lock(mutex_);
    polled.before = std::exchange(state_.state, polled.state);
    state_.reason = std::string(status.message());
    state_.errors += error ? 1 : 0;
    state_.faults += polled.faults.size();
    state_.skipped = timetable_.skipped();
    ++state_.cycles;
  }

  Poller poller_;        // the thread's own
  Timetable timetable_;  // the thread's own
  Time latest_{};        // the thread's own: no cycle had a later time
  std::thread thread_;

  std::mutex sink_mutex_;
  Iterator::Sink sink_;  // empty once the thread is left alone

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  bool stopping_ = false;
  bool ended_ = false;
  std::shared_ptr<SharedDiscovery> next_discovery_;
  PollsterState state_;
};

using PollTasks = std::vector<std::shared_ptr<PollTask>>;

std::vector<std::string> join_all(const PollTasks& tasks, Deadline until) {
  std::vector<std::string> left_alone;
  for (const std::shared_ptr<PollTask>& task : tasks) task->ask_to_end();
  for (const std::shared_ptr<PollTask>& task : tasks) {
    if (!task->join(until)) left_alone.push_back(task->timed().name);
  }
  return left_alone;
}

}  // namespace

struct Iterator::Impl {
  IteratorOptions options;
  Sink sink;
  mutable std::mutex mutex;  // guards tasks against states()
  PollTasks tasks;
  bool stopped = false;
};

Iterator::Iterator(IteratorOptions options, Sink sink) : impl_(std::make_unique<Impl>()) {
  impl_->options = options;
  impl_->sink = std::move(sink);
}

Iterator::~Iterator() { stop(std::chrono::seconds(5)); }

std::vector<std::string> Iterator::run(std::vector<TimedPollster> pollsters, std::vector<DiscoverySource> discoveries) {
  if (impl_->stopped) return {};
  const auto discovery = std::make_shared<SharedDiscovery>(std::move(discoveries));
  const Time start = Time::now();  // one for all: the samples of the first cycle carry it
  PollTasks next;
  PollTasks begun;
  PollTasks ending = impl_->tasks;
  for (TimedPollster& timed : pollsters) {
    const auto same = std::find_if(ending.begin(), ending.end(), [&](const std::shared_ptr<PollTask>& task) {
      return task->timed().name == timed.name && task->timed().fingerprint == timed.fingerprint &&
             !timed.fingerprint.empty();
    });
    if (same != ending.end()) {
      (*same)->use(discovery);
      next.push_back(*same);
      ending.erase(same);
      continue;
    }
    next.push_back(std::make_shared<PollTask>(std::move(timed), discovery, impl_->options, start, impl_->sink));
    begun.push_back(next.back());
  }
  std::vector<std::string> left_alone = join_all(ending, std::chrono::steady_clock::now() + std::chrono::seconds(5));
  for (const std::shared_ptr<PollTask>& task : begun) PollTask::begin(task);
  const std::lock_guard lock(impl_->mutex);
  impl_->tasks = std::move(next);
  return left_alone;
}

std::vector<std::string> Iterator::stop(std::chrono::milliseconds limit) {
  if (std::exchange(impl_->stopped, true)) return {};
  return join_all(impl_->tasks, std::chrono::steady_clock::now() + limit);
}

std::vector<PollsterState> Iterator::states() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<PollsterState> states;
  for (const std::shared_ptr<PollTask>& task : impl_->tasks) states.push_back(task->state());
  return states;
}

}  // namespace tally::plugin
