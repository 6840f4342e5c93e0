#include "publisher.h"

#include <algorithm>

#include <tally/sdk/error.h>

namespace tally::kafka {
namespace {

constexpr std::chrono::milliseconds kLookForReports{200};
constexpr std::chrono::milliseconds kPoll{100};
constexpr std::chrono::seconds kHopeless{1};  // without a broker in touch

// A batch's number and a place in it, as the library carries them.
void* tag_of(std::uint32_t batch, std::size_t at) {
  return reinterpret_cast<void*>(static_cast<std::uintptr_t>(batch) << 32U | static_cast<std::uintptr_t>(at));
}

bool is_permanent(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || error == RD_KAFKA_RESP_ERR_INVALID_RECORD ||
         error == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION;
}

rd_kafka_headers_t* headers_of(const OutgoingView& message) {
  if (message.headers.empty()) return nullptr;
  rd_kafka_headers_t* headers = rd_kafka_headers_new(message.headers.size());
  for (const MessageHeaderView& one : message.headers)
    rd_kafka_header_add(headers, one.name.data(), static_cast<ssize_t>(one.name.size()), one.value.data(),
                        static_cast<ssize_t>(one.value.size()));
  return headers;
}

int milliseconds_until(Clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  return static_cast<int>(std::clamp(left, std::chrono::milliseconds(0), kPoll).count());
}

}  // namespace

void Publisher::open() {
  if (!client_) client_.emplace(RD_KAFKA_PRODUCER, options_.settings, *this, counts_);
  client_->look(kLookForReports);
}

void Publisher::keep_alive() {
  if (client_) rd_kafka_poll(client_->get(), 0);
}

void Publisher::publish(std::span<const OutgoingView> messages, std::uint32_t timeout_ms, std::span<Outcome> results) {
  const Clock::time_point deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
  open();
  if (messages.empty()) return await_broker(deadline);
  ++batch_;
  results_ = results;
  waiting_ = 0;
  refusal_.clear();
  for (std::size_t at = 0; at < messages.size(); ++at) enqueue(messages[at], at, deadline);
  await(deadline);
  if (waiting_ > 0) drop_rest();
  results_ = {};
  if (const std::string why = client_->fatal(); !why.empty()) {
    refusal_ = why;
    client_.reset();
  }
  const bool none = std::all_of(results.begin(), results.end(), [](Outcome one) { return one == Outcome::transient; });
  if (!none) return;
  if (!refusal_.empty()) throw Error::transient(refusal_);
  if (client_ && !client_->failure().empty()) throw Error::transient(client_->failure());
  throw Error::transient("no broker has confirmed a message within " + std::to_string(timeout_ms) + " ms");
}

void Publisher::enqueue(const OutgoingView& message, std::size_t at, Clock::time_point deadline) {
  const std::string topic = std::string(message.topic) + (options_.vhost.empty() ? "" : "." + options_.vhost);
  const std::string_view key = message.key;
  while (true) {
    rd_kafka_headers_t* headers = headers_of(message);  // the library's own once it has taken the message
    const auto error = rd_kafka_producev(
        client_->get(), RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_KEY(key.empty() ? nullptr : key.data(), key.size()),
        RD_KAFKA_V_VALUE(const_cast<char*>(message.body.data()), message.body.size()), RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_OPAQUE(tag_of(batch_, at)), RD_KAFKA_V_END);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR && headers != nullptr) rd_kafka_headers_destroy(headers);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      ++waiting_;
      return;
    }
    if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL && Clock::now() < deadline) {
      rd_kafka_poll(client_->get(), milliseconds_until(deadline));
      continue;
    }
    refusal_ = "topic " + topic + ": " + rd_kafka_err2str(error);
    if (is_permanent(error)) results_[at] = Outcome::permanent;
    counts_.add(Counts::refused);
    return;
  }
}

void Publisher::await(Clock::time_point deadline) {
  const Clock::time_point hopeless = Clock::now() + kHopeless;
  while (waiting_ > 0 && Clock::now() < deadline) {
    rd_kafka_poll(client_->get(), milliseconds_until(deadline));
    client_->look(kPoll);
    if (!client_->failure().empty() && Clock::now() >= hopeless) return;
  }
}

void Publisher::await_broker(Clock::time_point deadline) {
  while (client_->in_doubt()) {
    rd_kafka_poll(client_->get(), 0);  // reasons
    client_->look(kPoll);
    if (!client_->failure().empty()) throw Error::transient(client_->failure());
    if (client_->in_doubt() && Clock::now() >= deadline) throw Error::transient("no broker has answered in time");
  }
}

void Publisher::drop_rest() {
  rd_kafka_purge(client_->get(), RD_KAFKA_PURGE_F_QUEUE);
  while (rd_kafka_poll(client_->get(), 0) > 0) {
  }
}

void Publisher::reported(const rd_kafka_message_t& message) {
  const auto tag = reinterpret_cast<std::uintptr_t>(message._private);
  const std::size_t at = tag & 0xffffffffU;
  if (tag >> 32U != batch_ || at >= results_.size()) return;
  --waiting_;
  if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    results_[at] = Outcome::ok;
    return;
  }
  if (message.err == RD_KAFKA_RESP_ERR__PURGE_QUEUE) return;
  if (is_permanent(message.err)) results_[at] = Outcome::permanent;
  const char* topic = message.rkt == nullptr ? "?" : rd_kafka_topic_name(message.rkt);
  refusal_ = std::string("topic ") + topic + ": " + rd_kafka_err2str(message.err);
  counts_.add(Counts::refused);
}

}  // namespace tally::kafka
