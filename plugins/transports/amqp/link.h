// One connection to one broker, made, used and ended; rabbitmq-c behind it.
// Not for making it again (see connection.h), nor for what goes over its channels.
#ifndef TALLY_AMQP_LINK_H
#define TALLY_AMQP_LINK_H

#include <amqp.h>
#include <amqp_framing.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "url.h"
#include "watchdog.h"

namespace tally::amqp {

using Clock = std::chrono::steady_clock;

struct TlsFile {
  std::string said;  // where it is named: "tls_ca"
  std::string path;  // empty: none
};

struct TlsOptions {
  bool on = false;
  bool verify = true;       // the certificate's chain
  bool verify_name = true;  // and, with it, that the certificate is for the host's name
  std::string version;      // "1.2" or "1.3" alone; empty: either
  TlsFile ca;               // none: the system's
  TlsFile cert;
  TlsFile key;  // none: in `cert`
};

struct LinkOptions {
  std::string vhost;
  TlsOptions tls;
  int heartbeat_s = 60;
  std::chrono::milliseconds connect_timeout{5000};
  std::string name;  // shown by the broker
};

inline amqp_bytes_t bytes_of(std::string_view text) { return {text.size(), const_cast<char*>(text.data())}; }
inline std::string_view view_of(amqp_bytes_t bytes) { return {static_cast<const char*>(bytes.bytes), bytes.len}; }

// Whether the broker closed a channel because its user lacks a right; it refuses for other reasons with that code too.
bool lacks_right(const amqp_channel_close_t& close);

// One thread at a time. Every call throws tally::Error, transient, when the connection is broken; it stays broken.
class Link {
 public:
  // Connects and logs in, within twice the timeout at most (looking up the name not counted).
  Link(const Host& host, const LinkOptions& options);
  // Says good-bye, so that the broker has read all that was sent; waits a second at most.
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // Ends without a good-bye.
  void abandon() { open_ = false; }

  int fd() const;
  const std::string& where() const { return where_; }
  bool usable() const { return open_; }
  bool blocked() const { return blocked_; }  // the broker takes no publishing for now
  const std::string& blocked_why() const { return blocked_why_; }

  // The next frame of a channel; false: none is there now. Keeps the heartbeats. What the frame points at lives until
  // release() of its channel.
  bool receive(amqp_frame_t& frame);
  void release(amqp_channel_t channel) { amqp_maybe_release_buffers_on_channel(state_, channel); }

  void send(amqp_channel_t channel, amqp_method_number_t id, void* method);
  void acknowledge(amqp_channel_t channel, std::uint64_t tag, bool all_before);
  void requeue(amqp_channel_t channel, std::uint64_t tag);
  void publish(amqp_channel_t channel, std::string_view exchange, std::string_view key,
               const amqp_basic_properties_t& properties, std::string_view body);
  // For heartbeats while nothing is read.
  void beat();

  // Writes in this scope end the connection when they are not done by then.
  class Writing {
   public:
    Writing(Link& link, Clock::time_point limit) : link_(link) { link_.watchdog_.watch(link_.fd(), limit); }
    ~Writing() { link_.watchdog_.done(); }
    Writing(const Writing&) = delete;
    Writing& operator=(const Writing&) = delete;

   private:
    Link& link_;
  };

 private:
  struct Destroy {
    void operator()(amqp_connection_state_t state) const { amqp_destroy_connection(state); }
  };

  void open(const Host& host, const LinkOptions& options);
  void log_in(const Host& host, const LinkOptions& options);
  void control(const amqp_frame_t& frame);
  void check(int status);
  [[noreturn]] void broken(const std::string& why);

  std::string where_;
  std::unique_ptr<std::remove_pointer_t<amqp_connection_state_t>, Destroy> owner_;
  amqp_connection_state_t state_;
  bool open_ = false;
  bool blocked_ = false;
  std::string blocked_why_;
  Watchdog watchdog_;
};

}  // namespace tally::amqp

#endif
