// What the kafka transport's tests share: the transport under test, topics and a group of one test alone, a raw client.
// Not for the tests themselves.
#ifndef TALLY_KAFKA_TEST_RIG_H
#define TALLY_KAFKA_TEST_RIG_H

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "support/transport_rig.h"

namespace tally::plugin {

using Options = std::vector<std::pair<std::string, std::string>>;

// $TALLY_TEST_KAFKA, "host:port".
std::string brokers();

// A transport under test, its topics prefixed, so that topics and group are of one test alone.
class KafkaRig : public TransportRig {
 public:
  KafkaRig();

  std::unique_ptr<TransportDriver> make() override { return make({}); }
  std::unique_ptr<TransportDriver> make(const Options& more);
  // As make, for a URL of its own; the status where it cannot be made.
  absl::StatusOr<std::unique_ptr<TransportDriver>> open(const std::string& url, const Options& more);
  bool takes_without_consumer() const override { return true; }
  std::string topic_of(const std::string& topic) const override { return prefix + topic; }

  std::string prefix;
};

// Another client of the same brokers, that does one thing after the other.
class RawClient {
 public:
  RawClient();
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  void create_topic(const std::string& name, int partitions);
  // `at_ms`: the message's time; 0: now.
  void publish(const std::string& topic, int partition, const std::string& body, std::int64_t at_ms = 0);
  // All before `offset` goes, as retention takes it.
  void delete_before(const std::string& topic, int partition, std::int64_t offset);
  // For a group that nobody is in.
  void commit(const std::string& group, const std::string& topic, int partition, std::int64_t offset);
  // What a group has committed; -1: nothing.
  std::int64_t committed(const std::string& group, const std::string& topic, int partition);

 private:
  rd_kafka_t* producer_;
};

class KafkaTest : public testing::Test {
 protected:
  KafkaTest();

  template <class Done>
  void pump(TransportDriver& transport, Done&& done, std::uint32_t max_messages = 100) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done() && std::chrono::steady_clock::now() < deadline) {
      last_ = transport.service(max_messages, 20, events_);
      ASSERT_TRUE(is_well(last_) || last_.code() == kTransient || last_.code() == kPermanent) << last_;
    }
    ASSERT_TRUE(done());
  }

  std::string topic(const std::string& priority = "info") const { return rig_.prefix + "notifications." + priority; }
  std::string group() const { return rig_.prefix + "group"; }

  static void settle(TransportDriver& transport, const std::vector<Message>& messages,
                     Settle action = Settle::acknowledge) {
    std::vector<Settlement> settlements;
    for (const Message& message : messages) settlements.push_back({message.delivery, action});
    ASSERT_TRUE(transport.settle(settlements).ok());
  }

  KafkaRig rig_;
  RawClient raw_;
  ServiceEvents events_;
  absl::Status last_;
  std::vector<Message> got_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> lost_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> closing_;
  std::map<std::string, std::uint64_t> counts_;
  std::map<std::string, Queue> depths_;  // as told last
};

}  // namespace tally::plugin

#endif
