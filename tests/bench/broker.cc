// The floor of what RabbitMQ can hand over: `bench-broker fill PORT QUEUE FILE` publishes each line with confirms,
// `drain PORT QUEUE COUNT PREFETCH` takes as many messages and does nothing but acknowledge, in ranges; prints one JSON
// object. `trickle PORT QUEUE FILE PAUSE_MS` publishes a line at a time and prints when it did: the steady clock's
// nanoseconds. Not for judging the figures: run.py does.
#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>

namespace {

constexpr amqp_channel_t kChannel = 1;
constexpr std::uint64_t kRange = 100;         // acknowledged at once
constexpr std::uint64_t kUnconfirmed = 5000;  // published and not confirmed, at most

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "bench-broker: %s\n", what.c_str());
  std::exit(1);
}

void require(bool good, const char* what) {
  if (!good) fail(what);
}

amqp_bytes_t bytes(std::string_view text) { return {text.size(), const_cast<char*>(text.data())}; }

double processor_s() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// One connection with one channel. Ends the program with a reason where anything fails.
class Broker {
 public:
  explicit Broker(int port) : state_(amqp_new_connection()) {
    amqp_socket_t* socket = amqp_tcp_socket_new(state_);
    require(socket != nullptr && amqp_socket_open(socket, "127.0.0.1", port) == AMQP_STATUS_OK, "cannot connect");
    require(normal(amqp_login(state_, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest")), "cannot log in");
    amqp_channel_open(state_, kChannel);
    require(normal(amqp_get_rpc_reply(state_)), "cannot open a channel");
  }
  ~Broker() {
    amqp_connection_close(state_, AMQP_REPLY_SUCCESS);
    amqp_destroy_connection(state_);
  }
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  // Before each next line, so many milliseconds; with 0 as fast as the broker confirms, and nothing is printed.
  void fill(const std::string& queue, const std::string& path, int pause_ms = 0) {
    amqp_queue_declare(state_, kChannel, bytes(queue), 0, 1, 0, 0, amqp_empty_table);
    require(normal(amqp_get_rpc_reply(state_)), "cannot declare the queue");
    amqp_confirm_select(state_, kChannel);
    amqp_basic_properties_t properties{};
    properties._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_CONTENT_ENCODING_FLAG;
    properties.delivery_mode = 2;
    properties.content_type = bytes("application/json");  // as oslo.messaging sends, and Ceilometer wants it
    properties.content_encoding = bytes("utf-8");
    std::ifstream lines(path);
    std::uint64_t published = 0, confirmed = 0;
    for (std::string line; std::getline(lines, line);) {
      if (pause_ms > 0) {
        while (confirmed < published) confirmed = next_confirmation();
        std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms));
        std::printf("%lld\n", static_cast<long long>(std::chrono::steady_clock::now().time_since_epoch().count()));
      }
      require(amqp_basic_publish(state_, kChannel, amqp_empty_bytes, bytes(queue), 0, 0, &properties, bytes(line)) ==
                  AMQP_STATUS_OK,
              "cannot publish");
      ++published;
      while (published - confirmed >= kUnconfirmed) confirmed = next_confirmation();
    }
    while (confirmed < published) confirmed = next_confirmation();
  }

  void drain(const std::string& queue, std::uint64_t count, std::uint16_t prefetch) {
    amqp_basic_qos(state_, kChannel, 0, prefetch, 0);
    amqp_basic_consume(state_, kChannel, bytes(queue), amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
    require(normal(amqp_get_rpc_reply(state_)), "cannot consume");
    const double processor = processor_s();
    const auto start = std::chrono::steady_clock::now();
    std::uint64_t size = 0;
    for (std::uint64_t taken = 1; taken <= count; ++taken) {
      amqp_envelope_t envelope;
      amqp_maybe_release_buffers(state_);
      require(normal(amqp_consume_message(state_, &envelope, nullptr, 0)), "the broker hands over no more");
      size += envelope.message.body.len;
      if (taken % kRange == 0 || taken == count)
        require(amqp_basic_ack(state_, kChannel, envelope.delivery_tag, 1) == AMQP_STATUS_OK, "cannot acknowledge");
      amqp_destroy_envelope(&envelope);
    }
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
    std::printf("{\"wall_s\": %.6f, \"cpu_s\": %.6f, \"bytes\": %llu}\n", wall.count(), processor_s() - processor,
                static_cast<unsigned long long>(size));
  }

 private:
  static bool normal(const amqp_rpc_reply_t& reply) { return reply.reply_type == AMQP_RESPONSE_NORMAL; }

  // All up to this one are confirmed, or some of those before are still to be: the broker confirms in order here, as
  // one queue on one node.
  std::uint64_t next_confirmation() {
    amqp_frame_t frame;
    amqp_maybe_release_buffers(state_);
    require(amqp_simple_wait_frame(state_, &frame) == AMQP_STATUS_OK, "the connection is lost");
    require(frame.frame_type == AMQP_FRAME_METHOD && frame.payload.method.id == AMQP_BASIC_ACK_METHOD, "not confirmed");
    return static_cast<amqp_basic_ack_t*>(frame.payload.method.decoded)->delivery_tag;
  }

  amqp_connection_state_t state_;
};

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (argc == 5 && what == "fill") {
    Broker(std::atoi(argv[2])).fill(argv[3], argv[4]);
  } else if (argc == 6 && what == "trickle") {
    Broker(std::atoi(argv[2])).fill(argv[3], argv[4], std::atoi(argv[5]));
  } else if (argc == 6 && what == "drain") {
    Broker(std::atoi(argv[2]))
        .drain(argv[3], std::strtoull(argv[4], nullptr, 10), static_cast<std::uint16_t>(std::atoi(argv[5])));
  } else {
    fail("usage: fill PORT QUEUE FILE | drain PORT QUEUE COUNT PREFETCH | trickle PORT QUEUE FILE PAUSE_MS");
  }
  return 0;
}
