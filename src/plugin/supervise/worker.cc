#include "plugin/supervise/worker.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "plugin/supervise/descriptor_leaks.h"

namespace tally::plugin {
namespace {

using Clock = std::chrono::steady_clock;

// How often run() looks whether a call has begun that may pass its limit. A call does not wake it: that would cost each
// call more than it does itself.
constexpr std::chrono::milliseconds kLook{50};

thread_local Worker::Core* this_worker = nullptr;

}  // namespace

// Shared by the caller and the thread: one that was left alone keeps it alive.
struct Worker::Core {
  struct Call {
    Guard* guard;
    std::chrono::milliseconds limit;
    Clock::time_point deadline;
  };

  std::mutex lock;
  std::condition_variable changed;
  std::function<void()> job;
  bool busy = false;
  bool ending = false;
  bool given_up = false;
  std::optional<Call> call;  // the guarded call that goes on now

  void loop() {
    this_worker = this;
    std::unique_lock held(lock);
    while (true) {
      changed.wait(held, [this] { return job != nullptr || ending; });
      if (job == nullptr) return;
      std::function<void()> mine = std::exchange(job, nullptr);
      held.unlock();
      mine();
      mine = nullptr;
      held.lock();
      busy = false;
      changed.notify_all();
    }
  }

  void begin(Guard& guard, Clock::time_point now) {
    const std::lock_guard held(lock);
    call = Call{&guard, guard.options().limit, now + guard.options().limit};
  }

  // Does not return once the call was given up: what the caller's frame refers to may be gone.
  void end() {
    std::unique_lock held(lock);
    changed.wait(held, [this] { return !given_up; });
    call.reset();
  }
};

Worker::~Worker() {
  if (core_ == nullptr) return;
  {
    const std::lock_guard held(core_->lock);
    core_->ending = true;
    core_->changed.notify_all();
  }
  thread_.join();
}

bool Worker::on_worker() { return this_worker != nullptr; }

absl::Status Worker::run(std::function<void()> job) {
  if (core_ == nullptr) {
    core_ = std::make_shared<Core>();
    thread_ = std::thread([core = core_] { core->loop(); });
  }
  const std::shared_ptr<Core> core = core_;
  std::unique_lock held(core->lock);
  core->job = std::move(job);
  core->busy = true;
  core->changed.notify_all();
  while (core->busy) {
    Clock::time_point until = Clock::now() + kLook;
    if (core->call) {
      if (Clock::now() >= core->call->deadline) break;
      until = std::min(until, core->call->deadline);
    }
    core->changed.wait_until(held, until);
  }
  if (!core->busy) return absl::OkStatus();

  core->given_up = true;
  const Core::Call call = *core->call;
  held.unlock();
  thread_.detach();
  core_ = nullptr;
  call.guard->hung(call.limit);
  return {kHung, absl::StrCat(call.guard->name(), ": ", call.guard->reason())};
}

absl::Status guarded_call(Guard& guard, Worker& worker, std::function<absl::Status()> job) {
  if (Worker::on_worker()) return guarded_call_here(guard, job);
  if (absl::Status status = guard.admit(); !status.ok()) return status;
  auto answer = std::make_shared<absl::Status>();
  absl::Status status = worker.run([&guard, answer, job = std::move(job)] { *answer = guarded_call_here(guard, job); });
  return status.ok() ? *answer : status;
}

absl::Status guarded_call_here(Guard& guard, absl::FunctionRef<absl::Status()> job) {
  if (absl::Status status = guard.admit(); !status.ok()) return status;
  Worker::Core& core = *this_worker;
  const Clock::time_point begin = Clock::now();
  const std::int64_t before = worth_counting(guard.name(), begin) ? open_descriptors() : -1;
  core.begin(guard, begin);
  absl::Status status = job();
  const auto took = Clock::now() - begin;
  core.end();
  if (before >= 0) note_descriptors(guard.name(), before, open_descriptors());
  guard.finished(status, took);
  return status;
}

}  // namespace tally::plugin
