#include "connection.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <tally/sdk/error.h>

namespace tally::amqp {
namespace {

constexpr std::chrono::seconds kSettled{5};  // a link that lived so long was a good one

}  // namespace

Connection::Connection(Options options)
    : options_(std::move(options)),
      pauses_(options_.first_pause, options_.last_pause),
      random_(std::random_device{}()),
      ended_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!ended_) throw Error::transient("cannot make an event descriptor: " + system_error_text(errno));
}

Connection::~Connection() {
  if (dialer_.joinable()) dialer_.join();
}

int Connection::fd() const { return link_ ? link_->fd() : ended_.get(); }

void Connection::turn() {
  if (link_) return;
  if (dialing_) finish();
  if (!link_ && !dialing_ && Clock::now() >= next_try_) dial();
}

void Connection::dial() {
  dialing_ = true;
  made_done_ = false;
  dialer_ = std::thread([this, host = options_.address.hosts[host_]] {
    std::unique_ptr<Link> link;
    std::string failure;
    try {
      link = std::make_unique<Link>(host, options_.link);
    } catch (const std::exception& error) {
      failure = error.what();
    }
    {
      const std::lock_guard lock(mutex_);
      made_ = std::move(link);
      made_failure_ = std::move(failure);
      made_done_ = true;
    }
    const std::uint64_t one = 1;
    static_cast<void>(::write(ended_.get(), &one, sizeof one) > 0);
  });
}

void Connection::finish() {
  {
    const std::lock_guard lock(mutex_);
    if (!made_done_) return;
  }
  dialer_.join();
  dialing_ = false;
  std::uint64_t count = 0;
  static_cast<void>(::read(ended_.get(), &count, sizeof count) > 0);
  if (made_) {
    link_ = std::move(made_);
    up_since_ = Clock::now();
    ++connections_made_;
    failure_.clear();
    return;
  }
  failure_ = std::move(made_failure_);
  pause_after_failure();
}

// The next host at once; a pause after all of them, between half of it and the whole, so that not all come at one time.
void Connection::pause_after_failure() {
  host_ = (host_ + 1) % options_.address.hosts.size();
  next_try_ = Clock::now();
  if (++failed_ < options_.address.hosts.size()) return;
  failed_ = 0;
  const auto whole = pauses_.next().count();
  next_try_ += std::chrono::milliseconds(std::uniform_int_distribution<std::int64_t>(whole / 2, whole)(random_));
}

void Connection::broke(const std::string& why) {
  if (!link_) return;
  link_->abandon();
  link_.reset();
  failure_ = why;
  if (Clock::now() - up_since_ >= kSettled) {
    pauses_.reset();
    failed_ = 0;
  }
  pause_after_failure();
}

void Connection::close() {
  link_.reset();
  next_try_ = Clock::time_point::max();
}

}  // namespace tally::amqp
