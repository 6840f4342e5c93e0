#include "publisher.h"

#include <amqp_framing.h>
#include <poll.h>

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include <tally/sdk/error.h>
#include <tally/sdk/log.h>

namespace tally::amqp {
namespace {

constexpr amqp_channel_t kChannel = 1;
constexpr std::size_t kLongestTopic = 255;
constexpr std::size_t kSentATime = 64;  // before confirmations are looked for
constexpr std::uint8_t kPersistent = 2;

std::vector<amqp_table_entry_t> headers_of(const OutgoingView& message) {
  std::vector<amqp_table_entry_t> headers;
  for (const MessageHeaderView& one : message.headers) {
    amqp_table_entry_t& entry = headers.emplace_back();
    entry.key = bytes_of(one.name);
    entry.value.kind = AMQP_FIELD_KIND_UTF8;
    entry.value.value.bytes = bytes_of(one.value);
  }
  return headers;
}

}  // namespace

// What one publish() call sends: its messages' tags are `first`, `first` + 1 ….
struct Publisher::Batch {
  std::span<const OutgoingView> messages;
  std::span<Outcome> results;
  std::vector<std::size_t> sent;  // by tag: the message's place
  std::vector<bool> answered;
  std::vector<bool> returned;
  std::uint64_t first = 0;
  std::size_t open = 0;
  std::string refusal;

  void settle(std::uint64_t tag, bool all_before, bool kept) {
    if (tag < first || tag - first >= sent.size()) {
      if (!all_before || tag < first) return;
      tag = first + sent.size() - 1;
    }
    for (std::size_t at = all_before ? 0 : tag - first; at <= tag - first; ++at) {
      if (answered[at]) continue;
      answered[at] = true;
      --open;
      if (kept && !returned[at]) results[sent[at]] = Outcome::ok;
      if (!kept) refusal = "the broker did not keep it (is a queue at its length limit?)";
    }
  }
};

Publisher::Publisher(Connection::Options connection, PublisherOptions options, Counts& counts)
    : connection_(std::move(connection)), options_(std::move(options)), counts_(counts) {}

void Publisher::publish(std::span<const OutgoingView> messages, std::uint32_t timeout_ms, std::span<Outcome> results) {
  const Clock::time_point deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
  Batch batch{messages, results, {}, {}, {}, 0, 0, {}};
  try {
    connect(deadline);
    await_unblocked(deadline);
    const Link::Writing writing(*connection_.link(), deadline);
    if (!channel_open_) open_channel(deadline);
    send(batch, deadline);
    confirm(batch, deadline);
  } catch (const Error& error) {
    // One that is silent is of no use, another host may do; one that said that it takes nothing now is kept: what it
    // confirms later is of tags that the next call does not look at.
    const Link* link = connection_.link();
    if (link != nullptr && !(link->usable() && link->blocked() && channel_open_)) lost(error.what());
    batch.refusal = error.what();
  }
  const bool none = std::ranges::all_of(results, [](Outcome outcome) { return outcome == Outcome::transient; });
  if (none && !batch.refusal.empty()) throw Error::transient(batch.refusal);
}

void Publisher::keep_alive() {
  if (connection_.link() == nullptr) return;
  try {
    take_frames(nullptr, nullptr);
  } catch (const Error& error) {
    lost(error.what());
  }
}

void Publisher::lost(const std::string& why) {
  connection_.broke(why);
  counts_.add(Counts::failures);
  channel_open_ = false;
}

// A link that broke while nobody looked is found out here, and made again.
void Publisher::connect(Clock::time_point deadline) {
  keep_alive();
  while (true) {
    connection_.turn();
    if (connection_.link() != nullptr) break;
    const Clock::time_point until = std::min(deadline, connection_.due());
    if (Clock::now() >= deadline) {
      throw Error::transient(connection_.failure().empty() ? "not connected in time" : connection_.failure());
    }
    wait(until);
  }
  if (connection_.connections_made() == connections_made_) return;
  connections_made_ = connection_.connections_made();
  counts_.add(Counts::connects);
  channel_open_ = false;
  ready_.clear();
}

// Waits for something to read, or the time; false: the time has come.
bool Publisher::wait(Clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  pollfd watched{connection_.fd(), POLLIN, 0};
  static_cast<void>(::poll(&watched, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, 1000))));
  return Clock::now() < deadline;
}

void Publisher::await_unblocked(Clock::time_point deadline) {
  Link& link = *connection_.link();
  while (link.blocked()) {
    if (!wait(deadline)) {
      throw Error::transient(link.where() + ": the broker takes no messages for now: " + link.blocked_why());
    }
    take_frames(nullptr, nullptr);
  }
}

