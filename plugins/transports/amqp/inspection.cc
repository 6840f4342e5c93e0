#include "inspection.h"

#include <amqp_framing.h>
#include <poll.h>

#include <algorithm>
#include <utility>

#include <tally/sdk/error.h>

#include "sharing.h"

namespace tally::amqp {
namespace {

constexpr amqp_channel_t kAskingChannel = 1;

std::string warning_for(const KnownQueue& queue, std::uint64_t messages) {
  std::string text = "nobody consumes it";
  if (messages > 0) text += " and it fills";
  if (queue.ours) return text + ": start the collector, or run tally bus unsubscribe";
  return text + (queue.consumed ? ": start the collector"
                                : ": name it in queue_names, or have the services publish elsewhere");
}

}  // namespace

Inspection::Inspection(Connection::Options connection, Clock::time_point deadline)
    : connection_(std::move(connection)), deadline_(deadline) {
  while (true) {
    connection_.turn();
    if (connection_.link() != nullptr) break;
    if (Clock::now() >= deadline_ || !connection_.failure().empty()) {
      throw Error::transient(connection_.failure().empty() ? "not connected in time" : connection_.failure());
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
    pollfd watched{connection_.fd(), POLLIN, 0};
    static_cast<void>(::poll(&watched, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, 100))));
  }
  open_channel();
}

void Inspection::open_channel() {
  amqp_channel_open_t open{};
  if (ask(AMQP_CHANNEL_OPEN_METHOD, &open).refused) {
    throw Error::transient(connection_.link()->where() + ": the broker opens no channel");
  }
}

Inspection::Answer Inspection::ask(amqp_method_number_t id, void* method) {
  Link& link = *connection_.link();
  const Link::Writing writing(link, deadline_);
  link.send(kAskingChannel, id, method);
  amqp_frame_t frame{};
  while (!link.receive(frame)) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
    if (left <= 0) throw Error::transient(link.where() + ": no answer in time");
    pollfd watched{link.fd(), POLLIN, 0};
    static_cast<void>(::poll(&watched, 1, static_cast<int>(std::min<std::int64_t>(left, 1000))));
  }
  Answer answer;
  const amqp_method_t& got = frame.payload.method;
  if (got.id == AMQP_QUEUE_DECLARE_OK_METHOD) {
    const auto* ok = static_cast<const amqp_queue_declare_ok_t*>(got.decoded);
    answer.messages = ok->message_count;
    answer.consumers = ok->consumer_count;
  } else if (got.id == AMQP_QUEUE_DELETE_OK_METHOD) {
    answer.messages = static_cast<const amqp_queue_delete_ok_t*>(got.decoded)->message_count;
  } else if (got.id == AMQP_CHANNEL_CLOSE_METHOD) {
    const auto* close = static_cast<const amqp_channel_close_t*>(got.decoded);
    answer = {true, close->reply_code, std::string(view_of(close->reply_text)), 0, 0};
    amqp_channel_close_ok_t ok{};
    link.send(kAskingChannel, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok);
  }
  link.release(kAskingChannel);
  if (answer.refused) open_channel();
  return answer;
}

// Nothing: it is not there.
std::optional<Inspection::Answer> Inspection::look(const std::string& name) {
  amqp_queue_declare_t declare{};
  declare.queue = bytes_of(name);
  declare.passive = 1;
  Answer answer = ask(AMQP_QUEUE_DECLARE_METHOD, &declare);
  if (answer.refused && answer.code == AMQP_NOT_FOUND) return std::nullopt;
  return answer;
}

// With one consumer nobody shares it, whoever that is.
std::string Inspection::shared(const KnownQueue& queue, std::uint64_t consumers) {
  if (!queue.consumed || queue.marker.empty()) return {};
  const std::optional<Answer> marks = look(queue.marker);
  const std::uint64_t ours = marks && !marks->refused ? marks->consumers : 0;
  return ours < consumers ? sharing_warning(consumers, consumers - ours) : std::string();
}

// A queue of ours whose exchanges are not all there.
std::string Inspection::unbound(const KnownQueue& queue) {
  std::vector<std::string> absent;
  for (const std::string& name : queue.bound.exchanges) {
    auto known = exchanges_.find(name);
    if (known == exchanges_.end()) {
      amqp_exchange_declare_t declare{};
      declare.exchange = bytes_of(name);
      declare.passive = 1;
      const Answer answer = ask(AMQP_EXCHANGE_DECLARE_METHOD, &declare);
      known = exchanges_.emplace(name, !answer.refused || answer.code != AMQP_NOT_FOUND).first;
    }
    if (!known->second) absent.push_back(name);
  }
  return absent_warning(queue.bound, absent);
}

void Inspection::tell(const std::vector<KnownQueue>& queues, const QueueSink& sink) {
  for (const KnownQueue& queue : queues) {
    const std::optional<Answer> found = look(queue.name);
    QueueView told;
    told.name = queue.name;
    told.ours = queue.ours;
    std::string warning;
    if (!found) {
      if (!queue.consumed) continue;
      told.state = "absent";
    } else if (found->refused) {
      told.state = "refused";
      warning = found->text;
    } else {
      told.messages = found->messages;
      told.consumers = found->consumers;
      if (found->consumers == 0) warning = warning_for(queue, found->messages);
      if (found->consumers > 1) warning = shared(queue, found->consumers);
      const std::string missing = unbound(queue);
      if (!missing.empty()) warning += (warning.empty() ? "" : "; ") + missing;
    }
    if (!warning.empty()) told.warning = warning;
    sink(told);
  }
}

void Inspection::remove(const std::vector<KnownQueue>& queues, const QueueSink& sink) {
  for (const KnownQueue& queue : queues) {
    if (!queue.ours) continue;
    const std::optional<Answer> found = look(queue.name);
    if (!found) continue;
    QueueView told;
    told.name = queue.name;
    told.ours = true;
    told.consumers = found->consumers;
    told.messages = found->messages;
    std::string warning = found->text;
    if (found->refused) {
      told.state = "refused";
    } else if (found->consumers > 0) {  // asked for here: a quorum queue knows no if-unused
      told.state = "in use";
      warning = "it is consumed: stop the collectors first";
    } else {
      amqp_queue_delete_t method{};
      method.queue = bytes_of(queue.name);
      const Answer answer = ask(AMQP_QUEUE_DELETE_METHOD, &method);
      told.state = answer.refused ? "refused" : "removed";
      warning = answer.text;
      if (!answer.refused) told.messages = answer.messages;
    }
    if (!warning.empty()) told.warning = warning;
    sink(told);
  }
}

}  // namespace tally::amqp
