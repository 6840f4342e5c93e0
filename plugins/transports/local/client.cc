// Sends a window of messages, and matches the consumer's answers to them.
// Not for keeping what could not be sent.
#include "client.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "listener.h"

namespace tally::local {
namespace {

constexpr std::size_t kWindowBytes = 1U << 20;   // encoded ahead of the socket
constexpr std::uint32_t kMostAnswer = 4U << 20;  // bytes of a frame from the consumer

}  // namespace

Client::Client(std::filesystem::path socket, std::function<void(const std::string&)> warn)
    : socket_(std::move(socket)), warn_(std::move(warn)) {}

void Client::publish(std::span<const OutgoingView> messages, std::uint32_t timeout_ms, std::span<Outcome> results) {
  const auto deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
  refusal_.clear();
  if (fd_ && is_stale()) close();
  if (!fd_) connect(deadline);
  if (messages.empty()) return;
  const std::uint64_t first = next_sequence_;
  next_sequence_ += messages.size();
  answered_.assign(messages.size(), false);
  open_ = messages.size();
  try {
    for (std::size_t encoded = 0; open_ > 0;) {
      for (; encoded < messages.size() && out_.size() - out_at_ < kWindowBytes; ++encoded) {
        encode(messages[encoded], first, encoded, results);
      }
      if (open_ == 0 || !exchange(deadline)) break;
      take_answers(first, results);
    }
  } catch (const Error&) {
    if (open_ == messages.size()) throw;  // nothing came of any: say why
  }
  if (open_ > 0 && out_at_ < out_.size()) close();  // half a frame is out: begin again
  const bool refused = !refusal_.empty();
  if (refused && !refused_before_ && warn_) warn_(socket_.string() + ": refused: " + refusal_);
  refused_before_ = refused;
}

void Client::encode(const OutgoingView& message, std::uint64_t first, std::size_t at, std::span<Outcome> results) {
  if (message.topic.size() <= kMostTopic && message.body.size() <= max_message_) {
    return put_message(out_, {first + at, message.topic, message.body});
  }
  refusal_ = "a message of " + std::to_string(message.body.size()) + " bytes with a topic of " +
             std::to_string(message.topic.size()) + ": the consumer takes " + std::to_string(max_message_) + " and " +
             std::to_string(kMostTopic);
  settle_one(at, Outcome::permanent, results);
}

void Client::connect(Clock::time_point deadline) {
  fd_ = Fd(connect_to(socket_));
  if (!fd_) {
    throw Error::transient(socket_.string() + ": no consumer answers: " + system_error_text(errno) +
                           "; start one, or correct the URL");
  }
  decoder_.emplace(kMostAnswer);
  out_.clear();
  out_at_ = 0;
  greet(deadline);
}

void Client::greet(Clock::time_point deadline) {
  put_hello(out_, {});
  Frame frame;
  while (true) {
    const Decoder::Got got = decoder_->next(frame);
    if (got == Decoder::Got::frame) break;
    if (got != Decoder::Got::nothing) broken("what answers there is no consumer");
    if (!exchange(deadline)) broken("the consumer does not answer");
  }
  Hello hello;
  if (frame.type != FrameType::hello || !get_hello(frame.payload, hello)) {
    broken("what answers there is no consumer");
  }
  if (hello.version != kVersion) {
    broken("the consumer speaks version " + std::to_string(hello.version) + " of the framing, this sender version " +
           std::to_string(kVersion));
  }
  max_message_ = hello.max_message;
}

// Waits for the socket, then sends and receives what it takes and gives. False: the time is over.
bool Client::exchange(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  pollfd watched{fd_.get(), POLLIN, 0};
  if (out_at_ < out_.size()) watched.events |= POLLOUT;
  const int ready = ::poll(&watched, 1, static_cast<int>(std::clamp<long long>(left, 0, 3'600'000)));
  if (ready < 0 && errno != EINTR) broken("cannot wait for the consumer: " + system_error_text(errno));
  if (ready <= 0) return left > 0;
  if ((watched.revents & POLLOUT) != 0) send_some();
  if ((watched.revents & (POLLIN | POLLHUP | POLLERR)) != 0) receive_some();
  return true;
}

void Client::send_some() {
  const ssize_t sent = ::send(fd_.get(), out_.data() + out_at_, out_.size() - out_at_, MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno == EAGAIN || errno == EINTR || errno == EPIPE || errno == ECONNRESET) return;  // reading tells the rest
    broken(system_error_text(errno));
  }
  out_at_ += static_cast<std::size_t>(sent);
  if (out_at_ == out_.size()) {
    out_.clear();
    out_at_ = 0;
  } else if (out_at_ > kWindowBytes) {
    out_.erase(0, out_at_);
    out_at_ = 0;
  }
}

void Client::receive_some() {
  char block[64 * 1024];
  const ssize_t got = ::recv(fd_.get(), block, sizeof block, 0);
  if (got > 0) return decoder_->feed(std::string_view(block, static_cast<std::size_t>(got)));
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  broken(got == 0 ? "the consumer closed the connection" : system_error_text(errno));
}

void Client::take_answers(std::uint64_t first, std::span<Outcome> results) {
  Frame frame;
  std::vector<Range> ranges;
  No no;
  for (Decoder::Got got = decoder_->next(frame); got != Decoder::Got::nothing; got = decoder_->next(frame)) {
    if (got == Decoder::Got::frame && frame.type == FrameType::ok && get_ok(frame.payload, ranges)) {
      for (const Range& range : ranges) {
        const std::uint64_t end = std::min(range.last, first + results.size() - 1);
        for (std::uint64_t at = std::max(range.first, first); at <= end; ++at) {
          settle_one(at - first, Outcome::ok, results);
        }
      }
    } else if (got == Decoder::Got::frame && frame.type == FrameType::no && get_no(frame.payload, no)) {
      if (no.sequence < first || no.sequence - first >= results.size()) continue;
      const bool never = no.error_class == TALLY_PERMANENT;
      if (never || refusal_.empty()) refusal_ = std::string(no.reason);
      settle_one(no.sequence - first, never ? Outcome::permanent : Outcome::transient, results);
    } else {
      broken("what answers there is no consumer");
    }
  }
}

void Client::settle_one(std::uint64_t at, Outcome outcome, std::span<Outcome> results) {
  const auto index = static_cast<std::size_t>(at);
  if (answered_[index]) return;
  answered_[index] = true;
  results[index] = outcome;
  --open_;
}

// Whether the consumer went away since the last call.
bool Client::is_stale() {
  char byte = 0;
  const ssize_t got = ::recv(fd_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

void Client::close() {
  fd_.close();
  decoder_.reset();
  out_.clear();
  out_at_ = 0;
}

void Client::broken(const std::string& why) {
  close();
  throw Error::transient(socket_.string() + ": " + why);
}

}  // namespace tally::local