Publisher::Reply Publisher::ask(amqp_method_number_t id, void* method, Clock::time_point deadline) {
  connection_.link()->send(kChannel, id, method);
  std::optional<Reply> reply;
  while (true) {
    take_frames(nullptr, &reply);
    if (reply) break;
    if (!wait(deadline)) throw Error::transient(connection_.link()->where() + ": no answer in time");
  }
  if (reply->id == AMQP_CHANNEL_CLOSE_METHOD) channel_open_ = false;
  return *reply;
}

void Publisher::open_channel(Clock::time_point deadline) {
  amqp_channel_open_t open{};
  amqp_confirm_select_t select{};
  if (ask(AMQP_CHANNEL_OPEN_METHOD, &open, deadline).id != AMQP_CHANNEL_OPEN_OK_METHOD ||
      ask(AMQP_CONFIRM_SELECT_METHOD, &select, deadline).id != AMQP_CONFIRM_SELECT_OK_METHOD) {
    throw Error::transient(connection_.link()->where() + ": the broker opens no channel with confirmations");
  }
  channel_open_ = true;
  next_tag_ = 1;
}

// Asks whether it is there, whatever its arguments; only where it is absent it is made.
bool Publisher::exists_or_is_made(amqp_method_number_t id, void* asked, void* made, const std::string& what,
                                  Clock::time_point deadline) {
  Reply reply;
  for (void* method : {asked, made, asked}) {
    reply = ask(id, method, deadline);
    if (reply.id != AMQP_CHANNEL_CLOSE_METHOD) return true;
    open_channel(deadline);
    // Made by somebody else meanwhile, with other arguments: asking again finds it.
    if (reply.code != AMQP_NOT_FOUND && reply.code != AMQP_PRECONDITION_FAILED) break;
  }
  log(Level::warning, what + ": " + reply.text);
  return false;
}

// The queue that takes messages of a topic: one of our own where there are such, else the one of the topic's name.
std::string Publisher::queue_for(std::string_view topic) const {
  for (const OwnQueue& queue : options_.own.queues) {
    if (std::ranges::find(queue.keys, topic) != queue.keys.end()) return queue.name;
  }
  return std::string(topic);
}

void Publisher::ensure(std::string_view topic, Clock::time_point deadline) {
  if (ready_.contains(topic)) return;
  amqp_exchange_declare_t exchange{};
  exchange.exchange = bytes_of(options_.exchange);
  exchange.type = amqp_cstring_bytes("topic");
  exchange.durable = options_.durable ? 1 : 0;
  amqp_exchange_declare_t ask_exchange = exchange;
  ask_exchange.passive = 1;
  const std::string name = queue_for(topic);
  OwnArguments arguments(options_.own);
  amqp_queue_declare_t queue{};
  queue.queue = bytes_of(name);
  queue.durable = options_.durable ? 1 : 0;
  if (name != topic) {
    queue.durable = 1;
    queue.arguments = arguments.table();
  }
  amqp_queue_declare_t ask_queue = queue;
  ask_queue.passive = 1;
  amqp_queue_bind_t bind{};
  bind.queue = bytes_of(name);
  bind.exchange = bytes_of(options_.exchange);
  bind.routing_key = bytes_of(topic);
  if (!exists_or_is_made(AMQP_EXCHANGE_DECLARE_METHOD, &ask_exchange, &exchange, "exchange " + options_.exchange,
                         deadline) ||
      !exists_or_is_made(AMQP_QUEUE_DECLARE_METHOD, &ask_queue, &queue, "queue " + name, deadline)) {
    return;  // it may be routed all the same; if not, it is returned
  }
  const Reply bound = ask(AMQP_QUEUE_BIND_METHOD, &bind, deadline);
  if (bound.id == AMQP_CHANNEL_CLOSE_METHOD) {
    open_channel(deadline);
    log(Level::warning, "queue " + name + ": cannot bind to exchange " + options_.exchange + ": " + bound.text);
  }
  ready_.emplace(topic);
}

