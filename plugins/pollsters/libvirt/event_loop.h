// Runs libvirt's event loop on a thread, without which a connection notices neither its end nor a daemon that is stuck.
// Not for callbacks of ours: there are none.
#ifndef TALLY_LIBVIRT_EVENT_LOOP_H
#define TALLY_LIBVIRT_EVENT_LOOP_H

#include <atomic>
#include <memory>
#include <thread>

namespace tally::libvirt {

// REQUIRES: connections are opened and closed while one is held.
class EventLoop {
 public:
  // The process has one at a time; it ends with its last holder. Any thread.
  static std::shared_ptr<EventLoop> shared();

  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

 private:
  std::atomic<bool> stop_ = false;
  int wake_ = -1;  // a timer that never fires but to end the loop
  std::thread thread_;
};

}  // namespace tally::libvirt

#endif
