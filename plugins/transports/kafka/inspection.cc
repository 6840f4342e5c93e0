#include "inspection.h"

#include <regex.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <span>

#include <tally/sdk/error.h>

namespace tally::kafka {
namespace {

std::string setting(const std::vector<Setting>& settings, std::string_view name) {
  const auto found = std::find_if(settings.begin(), settings.end(), [&](const auto& one) { return one.first == name; });
  return found == settings.end() ? std::string() : found->second;
}

// As librdkafka reads it.
bool matches(const std::string& pattern, const std::string& topic) {
  regex_t compiled;
  if (::regcomp(&compiled, pattern.c_str(), REG_EXTENDED | REG_NOSUB) != 0) return false;
  const bool found = ::regexec(&compiled, topic.c_str(), 0, nullptr, 0) == 0;
  ::regfree(&compiled);
  return found;
}

}  // namespace

Inspection::Inspection(GroupOptions options, Clock::time_point deadline)
    : options_(std::move(options)),
      group_(setting(options_.settings, "group.id")),
      deadline_(deadline),
      client_(RD_KAFKA_CONSUMER, options_.settings, *this, counts_) {}

int Inspection::left() const {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
  return static_cast<int>(std::max<std::int64_t>(left, 1));
}

bool Inspection::consumed(const std::string& topic) const {
  return std::any_of(options_.topics.begin(), options_.topics.end(), [&](const std::string& wanted) {
    return wanted.starts_with('^') ? matches(wanted, topic) : wanted == topic;
  });
}

void Inspection::tell(const QueueSink& sink) {
  const struct rd_kafka_metadata* found = nullptr;
  const auto error = rd_kafka_metadata(client_.get(), 1, nullptr, &found, left());
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    rd_kafka_poll(client_.get(), 0);  // its reason
    const std::string& why = client_.last_reason();
    throw Error::passing(why.empty() ? std::string("no broker answers: ") + rd_kafka_err2str(error) : why);
  }
  const std::unique_ptr<const struct rd_kafka_metadata, decltype(&rd_kafka_metadata_destroy)> owner(
      found, &rd_kafka_metadata_destroy);
  find_members();
  std::set<std::string> present;
  for (const auto& topic : std::span(found->topics, static_cast<std::size_t>(found->topic_cnt))) {
    if (!consumed(topic.topic)) continue;
    present.insert(topic.topic);
    for (int partition = 0; partition < topic.partition_cnt; ++partition) {
      tell_partition({topic.topic, topic.partitions[partition].id}, sink);
    }
  }
  for (const std::string& name : options_.topics) {
    if (name.starts_with('^') || present.count(name) != 0) continue;
    Queue absent;
    absent.name = name;
    absent.state = "absent";
    sink(absent);
  }
}

// A broker that does not tell them leaves the count of consumers open.
void Inspection::find_members() {
  const EventQueue queue(rd_kafka_queue_new(client_.get()));
  const char* group = group_.c_str();
  rd_kafka_DescribeConsumerGroups(client_.get(), &group, 1, nullptr, queue.get());
  const Event event(rd_kafka_queue_poll(queue.get(), left()));
  const auto* result = event ? rd_kafka_event_DescribeConsumerGroups_result(event.get()) : nullptr;
  if (result == nullptr) throw Error::passing("no broker says who is in the group " + group_ + "; try again");
  std::size_t count = 0;
  const auto** groups = rd_kafka_DescribeConsumerGroups_result_groups(result, &count);
  for (const auto* one : std::span(groups, count)) {
    for (std::size_t i = 0; i < rd_kafka_ConsumerGroupDescription_member_count(one); ++i) {
      const auto* member = rd_kafka_ConsumerGroupDescription_member(one, i);
      const auto* has = rd_kafka_MemberAssignment_partitions(rd_kafka_MemberDescription_assignment(member));
      if (has == nullptr) continue;
      for (const rd_kafka_topic_partition_t& place : each(has)) ++members_[{place.topic, place.partition}];
    }
  }
}

void Inspection::tell_partition(const Place& place, const QueueSink& sink) {
  const auto& [topic, partition] = place;
  std::int64_t low = 0;
  std::int64_t high = 0;
  const Partitions list = make_partitions(1);
  const auto* at = rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition);
  auto error = rd_kafka_query_watermark_offsets(client_.get(), topic.c_str(), partition, &low, &high, left());
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) error = rd_kafka_committed(client_.get(), list.get(), left());
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) error = at->err;
  const std::string name = topic + " [" + std::to_string(partition) + "]";
  std::string warning;
  Queue told;
  told.name = name;
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    told.state = "refused";
    warning = rd_kafka_err2str(error);
  } else {
    const std::int64_t next = at->offset < 0 ? low : at->offset;
    const auto found = members_.find(place);
    told.consumers = found == members_.end() ? 0 : found->second;
    told.messages = static_cast<std::uint64_t>(std::max<std::int64_t>(high - std::max(next, low), 0));
    if (next < low || next > high) {
      warning = "the next message, offset " + std::to_string(next) + ", is not there any more: see lost_offset";
    } else if (told.consumers == 0U) {
      warning = "no collector of the group " + group_ + " has it: start one before retention takes what waits";
    }
  }
  if (!warning.empty()) told.warning = warning;
  sink(told);
}

}  // namespace tally::kafka
