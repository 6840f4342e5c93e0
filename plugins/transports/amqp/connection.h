// Keeps a link to one of a bus's hosts: makes it without holding up the caller, and again when it breaks.
// Not for channels: whoever uses the link learns by generation() that it is another one.
#ifndef TALLY_AMQP_CONNECTION_H
#define TALLY_AMQP_CONNECTION_H

#include <tally/kit/backoff.h>
#include <tally/kit/descriptor.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>

#include "link.h"

namespace tally::amqp {

// One thread; a link is made on another one, for its own time.
class Connection {
 public:
  struct Options {
    Address address;
    LinkOptions link;
    std::chrono::milliseconds first_pause{100};
    std::chrono::milliseconds last_pause{30'000};
  };

  explicit Connection(Options options);
  // Waits for an attempt under way: the connect timeout at most, twice.
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Goes on: begins an attempt when one is due, takes a link that is made. Never waits.
  void turn();
  // The link; null while there is none. Another one after each change of connections_made().
  Link* link() { return link_.get(); }
  std::uint64_t connections_made() const { return connections_made_; }
  // The link is of no more use, or is to end: without link at once, tried again after a pause.
  void broke(const std::string& why);
  void close();

  // Readable when there is something to do: the link's data, or an attempt's end.
  int fd() const;
  // When turn() is to be called at the latest, where fd() says nothing.
  Clock::time_point due() const { return dialing_ || link_ ? Clock::time_point::max() : next_try_; }
  // Why there is no link; empty while there is one, and before the first attempt has failed.
  const std::string& failure() const { return failure_; }

 private:
  void dial();
  void finish();
  void pause_after_failure();

  Options options_;
  std::unique_ptr<Link> link_;
  std::uint64_t connections_made_ = 0;
  Clock::time_point up_since_;
  std::string failure_;
  std::size_t host_ = 0;    // to be tried next
  std::size_t failed_ = 0;  // hosts in a row
  Clock::time_point next_try_ = Clock::now();
  Backoff pauses_;
  std::minstd_rand random_;

  Fd ended_;  // an attempt's end
  bool dialing_ = false;
  std::thread dialer_;
  std::mutex mutex_;  // guards what follows, the dialer's results
  std::unique_ptr<Link> made_;
  std::string made_failure_;
  bool made_done_ = false;
};

}  // namespace tally::amqp

#endif
