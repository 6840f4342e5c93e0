// Delivers from the spool to the host, and puts what the host settles into the spool's marks.
// Not for the connections (see server.cc).
#include "consumer.h"

#include <poll.h>

#include <algorithm>
#include <array>

#include <tally/sdk/error.h>

namespace tally::local {
namespace {

constexpr std::uint64_t kLane = 0;
constexpr std::chrono::milliseconds kPause{1000};  // before what the host gave back is given again

}  // namespace

Consumer::Consumer(const ServerOptions& server, const spool::SpoolOptions& spool, std::uint32_t prefetch)
    : options_(server), prefetch_(std::max<std::uint32_t>(prefetch, 1)) {
  spool::SpoolStatus status;
  spool_ = spool::Spool::open(server.socket.string() + ".spool", spool, status);
  if (!spool_) throw Error::transient(status.text);
  server_ = std::make_unique<Server>(server, *spool_);
  if (spool_->torn_bytes() > 0 && options_.warn) {
    options_.warn(server.socket.string() + ".spool: cut " + std::to_string(spool_->torn_bytes()) +
                  " bytes of an unfinished write off its end; no sender was told that they were kept");
  }
}

bool Consumer::has_room(std::uint32_t max_messages) const {
  return server_ != nullptr && max_messages > 0 && unsettled_.size() < prefetch_;
}

void Consumer::service(std::uint32_t max_messages, std::uint32_t timeout_ms, int wake_fd,
                       const TransportEvents& events) {
  take_back_due();
  const bool ready = has_room(max_messages) && spool_->readable();
  wait(ready ? 0 : timeout_ms, wake_fd);
  if (server_) server_->turn();
  take_back_due();
  deliver(max_messages, events);
  report_counts(events);
  report_damage();
  // Last, since what is here already goes on: this only tells the host's readiness.
  if (server_ && !server_->no_room().empty()) throw Error::transient(server_->no_room());
}

// Every count once, so that its metric is there from the start, and whenever it has grown.
void Consumer::report_counts(const TransportEvents& events) {
  const auto tell = [&](std::string_view what, std::uint64_t now, std::uint64_t& told) {
    if (counts_begun_ && now == told) return;
    events.counted(what, now);
    told = now;
  };
  if (server_) {
    const ServerCounts& counts = server_->counts();
    tell("accepted", counts.accepted, counts_told_.accepted);
    tell("refused", counts.refused, counts_told_.refused);
    tell("strangers", counts.strangers, counts_told_.strangers);
    tell("rubbish", counts.rubbish, counts_told_.rubbish);
  }
  tell("damaged", spool_->damaged(), damaged_counted_);
  counts_begun_ = true;
}

void Consumer::wait(std::uint32_t timeout_ms, int wake_fd) const {
  std::int64_t timeout = timeout_ms;
  if (!returned_.empty()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(returned_.front().due - Clock::now()).count();
    timeout = std::clamp<std::int64_t>(left, 0, timeout);
  }
  std::array<pollfd, 2> watched = {{{wake_fd, POLLIN, 0}, {server_ ? server_->fd() : -1, POLLIN, 0}}};
  static_cast<void>(::poll(watched.data(), watched.size(), static_cast<int>(std::min<std::int64_t>(timeout, 60'000))));
}

void Consumer::take_back_due() {
  const auto now = Clock::now();
  while (!returned_.empty() && returned_.front().due <= now) {
    spool_->requeue(returned_.front().sequence);
    returned_.pop_front();
  }
}

void Consumer::deliver(std::uint32_t max_messages, const TransportEvents& events) {
  spool::SpoolRecord record;
  bool any = false;
  for (std::uint32_t given = 0; given < max_messages && has_room(max_messages) && spool_->next(record); ++given) {
    std::string_view topic;
    std::string_view body;
    if (!decode_record(record.body, topic, body)) body = record.body;  // the host makes a dead letter of it
    unsettled_.insert(record.sequence);
    any = true;
    events.message({{kLane, spool_->generation(), record.sequence}, body, topic, record.again});
  }
  if (any) static_cast<void>(spool_->persist());  // at worst `redelivered` is not told after a kill
}

void Consumer::settle(std::span<const Settlement> settlements) {
  for (const Settlement& settlement : settlements) {
    const DeliveryId& delivery = settlement.delivery;
    if (delivery.lane != kLane || delivery.generation != spool_->generation()) continue;
    if (unsettled_.erase(delivery.tag) == 0) continue;
    if (settlement.action == Settle::acknowledge) {
      spool_->acknowledge(delivery.tag);
    } else {
      returned_.push_back({Clock::now() + kPause, delivery.tag});
    }
  }
  // On an error the marks stay in memory, and the next settling writes them: at worst messages are given again.
  static_cast<void>(spool_->persist());
}

void Consumer::publish(std::span<const OutgoingView> messages, std::span<Outcome> results) {
  if (!server_) throw Error::transient(options_.socket.string() + ": this transport is stopped");
  std::size_t synced = 0;  // messages before this one are settled
  std::string failure;
  const auto commit = [&](std::size_t end) {
    const spool::SpoolStatus status = spool_->sync();
    if (!status.ok()) failure = status.text;
    for (; synced < end; ++synced) {
      if (!status.ok() && results[synced] == Outcome::ok) results[synced] = Outcome::transient;
    }
  };
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const OutgoingView& message = messages[i];
    if (message.body.size() > options_.max_message || message.topic.size() > kMostTopic) {
      results[i] = Outcome::permanent;
      continue;
    }
    const spool::SpoolStatus status = spool_->append(encode_record(message.topic, message.body));
    results[i] = status.ok()                                  ? Outcome::ok
                 : status.code == spool::SpoolCode::too_large ? Outcome::permanent
                                                              : Outcome::transient;
    if (spool_->unsynced_bytes() >= 4ULL << 20) commit(i + 1);
  }
  commit(messages.size());
  const bool none = std::ranges::none_of(results, [](Outcome outcome) { return outcome != Outcome::transient; });
  if (!failure.empty() && none) throw Error::transient(failure);
}

void Consumer::stop() {
  if (!server_) return;
  server_->turn();
  server_.reset();
  static_cast<void>(spool_->persist(true));
}

void Consumer::report_damage() {
  if (spool_->damaged() == damage_told_) return;
  if (damage_told_ == 0 && options_.warn) {
    options_.warn(options_.socket.string() + ".spool: " + std::to_string(spool_->damaged()) +
                  " records are damaged on the disk and were passed over; look at the device");
  }
  damage_told_ = spool_->damaged();
}

}  // namespace tally::local
