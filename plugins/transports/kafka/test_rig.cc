#include "test_rig.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <filesystem>

#include "plugin/call/adapters.h"
#include "plugin/catalog/catalog.h"

namespace tally::plugin {
namespace {

namespace fs = std::filesystem;

// Puts a prefix before the topics that it publishes.
class Prefixed : public TransportDriver {
 public:
  Prefixed(std::unique_ptr<TransportDriver> inner, std::string prefix)
      : inner_(std::move(inner)), prefix_(std::move(prefix)) {}

  absl::Status consume(std::uint32_t prefetch) override { return inner_->consume(prefetch); }
  absl::Status service(std::uint32_t max_messages, std::uint32_t timeout_ms, const ServiceEvents& events) override {
    return inner_->service(max_messages, timeout_ms, events);
  }
  absl::Status settle(std::span<const Settlement> settlements) override { return inner_->settle(settlements); }
  absl::StatusOr<std::vector<absl::Status>> publish(std::span<const Outgoing> messages,
                                                    std::uint32_t timeout_ms) override {
    std::vector<Outgoing> renamed(messages.begin(), messages.end());
    for (Outgoing& message : renamed) message.topic = prefix_ + message.topic;
    return inner_->publish(renamed, timeout_ms);
  }
  void wake() override { inner_->wake(); }
  absl::Status stop() override { return inner_->stop(); }
  absl::Status inspect(std::uint32_t timeout_ms, const TakeQueue& queues) override {
    return inner_->inspect(timeout_ms, queues);
  }
  absl::Status rewind(Time to, bool dry_run, std::uint32_t timeout_ms, const TakeRewound& rewinds) override {
    return inner_->rewind(to, dry_run, timeout_ms, rewinds);
  }

