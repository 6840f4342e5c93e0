// Transport "amqp": RabbitMQ, and OpenStack's notifications on it; consumer, sender, or both.
// Not for what is in a message.
#include <sys/eventfd.h>
#include <unistd.h>

#include <poll.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <tally/plugin.h>

#include "consumer.h"
#include "options.h"
#include "publisher.h"

namespace tally::amqp {
namespace {

class Amqp : public Transport {
 public:
  explicit Amqp(const Config& config)
      : options_(Options::read(config)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!wake_) throw Error::transient("cannot make an event descriptor: " + system_error_text(errno));
  }

  void consume(std::uint32_t prefetch) override {
    if (consumer_) return;
    consumer_ = std::make_unique<Consumer>(options_.connection, options_.consumer, prefetch, counts_);
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
    if (!publisher_) publisher_.emplace(options_.connection, options_.publisher, counts_);
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
    Inspection(options_.connection, Clock::now() + std::chrono::milliseconds(timeout_ms)).tell(options_.known, queues);
  }

  void unsubscribe(std::uint32_t timeout_ms, const QueueSink& queues) override {
    Inspection(options_.connection, Clock::now() + std::chrono::milliseconds(timeout_ms))
        .remove(options_.known, queues);
  }

  void rewind(std::int64_t, bool, std::uint32_t, const RewindSink&) override {
    throw Error::permanent(
        "RabbitMQ keeps nothing that was acknowledged, so there is nothing to read again. What can be done: have the "
        "services announce once more what exists, or send what another consumer or a journal has kept by tally send "
        "notification (doc/restore.md)");
  }

 private:
  Options options_;
  Fd wake_;
  Counts counts_;
  std::unique_ptr<Consumer> consumer_;
  std::optional<Publisher> publisher_;
};

}  // namespace
}  // namespace tally::amqp

