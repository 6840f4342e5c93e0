// librdkafka's settings by their own names, and the library's objects as owners.
// Not for which settings are ours: options.cc says that.
#ifndef TALLY_KAFKA_SETTINGS_H
#define TALLY_KAFKA_SETTINGS_H

#include <librdkafka/rdkafka.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "url.h"

namespace tally::kafka {

struct Destroy {
  void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
  void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
  void operator()(rd_kafka_topic_partition_list_t* list) const { rd_kafka_topic_partition_list_destroy(list); }
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
  void operator()(rd_kafka_error_t* error) const { rd_kafka_error_destroy(error); }
  void operator()(rd_kafka_event_t* event) const { rd_kafka_event_destroy(event); }
};

using Conf = std::unique_ptr<rd_kafka_conf_t, Destroy>;
using EventQueue = std::unique_ptr<rd_kafka_queue_t, Destroy>;
using Partitions = std::unique_ptr<rd_kafka_topic_partition_list_t, Destroy>;
using KafkaMessage = std::unique_ptr<rd_kafka_message_t, Destroy>;
using KafkaError = std::unique_ptr<rd_kafka_error_t, Destroy>;
using Event = std::unique_ptr<rd_kafka_event_t, Destroy>;

inline Partitions make_partitions(int size = 0) { return Partitions(rd_kafka_topic_partition_list_new(size)); }

inline std::span<rd_kafka_topic_partition_t> each(const rd_kafka_topic_partition_list_t* list) {
  return {list->elems, static_cast<std::size_t>(list->cnt)};
}

// What an error that the library hands over says; empty: it is none.
inline std::string text_of(rd_kafka_error_t* error) {
  const KafkaError owner(error);
  return error == nullptr ? std::string() : rd_kafka_error_string(error);
}

// Whether a setting's value must not be shown.
bool is_secret(std::string_view name);

// Throws tally::Error, permanent, that names the setting librdkafka does not know or whose value it does not take;
// never with a secret.
Conf make_conf(const std::vector<Setting>& settings);

}  // namespace tally::kafka

#endif
