// A read-only connection to libvirt that is opened within a time limit, and notices when the other side is gone.
// Not for what is asked over it: hypervisor.h.
#ifndef TALLY_LIBVIRT_CONNECTION_H
#define TALLY_LIBVIRT_CONNECTION_H

#include <libvirt/libvirt.h>
#include <tally/sdk/error.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "event_loop.h"

namespace tally::libvirt {

struct CloseConnection {
  void operator()(virConnect* connection) const { virConnectClose(connection); }
};
using OpenConnection = std::unique_ptr<virConnect, CloseConnection>;

// One thread at a time.
class Connection {
 public:
  // Connects with the first get(). `timeout`: how long a daemon may be silent, at opening and later.
  Connection(std::string uri, std::chrono::microseconds timeout) : uri_(std::move(uri)), timeout_(timeout) {}
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // The open connection; opens it where there is none, or where it was lost. Throws Error::absent where nobody answers;
  // an attempt that has found no end by then goes on by itself and is looked at again by the next call.
  virConnect* get();

  // How often it was opened: domains' numbers are told apart within one opening alone.
  int generation() const { return generation_; }

  // Whether the last error was the end of the connection; get() opens a new one then.
  bool lost() const { return open_ == nullptr || virConnectIsAlive(open_.get()) != 1; }

  const std::string& uri() const { return uri_; }

 private:
  struct Attempt;

  const std::string uri_;
  const std::chrono::microseconds timeout_;
  int generation_ = 0;
  std::shared_ptr<Attempt> attempt_;  // not at its end yet
  std::shared_ptr<EventLoop> loop_;   // outlives open_
  OpenConnection open_;
};

// What libvirt says was wrong with this thread's last call.
std::string last_error();

}  // namespace tally::libvirt

#endif
