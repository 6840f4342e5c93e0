// The floor of what Kafka can hand over: `bench-kafka fill SERVER TOPIC FILE` publishes each line, confirmed; `drain
// SERVER TOPIC PARTITIONS COUNT` takes as many messages and does nothing but count. Each prints one JSON object.
// Not for judging the figures: run.py does.
#include <librdkafka/rdkafka.h>
#include <sys/resource.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr std::size_t kAtOnce = 1000;
constexpr int kWait_ms = 60'000;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "bench-kafka: %s\n", what.c_str());
  std::exit(1);
}

double processor_s() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

using Client = std::unique_ptr<rd_kafka_t, decltype(&rd_kafka_destroy)>;

void reported(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) fail(std::string("not confirmed: ") + rd_kafka_err2str(message->err));
}

Client make(rd_kafka_type_t type, const std::vector<std::pair<const char*, std::string>>& settings) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  std::array<char, 512> why{};
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf, name, value.c_str(), why.data(), why.size()) != RD_KAFKA_CONF_OK) fail(why.data());
  }
  if (type == RD_KAFKA_PRODUCER) rd_kafka_conf_set_dr_msg_cb(conf, reported);
  rd_kafka_t* client = rd_kafka_new(type, conf, why.data(), why.size());
  if (client == nullptr) fail(why.data());
  return {client, rd_kafka_destroy};
}

void fill(const std::string& server, const std::string& topic, const std::string& path) {
  const Client client = make(RD_KAFKA_PRODUCER, {{"bootstrap.servers", server},
                                                 {"acks", "all"},
                                                 {"linger.ms", "20"},
                                                 {"sticky.partitioning.linger.ms", "50"},
                                                 {"queue.buffering.max.messages", "50000"}});
  std::ifstream lines(path);
  std::uint64_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    while (true) {
      const auto error =
          rd_kafka_producev(client.get(), RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_VALUE(line.data(), line.size()),
                            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
      if (error == RD_KAFKA_RESP_ERR_NO_ERROR) break;
      if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) fail(rd_kafka_err2str(error));
      rd_kafka_poll(client.get(), 100);
    }
    rd_kafka_poll(client.get(), 0);
  }
  if (rd_kafka_flush(client.get(), kWait_ms) != RD_KAFKA_RESP_ERR_NO_ERROR) fail("not all are confirmed");
  std::printf("{\"messages\": %llu}\n", static_cast<unsigned long long>(count));
}

// Of all partitions from their begin. The time counts from the first message on.
void drain(const std::string& server, const std::string& topic, int partitions, std::uint64_t count) {
  const Client client = make(RD_KAFKA_CONSUMER, {{"bootstrap.servers", server},
                                                 {"group.id", "bench"},
                                                 {"enable.auto.commit", "false"},
                                                 {"enable.auto.offset.store", "false"},
                                                 {"queued.max.messages.kbytes", "65536"}});
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(partitions);
  for (int partition = 0; partition < partitions; ++partition) {
    rd_kafka_topic_partition_list_add(list, topic.c_str(), partition)->offset = RD_KAFKA_OFFSET_BEGINNING;
  }
  rd_kafka_queue_t* queue = rd_kafka_queue_get_consumer(client.get());
  if (rd_kafka_assign(client.get(), list) != RD_KAFKA_RESP_ERR_NO_ERROR) fail("cannot take the partitions");
  rd_kafka_topic_partition_list_destroy(list);
  const double processor = processor_s();
  std::chrono::steady_clock::time_point start;
  std::uint64_t taken = 0, size = 0;
  std::array<rd_kafka_message_t*, kAtOnce> batch{};
  while (taken < count) {
    const auto got = rd_kafka_consume_batch_queue(queue, kWait_ms, batch.data(), batch.size());
    if (got <= 0) fail("the broker hands over no more");
    if (taken == 0) start = std::chrono::steady_clock::now();
    for (rd_kafka_message_t* one : std::span(batch.data(), static_cast<std::size_t>(got))) {
      if (one->err != RD_KAFKA_RESP_ERR_NO_ERROR) fail(rd_kafka_message_errstr(one));
      size += one->len;
      ++taken;
      rd_kafka_message_destroy(one);
    }
  }
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  std::printf("{\"wall_s\": %.6f, \"cpu_s\": %.6f, \"bytes\": %llu}\n", wall.count(), processor_s() - processor,
              static_cast<unsigned long long>(size));
  rd_kafka_queue_destroy(queue);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (argc == 5 && what == "fill") {
    fill(argv[2], argv[3], argv[4]);
  } else if (argc == 6 && what == "drain") {
    drain(argv[2], argv[3], std::atoi(argv[4]), std::strtoull(argv[5], nullptr, 10));
  } else {
    fail("usage: fill SERVER TOPIC FILE | drain SERVER TOPIC PARTITIONS COUNT");
  }
  return 0;
}