void Publisher::send(Batch& batch, Clock::time_point deadline) {
  for (const OutgoingView& message : batch.messages) {
    if (message.topic.size() <= kLongestTopic) ensure(message.topic, deadline);
  }
  Link& link = *connection_.link();
  batch.first = next_tag_;
  for (std::size_t i = 0; i < batch.messages.size(); ++i) {
    const OutgoingView& message = batch.messages[i];
    if (message.topic.size() > kLongestTopic || message.body.size() > options_.longest_body) {
      batch.results[i] = Outcome::permanent;
      continue;
    }
    if (i % kSentATime == 0) take_frames(&batch, nullptr);
    if (!channel_open_) return;
    char number[24];
    const auto end = std::to_chars(number, number + sizeof number, next_tag_).ptr;
    amqp_basic_properties_t properties{};
    properties._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG |
                        AMQP_BASIC_CONTENT_ENCODING_FLAG;
    properties.delivery_mode = kPersistent;
    properties.content_type = amqp_cstring_bytes("application/json");
    properties.content_encoding = amqp_cstring_bytes("utf-8");
    properties.message_id = {static_cast<std::size_t>(end - number), number};  // to know it by when it is returned
    std::vector<amqp_table_entry_t> headers = headers_of(message);
    if (!headers.empty()) {
      properties._flags |= AMQP_BASIC_HEADERS_FLAG;
      properties.headers = {static_cast<int>(headers.size()), headers.data()};
    }
    batch.sent.push_back(i);
    batch.answered.push_back(false);
    batch.returned.push_back(false);
    ++batch.open;
    ++next_tag_;
    link.publish(kChannel, options_.exchange, message.topic, properties, message.body);
  }
}

void Publisher::confirm(Batch& batch, Clock::time_point deadline) {
  while (true) {
    take_frames(&batch, nullptr);
    if (batch.open == 0 || !channel_open_) return;
    if (wait(deadline)) continue;
    const Link& link = *connection_.link();
    throw Error::transient(link.where() + (link.blocked()
                                               ? ": the broker takes no messages for now: " + link.blocked_why()
                                               : std::string(": not confirmed in time")));
  }
}

bool Publisher::take_frames(Batch* batch, std::optional<Reply>* reply) {
  Link& link = *connection_.link();
  amqp_frame_t frame{};
  while (link.receive(frame)) {
    if (frame.frame_type == AMQP_FRAME_METHOD) take_method(frame.payload.method, batch, reply);
    if (frame.frame_type == AMQP_FRAME_HEADER) {
      returned(*static_cast<const amqp_basic_properties_t*>(frame.payload.properties.decoded), batch);
    }
    link.release(frame.channel);
    if (reply != nullptr && *reply) return true;
  }
  return false;
}

void Publisher::take_method(const amqp_method_t& method, Batch* batch, std::optional<Reply>* reply) {
  switch (method.id) {
    case AMQP_BASIC_ACK_METHOD: {
      const auto* ack = static_cast<const amqp_basic_ack_t*>(method.decoded);
      if (batch != nullptr) batch->settle(ack->delivery_tag, ack->multiple != 0, true);
      return;
    }
    case AMQP_BASIC_NACK_METHOD: {
      const auto* nack = static_cast<const amqp_basic_nack_t*>(method.decoded);
      counts_.add(Counts::refused);
      if (batch != nullptr) batch->settle(nack->delivery_tag, nack->multiple != 0, false);
      return;
    }
    case AMQP_BASIC_RETURN_METHOD: {
      const auto* given = static_cast<const amqp_basic_return_t*>(method.decoded);
      const auto found = ready_.find(view_of(given->routing_key));
      if (found != ready_.end()) ready_.erase(found);
      if (batch != nullptr) {
        batch->refusal = "no queue takes messages of the topic " + std::string(view_of(given->routing_key));
      }
      return;
    }
    case AMQP_CHANNEL_CLOSE_METHOD: {
      const auto* close = static_cast<const amqp_channel_close_t*>(method.decoded);
      Reply closed{method.id, close->reply_code, std::string(view_of(close->reply_text))};
      amqp_channel_close_ok_t ok{};
      connection_.link()->send(kChannel, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok);
      channel_open_ = false;
      ready_.clear();
      if (batch != nullptr) batch->refusal = "the broker closed the channel: " + closed.text;
      if (reply != nullptr) *reply = std::move(closed);
      return;
    }
    default:
      if (reply != nullptr) *reply = Reply{method.id, 0, {}};
      return;
  }
}

void Publisher::returned(const amqp_basic_properties_t& properties, Batch* batch) {
  counts_.add(Counts::unroutable);
  if (batch == nullptr || (properties._flags & AMQP_BASIC_MESSAGE_ID_FLAG) == 0) return;
  const std::string_view number = view_of(properties.message_id);
  std::uint64_t tag = 0;
  std::from_chars(number.data(), number.data() + number.size(), tag);
  if (tag >= batch->first && tag - batch->first < batch->returned.size()) batch->returned[tag - batch->first] = true;
}

}  // namespace tally::amqp
