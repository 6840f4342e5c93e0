// libvirt's default loop, and the timer that ends it.
// Not for connections: connection.h.
#include "event_loop.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <tally/sdk/error.h>

#include <mutex>

namespace tally::libvirt {
namespace {

// Once a process, before the first connection. Errors are returned to callers; none is printed.
bool prepare() {
  virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});
  return virInitialize() == 0 && virEventRegisterDefaultImpl() == 0;
}

}  // namespace

std::shared_ptr<EventLoop> EventLoop::shared() {
  static std::mutex mutex;
  static std::weak_ptr<EventLoop> last;
  const std::lock_guard lock(mutex);
  std::shared_ptr<EventLoop> loop = last.lock();
  if (!loop) last = loop = std::make_shared<EventLoop>();
  return loop;
}

EventLoop::EventLoop() {
  static const bool prepared = prepare();
  if (!prepared) throw Error::absent("libvirt's library does not start: " + std::string(virGetLastErrorMessage()));
  wake_ = virEventAddTimeout(
      -1, [](int, void*) {}, nullptr, nullptr);
  if (wake_ < 0) throw Error::transient("libvirt's event loop takes no timer");
  thread_ = std::thread([this] {
    while (!stop_) virEventRunDefaultImpl();
    virEventRemoveTimeout(wake_);
    virEventRunDefaultImpl();  // what was removed is freed by the loop
  });
}

EventLoop::~EventLoop() {
  stop_ = true;
  virEventUpdateTimeout(wake_, 0);
  thread_.join();
}

}  // namespace tally::libvirt
