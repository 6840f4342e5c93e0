#include "link.h"

#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#include <sys/time.h>

#include <array>

#include <tally/sdk/error.h>

#include "tls.h"

namespace tally::amqp {
namespace {

constexpr int kFrameMax = 131072;
constexpr std::chrono::milliseconds kGoodBye{1000};

timeval time_of(std::chrono::milliseconds time) {
  return {time.count() / 1000, static_cast<suseconds_t>(time.count() % 1000 * 1000)};
}

amqp_table_entry_t flag(const char* name) {
  amqp_table_entry_t entry{};
  entry.key = amqp_cstring_bytes(name);
  entry.value.kind = AMQP_FIELD_KIND_BOOLEAN;
  entry.value.value.boolean = 1;
  return entry;
}

amqp_table_entry_t text(const char* name, std::string_view value) {
  amqp_table_entry_t entry{};
  entry.key = amqp_cstring_bytes(name);
  entry.value.kind = AMQP_FIELD_KIND_UTF8;
  entry.value.value.bytes = bytes_of(value);
  return entry;
}

std::string reply_text(const amqp_rpc_reply_t& reply) {
  if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION) return amqp_error_string2(reply.library_error);
  if (reply.reply_type != AMQP_RESPONSE_SERVER_EXCEPTION) return "no answer";
  if (reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD) {
    return std::string(view_of(static_cast<const amqp_connection_close_t*>(reply.reply.decoded)->reply_text));
  }
  return "the broker refused";
}

}  // namespace

bool lacks_right(const amqp_channel_close_t& close) {
  return close.reply_code == AMQP_ACCESS_REFUSED &&
         view_of(close.reply_text).find("refused for user") != std::string_view::npos;
}

Link::Link(const Host& host, const LinkOptions& options)
    : where_(host.text()), owner_(amqp_new_connection()), state_(owner_.get()) {
  if (state_ == nullptr) throw Error::transient("out of memory for a connection");
  open(host, options);
  const Writing writing(*this, Clock::now() + options.connect_timeout);
  log_in(host, options);
  open_ = true;
}

Link::~Link() {
  if (!open_) return;
  const timeval limit = time_of(kGoodBye);
  amqp_set_rpc_timeout(state_, &limit);
  const Writing writing(*this, Clock::now() + kGoodBye);
  amqp_connection_close(state_, AMQP_REPLY_SUCCESS);
}

int Link::fd() const { return amqp_get_sockfd(state_); }

void Link::open(const Host& host, const LinkOptions& options) {
  amqp_socket_t* socket =
      options.tls.on ? make_tls_socket(state_, host.name, options.tls) : amqp_tcp_socket_new(state_);
  if (socket == nullptr) throw Error::transient("out of memory for a socket");
  timeval limit = time_of(options.connect_timeout);
  const int status = amqp_socket_open_noblock(socket, host.name.c_str(), host.port, &limit);
  if (status == AMQP_STATUS_OK) return;
  std::string why = amqp_error_string2(status);
  if (options.tls.on) why += tls_reason();
  broken("cannot connect: " + why);
}

void Link::log_in(const Host& host, const LinkOptions& options) {
  const timeval limit = time_of(options.connect_timeout);
  amqp_set_handshake_timeout(state_, &limit);
  std::array<amqp_table_entry_t, 4> can = {flag("connection.blocked"), flag("consumer_cancel_notify"),
                                           flag("publisher_confirms"), flag("basic.nack")};
  std::array<amqp_table_entry_t, 3> properties = {text("product", "tally"), text("connection_name", options.name), {}};
  properties[2].key = amqp_cstring_bytes("capabilities");
  properties[2].value.kind = AMQP_FIELD_KIND_TABLE;
  properties[2].value.value.table = {static_cast<int>(can.size()), can.data()};
  const amqp_table_t table = {static_cast<int>(properties.size()), properties.data()};
  const amqp_rpc_reply_t reply =
      amqp_login_with_properties(state_, options.vhost.c_str(), 0, kFrameMax, options.heartbeat_s, &table,
                                 AMQP_SASL_METHOD_PLAIN, host.user.c_str(), host.password.c_str());
  if (reply.reply_type == AMQP_RESPONSE_NORMAL) return;
  broken("cannot log in as \"" + host.user + "\" to the virtual host \"" + options.vhost + "\": " + reply_text(reply));
}

void Link::broken(const std::string& why) {
  open_ = false;
  throw Error::transient(where_ + ": " + (watchdog_.bit() ? "reads nothing more, is it low on memory or disk?" : why));
}

void Link::check(int status) {
  if (status != AMQP_STATUS_OK) broken(amqp_error_string2(status));
}

bool Link::receive(amqp_frame_t& frame) {
  while (true) {
    timeval none{0, 0};
    const int status = amqp_simple_wait_frame_noblock(state_, &frame, &none);
    if (status == AMQP_STATUS_TIMEOUT) return false;
    check(status);
    if (frame.channel != 0) return true;
    control(frame);
    release(0);
  }
}

void Link::control(const amqp_frame_t& frame) {
  if (frame.frame_type != AMQP_FRAME_METHOD) return;
  switch (frame.payload.method.id) {
    case AMQP_CONNECTION_CLOSE_METHOD: {
      const auto* close = static_cast<const amqp_connection_close_t*>(frame.payload.method.decoded);
      const std::string why(view_of(close->reply_text));
      amqp_connection_close_ok_t ok{};
      amqp_send_method(state_, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &ok);
      broken("the broker closed the connection: " + why);
    }
    case AMQP_CONNECTION_BLOCKED_METHOD:
      blocked_ = true;
      blocked_why_ = view_of(static_cast<const amqp_connection_blocked_t*>(frame.payload.method.decoded)->reason);
      break;
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
      blocked_ = false;
      break;
    default:
      break;
  }
}

void Link::send(amqp_channel_t channel, amqp_method_number_t id, void* method) {
  check(amqp_send_method(state_, channel, id, method));
}

void Link::acknowledge(amqp_channel_t channel, std::uint64_t tag, bool all_before) {
  check(amqp_basic_ack(state_, channel, tag, all_before ? 1 : 0));
}

void Link::requeue(amqp_channel_t channel, std::uint64_t tag) { check(amqp_basic_nack(state_, channel, tag, 0, 1)); }

void Link::publish(amqp_channel_t channel, std::string_view exchange, std::string_view key,
                   const amqp_basic_properties_t& properties, std::string_view body) {
  check(amqp_basic_publish(state_, channel, bytes_of(exchange), bytes_of(key), 1, 0, &properties, bytes_of(body)));
}

void Link::beat() {
  amqp_frame_t frame{};
  frame.frame_type = AMQP_FRAME_HEARTBEAT;
  check(amqp_send_frame(state_, &frame));
}

}  // namespace tally::amqp
