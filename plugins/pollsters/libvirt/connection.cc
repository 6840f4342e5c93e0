// Opening happens on a thread of its own: libvirt's call has no time limit, and a stopped daemon would hold it for
// ever. Not for retrying: whoever calls does that, at his own pace.
#include "connection.h"

#include <libvirt/virterror.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

namespace tally::libvirt {

std::string last_error() {
  const char* text = virGetLastErrorMessage();
  return text == nullptr ? "unknown error" : text;
}

// Owned by whoever waits and by the thread at work: a result that nobody takes is closed with it.
struct Connection::Attempt {
  std::shared_ptr<EventLoop> loop;  // outlives the connection
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  OpenConnection open;
  std::string error;

  void run(const std::string& uri) {
    OpenConnection made(virConnectOpenReadOnly(uri.c_str()));
    const std::lock_guard lock(mutex);
    if (!made) error = last_error();
    open = std::move(made);
    done = true;
    changed.notify_all();
  }
};

Connection::~Connection() = default;

virConnect* Connection::get() {
  if (open_ != nullptr && !lost()) return open_.get();
  open_.reset();
  if (!attempt_) {
    attempt_ = std::make_shared<Attempt>();
    attempt_->loop = EventLoop::shared();
    std::thread([attempt = attempt_, uri = uri_] { attempt->run(uri); }).detach();
  }
  std::unique_lock lock(attempt_->mutex);
  if (!attempt_->changed.wait_for(lock, timeout_, [this] { return attempt_->done; })) {
    throw Error::absent("libvirt at " + uri_ + " does not answer");
  }
  OpenConnection made = std::move(attempt_->open);
  const std::string error = attempt_->error;
  lock.unlock();
  loop_ = std::exchange(attempt_, nullptr)->loop;
  if (!made) throw Error::absent("libvirt at " + uri_ + ": " + error);
  // Six silent intervals in a row end the connection. What has no daemon has no such thing, and needs none.
  const auto interval = std::chrono::duration_cast<std::chrono::seconds>(timeout_ / 6);
  virConnectSetKeepAlive(made.get(), std::max(1, static_cast<int>(interval.count())), 5);
  virResetLastError();
  open_ = std::move(made);
  ++generation_;
  return open_.get();
}

}  // namespace tally::libvirt