// clang-format off
TALLY_PLUGIN(tally::amqp::Amqp, {
  "name": "amqp", "version": "0.1.0",
  "summary": "RabbitMQ (AMQP 0-9-1), and OpenStack's notifications on it",
  "roles": [{"role": "transport", "name": "amqp", "schemes": ["amqp", "amqps", "rabbit", "kombu"],
             "summary": "RabbitMQ: the queues that services make, or durable ones of our own",
             "query": [
               {"key": "ssl", "type": "boolean", "help": "TLS"},
               {"key": "rabbit_use_ssl", "type": "boolean", "help": "the same"},
               {"key": "ssl_version", "choices": ["TLSv1_2", "TLSv1_3", "SSLv23", "tlsv1_2", "tlsv1_3", "sslv23"],
                "help": "TLSv1_2 or TLSv1_3 alone, SSLv23: the best that both sides have"},
               {"key": "kombu_ssl_version", "choices": ["TLSv1_2", "TLSv1_3", "SSLv23", "tlsv1_2", "tlsv1_3", "sslv23"],
                "help": "the same"},
               {"key": "ssl_ca_file", "type": "path", "help": "as tls_ca"},
               {"key": "kombu_ssl_ca_certs", "type": "path", "help": "the same"},
               {"key": "ssl_cert_file", "type": "path", "help": "as tls_cert"},
               {"key": "kombu_ssl_certfile", "type": "path", "help": "the same"},
               {"key": "ssl_key_file", "type": "path", "help": "as tls_key"},
               {"key": "kombu_ssl_keyfile", "type": "path", "help": "the same"},
               {"key": "ssl_verify", "type": "boolean", "help": "as tls_verify"},
               {"key": "ssl_verify_peer", "type": "boolean", "help": "the same"},
               {"key": "ssl_enforce_hostname_verification", "type": "boolean", "help": "as tls_verify_name"},
               {"key": "ssl_verify_hostname", "type": "boolean", "help": "the same"},
               {"key": "heartbeat_timeout_threshold", "type": "integer", "min": 0, "max": 3600, "help": "as heartbeat, in seconds"},
               {"key": "amqp_auto_delete", "help": "of oslo.messaging; without effect here"},
               {"key": "amqp_durable_queues", "help": "of oslo.messaging; without effect here"},
               {"key": "conn_pool_min_size", "help": "of oslo.messaging; without effect here"},
               {"key": "conn_pool_ttl", "help": "of oslo.messaging; without effect here"},
               {"key": "direct_mandatory_flag", "help": "of oslo.messaging; without effect here"},
               {"key": "enable_cancel_on_failover", "help": "of oslo.messaging; without effect here"},
               {"key": "heartbeat_in_pthread", "help": "of oslo.messaging; without effect here"},
               {"key": "heartbeat_rate", "help": "of oslo.messaging; without effect here"},
               {"key": "hostname", "help": "of oslo.messaging; without effect here"},
               {"key": "kombu_compression", "help": "of oslo.messaging; without effect here"},
               {"key": "kombu_failover_strategy", "help": "of oslo.messaging; without effect here"},
               {"key": "kombu_missing_consumer_retry_timeout", "help": "of oslo.messaging; without effect here"},
               {"key": "kombu_reconnect_delay", "help": "of oslo.messaging; without effect here"},
               {"key": "kombu_reconnect_splay", "help": "of oslo.messaging; without effect here"},
               {"key": "kombu_reconnect_timeout", "help": "of oslo.messaging; without effect here"},
               {"key": "processname", "help": "of oslo.messaging; without effect here"},
               {"key": "rabbit_durable_queues", "help": "of oslo.messaging; without effect here"},
               {"key": "rabbit_ha_queues", "help": "of oslo.messaging; without effect here"},
               {"key": "rabbit_interval_max", "help": "of oslo.messaging; without effect here"},
               {"key": "rabbit_max_retries", "help": "of oslo.messaging; without effect here"},
               {"key": "rabbit_qos_prefetch_count", "help": "of oslo.messaging; without effect here"},
               {"key": "rabbit_quorum_delivery_limit", "help": "of oslo.messaging; without effect here"},
               {"key": "rabbit_quorum_max_memory_bytes", "help": "of oslo.messaging; without effect here"},
               {"key": "rabbit_quorum_max_memory_length", "help": "of oslo.messaging; without effect here"},
               {"key": "rabbit_quorum_queue", "help": "of oslo.messaging; without effect here"},
               {"key": "rabbit_quroum_max_memory_bytes", "help": "of oslo.messaging; without effect here"},
               {"key": "rabbit_quroum_max_memory_length", "help": "of oslo.messaging; without effect here"},
               {"key": "rabbit_retry_backoff", "help": "of oslo.messaging; without effect here"},
               {"key": "rabbit_retry_interval", "help": "of oslo.messaging; without effect here"},
               {"key": "rabbit_stream_fanout", "help": "of oslo.messaging; without effect here"},
               {"key": "rabbit_transient_queues_ttl", "help": "of oslo.messaging; without effect here"},
               {"key": "rabbit_transient_quorum_queue", "help": "of oslo.messaging; without effect here"},
               {"key": "rpc_conn_pool_size", "help": "of oslo.messaging; without effect here"}],
             "config": [
               {"key": "topics", "type": "list", "default": ["notifications"],
                "help": "oslo.messaging's notification topics to consume"},
               {"key": "priorities", "type": "list",
                "default": ["audit", "debug", "info", "warn", "error", "critical", "sample"],
                "help": "each topic's queues TOPIC.PRIORITY to consume; one that is absent is waited for"},
               {"key": "queues", "type": "string", "default": "services", "choices": ["services", "own"],
                "help": "services: those that services make; own: one of ours a topic, bound to the exchanges, beside other consumers"},
               {"key": "queue_names", "type": "list", "default": [],
                "help": "exactly these queues, in place of topics and priorities"},
               {"key": "exchanges", "type": "list",
                "default": ["nova", "glance", "neutron", "cinder", "heat", "keystone", "trove", "zaqar", "swift", "ceilometer",
                            "magnum", "dns", "ironic", "aodh"],
                "help": "with queues: own, the services' exchanges to bind to; one that is absent is waited for"},
               {"key": "own_prefix", "type": "string", "default": "tally.", "help": "begins the names of our own queues"},
               {"key": "own_type", "type": "string", "default": "quorum", "choices": ["quorum", "classic"],
                "help": "what our own queues are made as"},
               {"key": "own_length", "type": "integer", "default": 1000000, "min": 0,
                "help": "most messages in one of our own queues; 0: no limit"},
               {"key": "own_bytes", "type": "bytes", "default": "1GiB", "min": 0,
                "help": "most bytes of bodies in one of our own queues; 0: no limit"},
               {"key": "own_overflow", "type": "string", "default": "drop-head", "choices": ["drop-head", "reject-publish"],
                "help": "what a full queue of ours does: drops its oldest, or refuses, which services that await confirmation feel"},
               {"key": "own_deliveries", "type": "integer", "default": 1000, "min": 0,
                "help": "a quorum queue of ours drops a message that came back so often unsettled; 0: the broker's own limit"},
               {"key": "prefetch", "type": "integer", "default": 10000, "min": 1, "max": 65535,
                "help": "most messages of one queue that are on the way or unsettled; never more than the collector takes"},
               {"key": "look_again", "type": "duration", "default": "30s", "min": "50ms",
                "help": "between looks for a queue or an exchange that is absent"},
               {"key": "depth_every", "type": "duration", "default": "15s", "min": "0s", "max": "1h",
                "help": "between looks at how many messages wait in each queue, for the metrics; 0: never"},
               {"key": "max_message", "type": "bytes", "default": "64MiB", "min": 1, "max": "128MiB",
                "help": "longest message; of a longer one only the beginning is taken, which makes a dead letter"},
               {"key": "buffer", "type": "bytes", "default": "64MiB", "min": "64KiB",
                "help": "read and not yet handed over; the rest stays with the broker"},
               {"key": "heartbeat", "type": "duration", "default": "60s", "min": "0s", "max": "1h",
                "help": "offered to the broker; two of silence end a connection; 0: none"},
               {"key": "connect_timeout", "type": "duration", "default": "5s", "min": "100ms", "max": "60s",
                "help": "to connect to one host, and again to log in"},
               {"key": "retry_first", "type": "duration", "default": "100ms", "min": "10ms", "max": "1h",
                "help": "pause after all hosts have failed, doubled each time, cut by chance to between half and whole"},
               {"key": "retry_last", "type": "duration", "default": "30s", "min": "10ms", "max": "1h",
                "help": "longest such pause"},
               {"key": "exchange", "type": "string", "default": "ceilometer",
                "help": "exchange to publish to; made as a topic exchange where there is none"},
               {"key": "durable", "type": "boolean", "default": true,
                "help": "whether what publishing has to make outlives the broker; what is there is used as it is"},
               {"key": "tls", "type": "boolean", "default": false,
                "help": "whether TLS is done where the URL does not say (amqps://, ssl=1, ssl=0)"},
               {"key": "tls_verify", "type": "boolean", "default": true,
                "help": "whether the broker's certificate and name are checked"},
               {"key": "tls_verify_name", "type": "boolean", "default": true,
                "help": "with tls_verify: whether the certificate must be for the host's name or address"},
               {"key": "tls_ca", "type": "path", "default": "",
                "help": "certificates to trust, PEM; empty: the system's"},
               {"key": "tls_cert", "type": "path", "default": "", "help": "our certificate, PEM; empty: none"},
               {"key": "tls_key", "type": "path", "default": "", "help": "its key, PEM; empty: in tls_cert"}]}]})