 private:
  std::unique_ptr<TransportDriver> inner_;
  std::string prefix_;
};

rd_kafka_t* make_client(rd_kafka_type_t type, const std::string& group = "raw") {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  std::array<char, 512> why{};
  rd_kafka_conf_set(conf, "bootstrap.servers", brokers().c_str(), why.data(), why.size());
  if (type == RD_KAFKA_CONSUMER) rd_kafka_conf_set(conf, "group.id", group.c_str(), why.data(), why.size());
  rd_kafka_t* made = rd_kafka_new(type, conf, why.data(), why.size());
  EXPECT_NE(made, nullptr) << why.data();
  return made;
}

}  // namespace

std::string brokers() {
  const char* found = std::getenv("TALLY_TEST_KAFKA");
  return found == nullptr ? "no-broker-in-TALLY_TEST_KAFKA" : found;
}

KafkaRig::KafkaRig() {
  static std::atomic<int> made = 0;
  prefix = "t" + std::to_string(::getpid()) + "x" + std::to_string(++made) + ".";
}

std::unique_ptr<TransportDriver> KafkaRig::make(const Options& more) {
  auto made = open("kafka://" + brokers() + "/", more);
  EXPECT_TRUE(made.ok()) << made.status();
  return made.ok() ? *std::move(made) : nullptr;
}

absl::StatusOr<std::unique_ptr<TransportDriver>> KafkaRig::open(const std::string& url, const Options& more) {
  const std::vector<fs::path> folders = {std::getenv("TALLY_TEST_PLUGINS")};
  Catalog catalog = Catalog::scan(folders);  // each time: an entry that failed once stays so
  Entry* entry = catalog.find_scheme(Role::transport, "kafka");
  if (entry == nullptr) return absl::NotFoundError("no module for kafka:// in $TALLY_TEST_PLUGINS");
  const Options defaults = {{"look_again", "0.2"},
                            {"commit_every", "0.1"},
                            {"group", prefix + "group"},
                            {"settings", R"(["heartbeat.interval.ms=200", "reconnect.backoff.max.ms=500"])"},
                            {"topics", "[\"" + prefix + "notifications\"]"}};
  Options options = more;  // the first of a key counts
  options.insert(options.end(), defaults.begin(), defaults.end());
  auto made = make_transport(*entry, {options, url, "testhost"});
  if (!made.ok()) return made.status();
  return std::make_unique<Prefixed>(*std::move(made), prefix);
}

// --- a raw client --------------------------------------------------------------------------------------------------

RawClient::RawClient() : producer_(make_client(RD_KAFKA_PRODUCER)) {}

RawClient::~RawClient() { rd_kafka_destroy(producer_); }

void RawClient::create_topic(const std::string& name, int partitions) {
  rd_kafka_NewTopic_t* topic = rd_kafka_NewTopic_new(name.c_str(), partitions, 1, nullptr, 0);
  rd_kafka_queue_t* queue = rd_kafka_queue_new(producer_);
  rd_kafka_CreateTopics(producer_, &topic, 1, nullptr, queue);
  rd_kafka_event_t* event = rd_kafka_queue_poll(queue, 20000);
  ASSERT_NE(event, nullptr);
  EXPECT_EQ(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR) << rd_kafka_event_error_string(event);
  rd_kafka_event_destroy(event);
  rd_kafka_queue_destroy(queue);
  rd_kafka_NewTopic_destroy(topic);
}

void RawClient::publish(const std::string& topic, int partition, const std::string& body, std::int64_t at_ms) {
  const auto error =
      rd_kafka_producev(producer_, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(partition),
                        RD_KAFKA_V_TIMESTAMP(at_ms), RD_KAFKA_V_VALUE(const_cast<char*>(body.data()), body.size()),
                        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
  ASSERT_EQ(error, RD_KAFKA_RESP_ERR_NO_ERROR) << rd_kafka_err2str(error);
  ASSERT_EQ(rd_kafka_flush(producer_, 20000), RD_KAFKA_RESP_ERR_NO_ERROR);
}

void RawClient::delete_before(const std::string& topic, int partition, std::int64_t offset) {
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, topic.c_str(), partition)->offset = offset;
  rd_kafka_DeleteRecords_t* wish = rd_kafka_DeleteRecords_new(list);
  rd_kafka_queue_t* queue = rd_kafka_queue_new(producer_);
  rd_kafka_DeleteRecords(producer_, &wish, 1, nullptr, queue);
  rd_kafka_event_t* event = rd_kafka_queue_poll(queue, 20000);
  ASSERT_NE(event, nullptr);
  EXPECT_EQ(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR) << rd_kafka_event_error_string(event);
  rd_kafka_event_destroy(event);
  rd_kafka_queue_destroy(queue);
  rd_kafka_DeleteRecords_destroy(wish);
  rd_kafka_topic_partition_list_destroy(list);
}

void RawClient::commit(const std::string& group, const std::string& topic, int partition, std::int64_t offset) {
  rd_kafka_t* writer = make_client(RD_KAFKA_CONSUMER, group);
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, topic.c_str(), partition)->offset = offset;
  EXPECT_EQ(rd_kafka_commit(writer, list, 0), RD_KAFKA_RESP_ERR_NO_ERROR);
  rd_kafka_topic_partition_list_destroy(list);
  rd_kafka_destroy(writer);
}

std::int64_t RawClient::committed(const std::string& group, const std::string& topic, int partition) {
  rd_kafka_t* asker = make_client(RD_KAFKA_CONSUMER, group);
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, topic.c_str(), partition);
  EXPECT_EQ(rd_kafka_committed(asker, list, 20000), RD_KAFKA_RESP_ERR_NO_ERROR);
  const std::int64_t offset = list->elems[0].offset;
  rd_kafka_topic_partition_list_destroy(list);
  rd_kafka_destroy(asker);
  return offset < 0 ? -1 : offset;
}

KafkaTest::KafkaTest() {
  events_.message = [this](Message got) { got_.push_back(std::move(got)); };
  events_.lane_lost = [this](std::uint64_t lane, std::uint64_t generation) { lost_.emplace_back(lane, generation); };
  events_.lane_closing = [this](std::uint64_t lane, std::uint64_t generation, std::int64_t) {
    closing_.emplace_back(lane, generation);
  };
  events_.counted = [this](std::string_view what, std::uint64_t total) { counts_[std::string(what)] = total; };
  events_.queue = [this](const Queue& queue) { depths_[queue.name] = queue; };
}

}  // namespace tally::plugin
