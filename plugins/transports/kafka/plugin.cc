// Transport "kafka": Apache Kafka, and OpenStack's notifications on it; consumer, sender, or both.
// Not for what is in a message.
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <tally/plugin.h>

#include "consumer.h"
#include "inspection.h"
#include "options.h"
#include "publisher.h"
#include "rewind.h"

namespace tally::kafka {
namespace {

class Kafka : public Transport {
 public:
  explicit Kafka(const Config& config)
      : options_(Options::read(config)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!wake_) throw Error::transient("cannot make an event descriptor: " + system_error_text(errno));
  }

  void consume(std::uint32_t prefetch) override {
    if (!consumer_) consumer_ = std::make_unique<Consumer>(options_.group, prefetch, counts_);
  }

  void service(std::uint32_t max_messages, std::uint32_t timeout_ms, const TransportEvents& events) override {
    if (publisher_) publisher_->keep_alive();
    std::optional<Error> away;
    try {
      if (consumer_) {
        consumer_->service(max_messages, timeout_ms, wake_.get(), events);
      } else {
        pollfd watched{wake_.get(), POLLIN, 0};
        static_cast<void>(::poll(&watched, 1, static_cast<int>(std::min<std::uint32_t>(timeout_ms, 60'000))));
      }
    } catch (const Error& error) {
      away = error;
    }
    std::uint64_t count = 0;
    static_cast<void>(::read(wake_.get(), &count, sizeof count) > 0);
    counts_.tell(events);
    if (away) throw Error(*away);
  }

  void settle(std::span<const Settlement> settlements) override {
    if (consumer_) consumer_->settle(settlements);
  }

  void publish(std::span<const OutgoingView> messages, std::uint32_t timeout_ms, std::span<Outcome> results) override {
    if (!publisher_) publisher_.emplace(options_.publisher, counts_);
    publisher_->publish(messages, timeout_ms, results);
  }

  void wake() override {
    const std::uint64_t one = 1;
    static_cast<void>(::write(wake_.get(), &one, sizeof one) > 0);
  }

  void stop() override {
    if (consumer_) consumer_->stop();
  }

  void inspect(std::uint32_t timeout_ms, const QueueSink& queues) override {
    Inspection(options_.group, Clock::now() + std::chrono::milliseconds(timeout_ms)).tell(queues);
  }

  void rewind(std::int64_t time_us, bool dry_run, std::uint32_t timeout_ms, const RewindSink& rewinds) override {
    Rewind(options_.group, Clock::now() + std::chrono::milliseconds(timeout_ms)).run({time_us}, dry_run, rewinds);
  }

 private:
  Options options_;
  Fd wake_;
  Counts counts_;
  std::unique_ptr<Consumer> consumer_;
  std::optional<Publisher> publisher_;
};

}  // namespace
}  // namespace tally::kafka

// clang-format off
TALLY_PLUGIN(tally::kafka::Kafka, {
  "name": "kafka", "version": "0.1.0",
  "summary": "Apache Kafka, and OpenStack's notifications on it",
  "roles": [{"role": "transport", "name": "kafka", "schemes": ["kafka", "kafkas"],
             "summary": "Apache Kafka: a consumer group over the topics that services write, and a confirmed sender",
             "query": [
               {"key": "topics", "type": "list", "help": "as the key, after commas"},
               {"key": "priorities", "type": "list", "help": "as the key, after commas"},
               {"key": "topic_names", "type": "list", "help": "as the key, after commas"},
               {"key": "group", "help": "as the key"},
               {"key": "consumer_group", "help": "the same, oslo.messaging's name"},
               {"key": "*.*", "help": "any of librdkafka's settings under its own name"},
               {"key": "debug", "help": "of librdkafka"},
               {"key": "partitioner", "help": "of librdkafka"},
               {"key": "retries", "help": "of librdkafka"},
               {"key": "security_protocol", "choices": ["PLAINTEXT", "SASL_PLAINTEXT", "SSL", "SASL_SSL"],
                "help": "oslo.messaging's name of security.protocol"},
               {"key": "sasl_mechanism", "help": "of sasl.mechanisms"},
               {"key": "ssl_cafile", "type": "path", "help": "of ssl.ca.location"},
               {"key": "ssl_client_cert_file", "type": "path", "help": "of ssl.certificate.location"},
               {"key": "ssl_client_key_file", "type": "path", "help": "of ssl.key.location"},
               {"key": "ssl_client_key_password", "secret": true, "help": "of ssl.key.password"},
               {"key": "compression_codec", "choices": ["none", "gzip", "snappy", "lz4", "zstd"], "help": "of compression.codec"},
               {"key": "kafka_max_fetch_bytes", "type": "integer", "min": 1, "help": "of fetch.message.max.bytes"},
               {"key": "producer_batch_size", "type": "integer", "min": 1, "help": "of batch.size"},
               {"key": "producer_batch_timeout", "help": "of oslo.messaging; without effect here"},
               {"key": "kafka_consumer_timeout", "help": "of oslo.messaging; without effect here"},
               {"key": "enable_auto_commit", "help": "of oslo.messaging; without effect here"},
               {"key": "max_poll_records", "help": "of oslo.messaging; without effect here"},
               {"key": "pool_size", "help": "of oslo.messaging; without effect here"},
               {"key": "conn_pool_min_size", "help": "of oslo.messaging; without effect here"},
               {"key": "conn_pool_ttl", "help": "of oslo.messaging; without effect here"}],
             "config": [
               {"key": "topics", "type": "list", "default": ["notifications"],
                "help": "oslo.messaging's notification topics to consume; an entry that begins with ^ is a regular expression over whole names"},
               {"key": "priorities", "type": "list",
                "default": ["audit", "debug", "info", "warn", "error", "critical", "sample"],
                "help": "each topic's Kafka topics TOPIC.PRIORITY to consume; one that is absent is waited for"},
               {"key": "topic_names", "type": "list", "default": [],
                "help": "exactly these Kafka topics, or regular expressions ^…, in place of topics and priorities"},
               {"key": "group", "type": "string", "default": "tally",
                "help": "consumer group; collectors of one group share the partitions"},
               {"key": "lost_offset", "type": "string", "default": "stop", "choices": ["stop", "earliest"],
                "help": "when the broker has not the message that comes next: stop: the partition halts with its reason; earliest: go on from the oldest that is there, counted"},
               {"key": "commit_every", "type": "duration", "default": "1s", "min": "10ms", "max": "1m",
                "help": "between commits of what is stored"},
               {"key": "revoke_wait", "type": "duration", "default": "5s", "min": "0s", "max": "1m",
                "help": "to store what was taken of a partition before it is given up to another collector"},
               {"key": "look_again", "type": "duration", "default": "30s", "min": "50ms", "max": "1h",
                "help": "between looks for topics that are absent or new"},
               {"key": "depth_every", "type": "duration", "default": "15s", "min": "0s", "max": "1h",
                "help": "between looks at how many messages of each partition are not settled, for the metrics; 0: never"},
               {"key": "buffer", "type": "bytes", "default": "64MiB", "min": "64KiB", "max": "1GiB",
                "help": "fetched and not yet handed over; for a sender, queued and not yet confirmed"},
               {"key": "tls_verify", "type": "boolean", "default": true,
                "help": "whether the brokers' certificates and names are checked"},
               {"key": "tls_ca", "type": "path", "default": "",
                "help": "certificates to trust, PEM; empty: the system's"},
               {"key": "tls_cert", "type": "path", "default": "", "help": "our certificate, PEM; empty: none"},
               {"key": "tls_key", "type": "path", "default": "", "help": "its key, PEM"},
               {"key": "settings", "type": "list", "default": [],
                "help": "any of librdkafka's settings under its own name, NAME=VALUE"},
               {"key": "secret_settings", "type": "string", "default": "", "secret": true,
                "help": "the same for secrets, one a line; best {file: …}"}]}]})
